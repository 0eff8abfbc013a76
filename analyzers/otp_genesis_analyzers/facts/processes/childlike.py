"""Whether a module can stand in a list of children by its name alone, started with `[]`."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.terms import Term

_WITH_CHILD_SPEC = frozenset({"GenServer", "Agent", "Supervisor", "DynamicSupervisor", "Task", "GenStage"})


def has_child_spec(module: Module) -> bool:
    """Made by `use`, perhaps inside a wrapper of the project, or written out."""
    used = {use.module for use in module.uses} | set(module.wrapped)
    return not used.isdisjoint(_WITH_CHILD_SPEC) or module.function("child_spec", 1) is not None


def needs_no_argument(module: Module) -> bool:
    """Its `start_link/1`, or its `init/1`, leaves what it is given unread, or has `[]` as its default."""
    start = module.function("start_link", 1)
    if start is None or not start.public:
        return False
    return _ignores(start) or _ignores(module.function("init", 1))


def _ignores(function: Function | None) -> bool:
    clauses = function.clauses if function is not None else ()
    return len(clauses) == 1 and len(clauses[0].head) == 1 and _is_ignored(clauses[0].head[0])


def _is_ignored(parameter: Term) -> bool:
    if parameter.kind == "operator" and parameter.value == "\\\\" and len(parameter.items) == 2:
        name, default = parameter.items
        return _is_ignored(name) or _is_ignored(default)
    is_empty_list = parameter.kind == "list" and not parameter.items
    return is_empty_list or (parameter.kind == "variable" and parameter.value.startswith("_"))
