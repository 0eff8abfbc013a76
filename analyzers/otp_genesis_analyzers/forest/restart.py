"""When a supervisor starts a child again: what the child's specification says, where that is certain."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.model import Child, Module, Use
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.terms import Term

_OF_BEHAVIOUR = {
    "Agent": "permanent",
    "DynamicSupervisor": "permanent",
    "Ecto.Repo": "permanent",
    "GenServer": "permanent",
    "GenStage": "permanent",
    "Phoenix.Endpoint": "permanent",
    "Supervisor": "permanent",
    "Task": "temporary",
}
"""What `use` makes of `child_spec/1`, unless its `:restart` says otherwise."""

_OF_LIBRARY = {
    "Agent": "permanent",
    "DynamicSupervisor": "permanent",
    "PartitionSupervisor": "permanent",
    "Registry": "permanent",
    "Task": "temporary",
    "Task.Supervisor": "permanent",
}


def restart_of(project: Project, child: Child) -> str:
    """`permanent`, `transient` or `temporary`; empty when that is not certain."""
    if child.restart:
        return child.restart.removeprefix("?")
    if child.start:
        return "permanent"  # a specification written out as a map says no other
    entry = project.modules.get(child.module)
    return _OF_LIBRARY.get(child.module, "") if entry is None else _of_module(project, entry.module)


def _of_module(project: Project, module: Module) -> str:
    if module.function("child_spec", 1) is not None or not module.complete:
        return ""
    found = {_in_options(use.module, use.options) for use in _uses(project, module)}
    return found.pop() if len(found) == 1 else ""


def _uses(project: Project, module: Module) -> Iterator[Use]:
    """The `use` directives that define the module's `child_spec/1`, its own or those of a wrapper."""
    for use in module.uses:
        if use.module in _OF_BEHAVIOUR:
            yield use
        elif (wrapper := project.modules.get(use.module)) is not None:
            yield from (inner for _, inner in wrapper.module.injects if inner.module in _OF_BEHAVIOUR)


def _in_options(behaviour: str, options: Term | None) -> str:
    if options is None:
        return _OF_BEHAVIOUR[behaviour]
    if options.kind != "list" or any(item.kind != "pair" for item in options.items):
        return ""
    restart = options.get("restart")
    if restart is None:
        return _OF_BEHAVIOUR[behaviour]
    return restart.value if restart.kind == "atom" else ""
