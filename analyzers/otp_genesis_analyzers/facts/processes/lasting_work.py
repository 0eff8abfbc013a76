"""Whether the work of a task comes to an end, as far as its module shows."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Clause, Function
from otp_genesis_analyzers.facts.processes.started_work import Work
from otp_genesis_analyzers.source import Span

_ENDLESS_STREAMS = frozenset({"repeatedly", "cycle", "interval", "iterate", "unfold", "resource"})
_LASTING_WORDS = frozenset(
    {"loop", "run_loop", "listen", "serve", "accept", "poll", "watch", "monitor", "forever", "await", "wait"}
    | {"consume", "subscribe", "stream", "follow", "tail", "start_link", "enter_loop"}
)


def work_of(graph: CallGraph, function: Function) -> Work:
    """What a function does, and those of its module that it goes through."""
    functions = tuple(graph.functions[name] for name in graph.reached([function]))
    inner = [clause for function in functions for clause in function.clauses]
    return Work(
        tuple(call for clause in inner for call in clause.calls),
        functions,
        tuple(receive for clause in inner for receive in clause.receives),
    )


def work_within(graph: CallGraph, clause: Clause, span: Span) -> Work:
    """What the functions written or named within `span` do, whatever process runs them."""
    calls = tuple(call for call in clause.calls if span.contains(call.span))
    targets = [target for call in calls if (target := graph.target(call)) is not None]
    functions = tuple(graph.functions[name] for name in graph.reached(targets))
    inner = [inner for function in functions for inner in function.clauses]
    return Work(
        (*calls, *(call for clause in inner for call in clause.calls)),
        functions,
        (
            *(found for found in clause.receives if span.contains(found.span)),
            *(found for clause in inner for found in clause.receives),
        ),
    )


def may_last(graph: CallGraph, work: Work) -> bool:
    """It waits for messages, sleeps for ever, calls itself, or goes where nothing is seen of it."""
    if not work.calls or work.foreign or work.receives:
        return True
    if any(_is_recursive(graph, function.id) for function in work.functions):
        return True
    return any(_call_may_last(call) for call in work.calls)


def _is_recursive(graph: CallGraph, function_id: str) -> bool:
    function = graph.functions[function_id]
    targets = (
        target
        for clause in function.clauses
        for call in clause.calls
        if (target := graph.target(call)) is not None
    )
    return function_id in graph.reached(targets)


def _call_may_last(call: Call) -> bool:
    if call.module == "?" or call.name == "apply":
        return True
    if call.name == "sleep":
        return bool(call.args) and call.args[0].is_atom("infinity")
    if call.module == "Stream":
        return call.name in _ENDLESS_STREAMS
    return call.name in _LASTING_WORDS or call.name.split("_", 1)[0] in _LASTING_WORDS
