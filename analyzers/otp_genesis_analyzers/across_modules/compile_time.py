"""What runs while the project is compiled, and never in the system that it becomes."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.project import Project

_OF_COMPILER = frozenset({"defmacro", "defmacrop", "body"})
_MAX_HOPS = 5


def runs_for_macros(project: Project, module: Module, function: Function, hops: int = _MAX_HOPS) -> bool:
    """Every caller in the application is a macro, a module's body, or runs for those alone.

    False for a function that nobody in the project calls: its callers are out of sight.
    """
    if function.kind in _OF_COMPILER:
        return True
    called = False
    for caller in _callers(project, module, function) if hops else ():
        if not runs_for_macros(project, *caller, hops - 1):
            return False
        called = True
    return called


def _callers(project: Project, module: Module, function: Function) -> Iterator[tuple[Module, Function]]:
    for caller, _, _ in call_graph(module).callers(function):
        if caller is not function:
            yield module, caller
    if function.public:
        yield from _outside(project, module, function)


def _outside(project: Project, module: Module, function: Function) -> Iterator[tuple[Module, Function]]:
    """The functions and macros of other modules that call it. Unlike `outside_calls`, macros are told too."""
    for facts in project.naming(module.name, calling=[function.name], in_application=True):
        for other in facts.modules:
            for caller in other.functions if other.name != module.name else ():
                calls = (call for clause in caller.clauses for call in clause.calls)
                named = (call for call in calls if (call.module, call.name) == (module.name, function.name))
                if any(function.accepts(call.arity) for call in named):
                    yield other, caller
