"""Which functions of a module OTP and its frameworks call, in the module's own process."""

from __future__ import annotations

from collections.abc import Mapping

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, Chain
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.processes.kinds import Kind, kinds

_GEN_SERVER = frozenset(
    {
        "init/1",
        "handle_call/3",
        "handle_cast/2",
        "handle_info/2",
        "handle_continue/2",
        "terminate/2",
    }
)
_CALLBACKS: dict[Kind, frozenset[str]] = {
    "GenServer": _GEN_SERVER,
    "GenStage": _GEN_SERVER | {"handle_demand/2", "handle_events/3", "handle_subscribe/4", "handle_cancel/3"},
    "gen_statem": frozenset({"init/1", "handle_event/4", "terminate/3"}),
    "WebSockex": frozenset(
        {"handle_frame/2", "handle_cast/2", "handle_info/2", "handle_connect/2", "handle_disconnect/2"}
        | {"handle_ping/2", "handle_pong/2", "terminate/2"}
    ),
    "LiveView": frozenset(
        {"mount/3", "handle_params/3", "handle_event/3", "handle_info/2", "handle_async/3"}
        | {"handle_call/3", "handle_cast/2", "render/1", "terminate/2"}
    ),
    "LiveComponent": frozenset({"mount/1", "update/2", "handle_event/3", "handle_async/3", "render/1"}),
    "Channel": frozenset(
        {"join/3", "handle_in/3", "handle_out/3", "handle_info/2", "handle_call/3", "handle_cast/2"}
        | {"terminate/2"}
    ),
}
_STATE_EVENTS = ("enter", "info", "cast", "internal", "timeout", "state_timeout", "call")


def callbacks(module: Module) -> tuple[Function, ...]:
    """The functions that run in the process of a server, a view or a channel, first in line."""
    found = kinds(module)
    names = frozenset[str]().union(*(_CALLBACKS.get(kind, frozenset()) for kind in found))
    return tuple(
        function
        for function in module.functions
        if function.public
        and (function.id in names or ("gen_statem" in found and _is_state_function(function)))
    )


def callback_chains(graph: CallGraph) -> Mapping[str, Chain]:
    """Every function that runs in the module's own process, with the chain from its callback."""
    return graph.reached(callbacks(graph.module))


def _is_state_function(function: Function) -> bool:
    """`connected(:info, message, data)`: named after the state, so told by its event types."""
    return function.arity == 3 and any(
        clause.head and clause.head[0].tag in _STATE_EVENTS for clause in function.clauses
    )
