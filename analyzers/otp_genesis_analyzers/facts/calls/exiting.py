"""Calls that fail by an exit: the other process is gone, crashes, or doesn't answer in time."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Function

_ASKS = frozenset({"GenServer", "GenStage", "GenStateMachine", ":gen_server", ":gen_statem"})
_AGENT = frozenset({"get", "get_and_update", "update", "stop"})
_CANNOT_RAISE = frozenset({"Logger", "System", "IO", "Process", ":telemetry", ":timer"})
_LOOKUPS = frozenset(
    {("Keyword", "get"), ("Keyword", "put"), ("Map", "get"), ("Map", "put"), ("List", "wrap")}
)
_CANNOT_RAISE_IN_KERNEL = frozenset({"self", "inspect", "make_ref", "node", "to_string", "exit", "throw"})
_MAX_HOPS = 3


def exits(call: Call) -> bool:
    """Whether this is how the call fails: `GenServer.call`, `Task.await`, `Agent.get`."""
    if call.form == "capture":
        return False
    if call.module in _ASKS:
        return call.name in ("call", "stop")
    if call.module == "Agent":
        return call.name in _AGENT
    return call.is_to("Task", "await", "await_many")


def wrapped_exit(graph: CallGraph, function: Function) -> Call | None:
    """The call that exits, in a function that does nothing else that can fail; None for any other."""
    found: Call | None = None
    for clause in function.clauses:
        asks = [call for call in clause.calls if exits(call) and call.runs == "here"]
        if any(call.guarded_by_rescue for call in asks) or can_raise(graph, clause.calls):
            return None
        found = found or next(iter(asks), None)
    return found


def can_raise(graph: CallGraph, calls: tuple[Call, ...], hops: int = _MAX_HOPS) -> bool:
    """Whether one of the calls may raise, as far as calls decide it: those out of sight may."""
    return any(not _is_harmless(graph, call, hops) for call in calls)


def _is_harmless(graph: CallGraph, call: Call, hops: int) -> bool:
    if exits(call) or call.module in _CANNOT_RAISE or (call.module, call.name) in _LOOKUPS:
        return True
    if call.module == "Kernel":
        return call.name in _CANNOT_RAISE_IN_KERNEL or call.name.startswith("is_")
    target = graph.target(call)
    if target is None or not hops:
        return False
    return not any(can_raise(graph, clause.calls, hops - 1) for clause in target.clauses)
