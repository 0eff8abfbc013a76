"""Where calls stand: every call of a file with the clause, function and module around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.model import Call, Clause, FileFacts, Function, Module
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.source import Span

_COMPILE_TIME = frozenset({"defmacro", "defmacrop", "defguard", "body", "test"})


class Site(NamedTuple):
    module: Module
    function: Function
    clause: Clause
    call: Call

    @property
    def scope(self) -> str:
        """`Shop.Mailer.notify/1`: the scope of a finding here."""
        return f"{self.module.name}.{self.function.id}" if self.function.kind != "body" else self.module.name


def sites(module: Module) -> Iterator[Site]:
    """The calls that a module makes at run time; what its macros and its body do is left out."""
    for function in module.functions:
        if function.kind not in _COMPILE_TIME:
            for clause in function.clauses:
                for call in clause.calls:
                    yield Site(module, function, clause, call)


def site_at(facts: FileFacts, head: Span) -> Site | None:
    """The call whose head is at `head`; of `apply` and what it calls, the latter."""
    found: Site | None = None
    for module in facts.modules:
        if module.span.contains(head):
            for site in sites(module):
                if site.call.head == head and (found is None or site.call.form == "apply"):
                    found = site
    return found


def production_modules(facts: FileFacts, role: Role) -> Iterator[Module]:
    """The modules of a file that run as part of the application."""
    if role.is_application_code:
        for module in facts.modules:
            if not kinds(module) & {"Mix task", "Test"}:
                yield module
