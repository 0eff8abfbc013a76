"""Who uses what a function returns, over the whole project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.results import thrown_away
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span

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


def use_of_value(project: Project, module: Module, function: Function) -> Use | None:
    """A place where the value that a function returns is used; None when every known caller drops it."""
    return _use(project, module, function, frozenset(), _MAX_CALLERS_UP)


def callers(project: Project, module: Module, function: Function) -> Iterator[Caller]:
    """Every call and capture of a function in the project, delegations included."""
    for path, analysis in project.files.items():
        for other in analysis.facts.modules:
            for caller in other.functions:
                for clause in caller.clauses:
                    for call in clause.calls:
                        if _reaches(call, other, module, function):
                            yield Caller(path, other, caller, clause, call)


def _use(
    project: Project, module: Module, function: Function, seen: frozenset[str], callers_up: int
) -> Use | None:
    here = f"{module.name}.{function.id}"
    if here in seen:
        return None
    seen |= {here}
    for caller in callers(project, module, function):
        used = Use(caller.path, caller.call.head)
        if caller.call.form != "call":
            return used
        if thrown_away(caller.clause, caller.call) or _ends_a_test(caller):
            continue
        if caller.call.result != "returned" or callers_up == 0:
            return used
        further = _use(project, caller.module, caller.function, seen, callers_up - 1)
        if further is not None:
            return further
    for delegating, delegate in _delegates(project, module, function):
        further = _use(project, delegating, delegate, seen, callers_up)
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


def _ends_a_test(caller: Caller) -> bool:
    return caller.function.kind == "test" and caller.call.result == "returned"


def _delegates(project: Project, module: Module, function: Function) -> Iterator[tuple[Module, Function]]:
    """Functions that may delegate to this one: of the same name, in another module."""
    for analysis in project.files.values():
        for other in analysis.facts.modules:
            if other.name != module.name:
                for candidate in other.functions:
                    if candidate.kind == "defdelegate" and candidate.id == function.id:
                        yield other, candidate
