"""What a child is, by its module: a supervisor or a worker, with which behaviour and strategy."""

from __future__ import annotations

from msgspec import structs

from otp_genesis_analyzers.facts.model import Child, ChildList, Module
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.reading.listing import Listing, alternatives
from otp_genesis_analyzers.forest.model import Role

_SUPERVISORS = frozenset(
    {":supervisor", "ConsumerSupervisor", "DynamicSupervisor", "Ecto.Repo", "Phoenix.Endpoint", "Supervisor"}
)
_WORKERS = frozenset(
    {
        ":gen_server",
        ":gen_statem",
        "Agent",
        "Broadway",
        "Connection",
        "GenServer",
        "GenStage",
        "GenStateMachine",
        "Task",
        "WebSockex",
    }
)
_LIBRARY: dict[str, Role] = {
    "Agent": "worker",
    "DynamicSupervisor": "supervisor",
    "PartitionSupervisor": "supervisor",
    "Registry": "supervisor",
    "Supervisor": "supervisor",
    "Task": "worker",
    "Task.Supervisor": "supervisor",
}
DYNAMIC = frozenset({"DynamicSupervisor", "ConsumerSupervisor"})
"""Knows no other strategy than one_for_one."""


def behaviour_of(module: Module) -> str:
    """The behaviour that makes a process of it: `GenServer`; empty when none is known."""
    named = (*(use.module for use in module.uses), *module.behaviours, *module.wrapped)
    known = [name for name in named if name in _SUPERVISORS or name in _WORKERS]
    return known[0] if known else next(iter(kinds(module) & SERVERS), "")


def role_of(name: str, module: Module | None) -> Role:
    if module is None:
        return _LIBRARY.get(name, "unknown")
    behaviour = behaviour_of(module)
    if behaviour in _SUPERVISORS or (not behaviour and own_lists(module)):
        return "supervisor"
    return "worker" if behaviour else "unknown"


def is_supervisor(module: Module) -> bool:
    """Has children of its own, as far as can be seen."""
    return bool(own_lists(module)) or behaviour_of(module) in (
        _SUPERVISORS - {"Ecto.Repo", "Phoenix.Endpoint"}
    )


def own_lists(module: Module) -> tuple[ChildList, ...]:
    """The lists of children that its processes start with; those of `init/1` where it has any.

    Lists for one and the same supervisor are alternatives, and given as one.
    """
    static = [children for children in module.child_lists if children.kind == "static"]
    static = [children for children in static if children.function == "init/1"] or static
    supervisors: dict[tuple[str, str], list[ChildList]] = {}
    for children in static:
        supervisors.setdefault((children.supervisor, children.strategy), []).append(children)
    return tuple(_as_one(lists) for lists in supervisors.values())


def _as_one(lists: list[ChildList]) -> ChildList:
    if len(lists) == 1:
        return lists[0]
    listing = alternatives(
        [Listing(one.children, one.complete, one.includes) for one in lists], exhaustive=True
    )
    return structs.replace(
        lists[0], children=listing.children, complete=listing.complete, includes=listing.includes
    )


def strategy_of(child: Child, module: Module | None) -> str:
    if module is None:
        given = child.argument.get("strategy") if child.argument is not None else None
        if given is not None:
            return given.value if given.kind == "atom" else ""
        return "one_for_one" if child.module in (*DYNAMIC, "PartitionSupervisor") else ""
    if kinds(module) & SERVERS:
        return ""
    if behaviour_of(module) in DYNAMIC:
        return "one_for_one"
    strategies = {children.strategy for children in own_lists(module)}
    return strategies.pop() if len(strategies) == 1 else ""
