"""Which modules can be handed to a supervisor as they are: `Shop.Cart`, `{Shop.Cart, argument}`."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.project import Project

_DEFINES_CHILD_SPEC = frozenset(
    {
        "Agent",
        "Broadway",
        "Connection",
        "ConsumerSupervisor",
        "DynamicSupervisor",
        "GenServer",
        "GenStage",
        "GenStateMachine",
        "Phoenix.Endpoint",
        "Supervisor",
        "Task",
        "WebSockex",
    }
)
"""What `use` defines a `child_spec/1` whose start function is `start_link/1`."""

_OF_ELIXIR = frozenset({"Agent", "DynamicSupervisor", "PartitionSupervisor", "Registry", "Task.Supervisor"})


def has_child_spec(project: Project, module_name: str) -> bool:
    """A module of the project, or of Elixir, that `start_supervised!({module, argument})` can start."""
    if module_name in _OF_ELIXIR:
        return True
    entry = project.outline(module_name)
    return entry is not None and (
        entry.module.function("child_spec", 1) is not None
        or any(use in _DEFINES_CHILD_SPEC for use in _uses(project, entry.module))
    )


def _uses(project: Project, module: Module) -> set[str]:
    """What the module uses, and what the macros of the project that it uses bring in."""
    direct = {use.module for use in module.uses}
    wrappers = (entry.module for name in direct if (entry := project.outline(name)) is not None)
    return direct | {use.module for wrapper in wrappers for _, use in wrapper.injects}
