"""Who uses what a function returns, over the whole project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.results import thrown_away
from otp_genesis_analyzers.facts.model import Call, Clause, FileFacts, Function, Module
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.whole_project import WholeProject

_MAX_CALLERS_UP = 6
"""How many functions that only hand the value on are followed; beyond, it counts as used."""


class Caller(NamedTuple):
    path: str
    module: Module
    function: Function
    clause: Clause
    call: Call


class Use(NamedTuple):
    """A place that may look at the value."""

    path: str
    span: Span

    def place(self, project: Project) -> str:
        """`lib/shop/cart.ex:12`."""
        return place(Source(self.path, project.read(self.path)), self.span.start)


def use_of_value(whole: WholeProject, module: Module, function: Function) -> Use | None:
    """A place where the value that a function returns is used; None when every known caller drops it."""
    return _use(whole, module, function, frozenset(), _MAX_CALLERS_UP)


def _callers(files: Iterable[FileFacts], module: Module, function: Function) -> Iterator[Caller]:
    """Every call and capture of a function."""
    for facts in files:
        for other in facts.modules:
            for caller in other.functions:
                for clause in caller.clauses:
                    for call in clause.calls:
                        if _reaches(call, other, module, function):
                            yield Caller(facts.path, other, caller, clause, call)


def _use(
    whole: WholeProject, module: Module, function: Function, seen: frozenset[str], callers_up: int
) -> Use | None:
    here = f"{module.name}.{function.id}"
    if here in seen:
        return None
    seen |= {here}
    files = whole.naming(function.name, module.name)
    for caller in _callers(files, module, function):
        used = Use(caller.path, caller.call.head)
        if caller.call.form != "call" or _is_matched(caller.call):
            return used
        if thrown_away(caller.clause, caller.call) or _ends_a_test(caller):
            continue
        if caller.call.result != "returned" or callers_up == 0:
            return used
        further = _use(whole, caller.module, caller.function, seen, callers_up - 1)
        if further is not None:
            return further
    for delegating, delegate in _delegates(files, module, function):
        further = _use(whole, delegating, delegate, seen, callers_up)
        if further is not None:
            return further
    return None


def _reaches(call: Call, caller: Module, module: Module, function: Function) -> bool:
    if call.name != function.name or not function.accepts(call.arity):
        return False
    if call.module:
        return call.module == module.name
    written = f"{call.name}/{call.arity}"
    return caller.name == module.name or any(
        directive.module == module.name and directive.only is None and written not in directive.excepted
        for directive in caller.imports
    )


def _is_matched(call: Call) -> bool:
    """`true = bump(ip)`: a pattern that keeps nothing still fails where the value is another."""
    return call.result == "bound" and call.bound_to is not None and call.bound_to.kind != "variable"


def _ends_a_test(caller: Caller) -> bool:
    return caller.function.kind == "test" and caller.call.result == "returned"


def _delegates(
    files: Iterable[FileFacts], module: Module, function: Function
) -> Iterator[tuple[Module, Function]]:
    """Functions that may delegate to this one: of the same name, in another module."""
    for facts in files:
        for other in facts.modules:
            if other.name != module.name:
                for candidate in other.functions:
                    if candidate.kind == "defdelegate" and candidate.id == function.id:
                        yield other, candidate
