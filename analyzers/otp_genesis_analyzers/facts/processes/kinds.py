"""What a module is: a server, a supervisor, a view, a job, by what it uses and implements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import structs

from otp_genesis_analyzers.facts.model import FileFacts, Module

Kind = Literal[
    "GenServer",
    "GenStage",
    "gen_statem",
    "WebSockex",
    "LiveView",
    "LiveComponent",
    "Channel",
    "Controller",
    "Plug",
    "Agent",
    "Task",
    "Supervisor",
    "Application",
    "Broadway",
    "Job",
    "Mix task",
    "Test",
]

SERVERS: frozenset[Kind] = frozenset({"GenServer", "GenStage", "gen_statem", "WebSockex"})
"""Processes that a project writes to be its own servers."""

WEB_PROCESSES: frozenset[Kind] = frozenset({"LiveView", "LiveComponent", "Channel"})
"""Processes that Phoenix starts for each user."""

_KIND_OF_MODULE: dict[str, Kind] = {
    "GenServer": "GenServer",
    ":gen_server": "GenServer",
    "Connection": "GenServer",
    "GenStage": "GenStage",
    ":gen_statem": "gen_statem",
    "GenStateMachine": "gen_statem",
    "WebSockex": "WebSockex",
    "Phoenix.LiveView": "LiveView",
    "Phoenix.LiveComponent": "LiveComponent",
    "Phoenix.Channel": "Channel",
    "Phoenix.Controller": "Controller",
    "Plug": "Plug",
    "Plug.Builder": "Plug",
    "Plug.Router": "Plug",
    "Agent": "Agent",
    "Task": "Task",
    "Supervisor": "Supervisor",
    ":supervisor": "Supervisor",
    "DynamicSupervisor": "Supervisor",
    "ConsumerSupervisor": "Supervisor",
    "Application": "Application",
    "Broadway": "Broadway",
    "Oban.Worker": "Job",
    "Oban.Pro.Worker": "Job",
    "Mix.Task": "Mix task",
    "ExUnit.Case": "Test",
    "ExUnit.CaseTemplate": "Test",
}

_KIND_OF_WEB_OPTION: dict[str, frozenset[Kind]] = {
    "live_view": frozenset({"LiveView"}),
    "live_component": frozenset({"LiveComponent"}),
    "channel": frozenset({"Channel"}),
    "controller": frozenset({"Controller"}),
    "plug": frozenset({"Plug"}),
}
"""The convention of Phoenix projects: `use ShopWeb, :live_view`."""

Wrappers = Mapping[str, tuple[str, ...]]
"""Modules of a project by name, with what `use` of one brings: see `Module.wrapped`."""

_SERVER_SIGNS = ("handle_call/3", "handle_cast/2", "handle_continue/2")


def kinds(module: Module) -> frozenset[Kind]:
    """Everything that the module is.

    A module with server callbacks and no known `use` is taken for a GenServer: the `use` comes
    from a macro of the project.
    """
    named = (*module.behaviours, *module.wrapped)
    found = set[Kind](_KIND_OF_MODULE[name] for name in named if name in _KIND_OF_MODULE)
    for use in module.uses:
        if use.module in _KIND_OF_MODULE:
            found.add(_KIND_OF_MODULE[use.module])
        elif use.options is not None and use.options.kind == "atom":
            found |= _KIND_OF_WEB_OPTION.get(use.options.value, frozenset())
    if not found & (SERVERS | WEB_PROCESSES) and _defines_server_callbacks(module):
        found.add("GenServer")
    return frozenset(found)


def wrappers_among(modules: Iterable[Module]) -> Wrappers:
    """The modules whose `__using__` makes something known of whoever uses them."""
    found: dict[str, tuple[str, ...]] = {}
    for module in modules:
        uses = [use.module for function, use in module.injects if function == "__using__"]
        known = tuple(name for name in uses if name in _KIND_OF_MODULE)
        if known:
            unknown = ("?",) if len(known) < len(uses) else ()
            found[module.name] = (module.name, *known, *module.quoted, *unknown)
    return found


def with_wrapped(facts: FileFacts, wrappers: Wrappers) -> FileFacts:
    """The facts with what these wrappers make of each module; the same object where nothing is new."""
    modules = tuple(_with_wrapped(module, wrappers) for module in facts.modules)
    if all(new is old for new, old in zip(modules, facts.modules, strict=True)):
        return facts
    return structs.replace(facts, modules=modules)


def is_known_wrapper(module: Module, used: str) -> bool:
    """All that `use` of the module `used` adds is known, and stands in `module.wrapped`."""
    return used in module.wrapped and "?" not in module.wrapped


def explained(facts: FileFacts) -> bool:
    """Whether no wrapper can make anything else of the modules: all that they use is known."""
    return all(use.module in _KIND_OF_MODULE for module in facts.modules for use in module.uses)


def _with_wrapped(module: Module, wrappers: Wrappers) -> Module:
    wrapped = tuple(name for use in module.uses for name in wrappers.get(use.module, ()))
    return module if wrapped == module.wrapped else structs.replace(module, wrapped=wrapped)


def _defines_server_callbacks(module: Module) -> bool:
    return any(function.kind == "def" and function.id in _SERVER_SIGNS for function in module.functions)
