"""What a module is: a server, a supervisor, a view, a job, by what it uses and implements."""

from __future__ import annotations

from typing import Literal

from otp_genesis_analyzers.facts.model import Module

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

_SERVER_SIGNS = ("handle_call/3", "handle_cast/2", "handle_continue/2")


def kinds(module: Module) -> frozenset[Kind]:
    """Everything that the module is.

    A module with server callbacks and no known `use` is taken for a GenServer: the `use` comes
    from a macro of the project.
    """
    found = set[Kind](_KIND_OF_MODULE[name] for name in module.behaviours if name in _KIND_OF_MODULE)
    for use in module.uses:
        if use.module in _KIND_OF_MODULE:
            found.add(_KIND_OF_MODULE[use.module])
        elif use.options is not None and use.options.kind == "atom":
            found |= _KIND_OF_WEB_OPTION.get(use.options.value, frozenset())
    if not found & (SERVERS | WEB_PROCESSES) and _defines_server_callbacks(module):
        found.add("GenServer")
    return frozenset(found)


def _defines_server_callbacks(module: Module) -> bool:
    return any(function.kind == "def" and function.id in _SERVER_SIGNS for function in module.functions)
