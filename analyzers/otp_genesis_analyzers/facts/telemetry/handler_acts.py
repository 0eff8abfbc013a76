"""What a telemetry handler does to other processes, in the process that emits the event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, Function
from otp_genesis_analyzers.facts.processes.starts import spawn_tie
from otp_genesis_analyzers.facts.telemetry.attached import is_detach

Act = Literal["waits", "sends", "casts", "starts"]

_WAITS = {
    "GenServer": {"call", "multi_call"},
    "GenStage": {"call"},
    ":gen_server": {"call"},
    ":gen_statem": {"call"},
    "GenStateMachine": {"call"},
}
_SENDS = {"Kernel": {"send"}, "Process": {"send"}, ":erlang": {"send"}}
_CASTS = {module: {"cast"} for module in _WAITS}
_STARTS = {
    "Task": {"start", "start_link", "async"},
    "Task.Supervisor": {"start_child", "async", "async_nolink"},
    "DynamicSupervisor": {"start_child"},
    "Supervisor": {"start_child"},
}
_ORDER: tuple[Act, ...] = ("waits", "sends", "casts", "starts")


class HandlerAct(NamedTuple):
    act: Act
    call: Call


def strongest_act(calls: Iterable[Call]) -> HandlerAct | None:
    """The call that ties the emitter most to another process; None for a handler that only looks on."""
    found = [HandlerAct(act, call) for call in calls if (act := _act_of(call)) is not None]
    return min(found, key=lambda one: _ORDER.index(one.act), default=None)


def calls_of(graph: CallGraph, function: Function) -> Iterator[Call]:
    """What a function calls in the process that enters it, its helpers included."""
    for reached_id in graph.reached([function]):
        for clause in graph.functions[reached_id].clauses:
            yield from (call for call in clause.calls if call.runs == "here")


def waits_for_message(graph: CallGraph, function: Function) -> bool:
    """A function, or one that it calls, or one that calls it as a helper, has a `receive`."""
    callers = [caller for caller, _, _ in graph.callers(function)] if function.kind == "defp" else []
    return any(
        receive.runs == "here"
        for reached_id in graph.reached([function, *callers])
        for clause in graph.functions[reached_id].clauses
        for receive in clause.receives
    )


def attached_for_one_request(attach: Site) -> bool:
    """The clause detaches the same handler again, and its id is made at run time."""
    handler_id = attach.call.args[0]
    made = any(part.kind in ("variable", "interpolation", "call") for part in handler_id.walk())
    return made and any(is_detach(call) and call.args[:1] == (handler_id,) for call in attach.clause.calls)


def _act_of(call: Call) -> Act | None:
    if call.form == "capture":
        return None
    if call.name in _WAITS.get(call.module, ()):
        return "waits"
    if call.name in _SENDS.get(call.module, ()):
        return "sends"
    if call.name in _CASTS.get(call.module, ()):
        return "casts"
    if call.name in _STARTS.get(call.module, ()) or spawn_tie(call) is not None:
        return "starts"
    return None
