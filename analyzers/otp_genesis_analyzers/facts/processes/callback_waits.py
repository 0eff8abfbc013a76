"""Where a callback makes its own process wait, and who waits with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from otp_genesis_analyzers.facts.calls.blocking import FoundWait, waits_behind
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.state.server_returns import tag_of, tuples_below
from otp_genesis_analyzers.source import Source

Audience = Literal["callers", "nobody"]
"""Who is held up while a callback waits: processes that call the server, or nobody but itself."""


class CallbackWait(NamedTuple):
    """`call` stands in the callback's clause; `found` is the call that waits, there or behind it."""

    callback: Function
    clause: Clause
    call: Call
    found: FoundWait

    @property
    def direct(self) -> bool:
        return self.found.call is self.call


def callback_waits(graph: CallGraph, callback: Function) -> Iterator[CallbackWait]:
    """Each call in a callback that makes it wait, with the worst that stands behind it."""
    for clause in callback.clauses:
        for call in clause.calls:
            if call.runs == "here":
                found = waits_behind(graph, callback, clause, call)
                if found:
                    yield CallbackWait(callback, clause, call, min(found, key=_mildness))


def audience(source: Source, module: Module, callback: Function, clause: Clause) -> Audience:
    """Who waits with a clause of a callback: `handle_call` has its caller, the others those that queue."""
    if callback.id == "handle_call/3" or _is_call_event(callback, clause):
        return "callers"
    if not _answers_calls(module) or callback.id not in (
        "handle_cast/2",
        "handle_info/2",
        "handle_continue/2",
    ):
        return "nobody"
    return "nobody" if ends_start(source, module, callback) else "callers"


def ends_start(source: Source, module: Module, callback: Function) -> bool:
    """`handle_continue/2` where nothing but `init` goes on to it: the second half of the server's start."""
    return callback.id == "handle_continue/2" and not continues_later(source, module)


def _mildness(found: FoundWait) -> tuple[bool, bool, bool]:
    return (found.wait.kind == "query", not found.wait.certain, found.wait.kind == "process")


def _is_call_event(callback: Function, clause: Clause) -> bool:
    """`handle_event({:call, from}, ...)` of a state machine."""
    event = clause.head[0] if clause.head and callback.arity in (3, 4) else None
    return event is not None and event.kind == "tuple" and event.tag == "call"


def _answers_calls(module: Module) -> bool:
    calls = module.function("handle_call", 3)
    return calls is not None and any(clause.head[0].kind != "variable" for clause in calls.clauses)


def continues_later(source: Source, module: Module) -> bool:
    """Some callback but `init` goes on to `handle_continue`."""
    if not module.complete:
        return False
    return any(
        tag_of(node) == "continue"
        for function in module.functions
        for clause in function.clauses
        if function.id != "init/1" and clause.body is not None
        for node in tuples_below(source.node_at(clause.body))
    )
