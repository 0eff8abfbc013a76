"""The name behind a pid that was looked up in the same function: `pid = Process.whereis(Shop.Mailer)`."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.provenance import argument_nodes, binding_of
from otp_genesis_analyzers.facts.messages.client_api import LOOKUPS
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term


def name_behind(clause: Clause, call: Call, pid: Term) -> Term | None:
    """The name whose look-up is the last before `call` that can have given it `pid`, a variable."""
    lookup = _last_lookup(clause, call, pid)
    return lookup.args[0] if lookup is not None else None


def surely_looked_up(source: Source, clause: Clause, call: Call, pid: Term) -> bool:
    """The variable that is the call's first argument holds what that look-up gave, and nothing else."""
    lookup, arguments = _last_lookup(clause, call, pid), argument_nodes(source, call)
    if lookup is None or not arguments or arguments[0].type != "identifier":
        return False
    binding = binding_of(arguments[0])
    if binding is None or binding.value is None or binding.pattern.type != "identifier":
        return False
    return binding.value.end_byte == lookup.span.end and binding.value.start_byte <= lookup.span.start


def _last_lookup(clause: Clause, call: Call, pid: Term) -> Call | None:
    found: Call | None = None
    for other in clause.calls:
        is_lookup = f"{other.module}.{other.name}" in LOOKUPS and other.form == "call" and other.args
        may_give = other.bound_to == pid or other.result == "subject"
        same_way = call.branch[: len(other.branch)] == other.branch and other.closure in (-1, call.closure)
        if is_lookup and may_give and same_way and other.span.end <= call.head.start:
            found = other
    return found
