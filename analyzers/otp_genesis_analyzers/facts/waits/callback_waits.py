"""Where a callback makes its own process wait, and who waits with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.messages.shapes import may_match
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.reading.read_terms import read_term
from otp_genesis_analyzers.facts.state.server_returns import tag_of, tuples_below
from otp_genesis_analyzers.facts.waits.blocking import FoundWait, WaitKind, waits_behind
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

Audience = Literal["callers", "nobody"]
"""Who is held up while a callback waits: processes that call the server, or nobody but itself."""


OUTSIDE: frozenset[WaitKind] = frozenset({"sleep", "http", "connect", "command", "rpc"})
"""Waits that nothing in the system can shorten."""
_BESIDE_LINES = 5


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
            # What a clause of its own hands on to another one waits there.
            if call.runs == "here" and graph.target(call) is not callback:
                found = waits_behind(graph, callback, clause, call)
                if found:
                    yield CallbackWait(callback, clause, call, min(found, key=_mildness))


def far_waits(source: Source, graph: CallGraph, callback: Function) -> Iterator[CallbackWait]:
    """The calls that surely wait for the world outside, some lines away from the call that leads to them.

    Left out is a sleep that is the worst of what stands behind a call: `callback_waits` gives it.
    """
    for clause in callback.clauses:
        for call in clause.calls:
            target = graph.target(call)
            if call.runs != "here" or target is None or target is callback:
                continue
            found = waits_behind(graph, callback, clause, call)
            worst = min(found, key=_mildness, default=None)
            for wait in found:
                given = wait is worst and wait.wait.kind == "sleep"
                apart = wait.wait.kind == "sleep" or _are_apart(source, call, wait.call)
                if apart and not given and wait.wait.kind in OUTSIDE and wait.wait.certain:
                    yield CallbackWait(callback, clause, call, wait)


def _are_apart(source: Source, call: Call, other: Call) -> bool:
    """Who looks at one sees nothing of the other."""
    lines = [source.lines.line_of(each.head.start) for each in (call, other)]
    return abs(lines[0] - lines[1]) > _BESIDE_LINES


def audience(source: Source, module: Module, callback: Function, clause: Clause) -> Audience:
    """Who waits with a clause of a callback: `handle_call` has its caller, the others those that queue."""
    if callback.id == "handle_call/3" or _is_call_event(callback, clause):
        return "callers"
    if not _answers_calls(source, module) or callback.id not in (
        "handle_cast/2",
        "handle_info/2",
        "handle_continue/2",
    ):
        return "nobody"
    return "nobody" if ends_start(source, module, callback, clause) else "callers"


def ends_start(source: Source, module: Module, callback: Function, clause: Clause) -> bool:
    """A clause of `handle_continue/2` that only runs while the server starts, as the second half of it.

    `init` goes on to it, or another such clause does, and it comes back to itself by no way.
    """
    if callback.id != "handle_continue/2":
        return False
    later = _continues_of_others(source, module) if module.complete else []
    first = _led_to(callback, [*later, *_continues_in(source, clause)])
    return not any(other is clause for other in _all_behind(source, callback, first))


def _mildness(found: FoundWait) -> tuple[bool, bool, bool]:
    return (found.wait.kind == "query", not found.wait.certain, found.wait.kind == "process")


def _is_call_event(callback: Function, clause: Clause) -> bool:
    """`handle_event({:call, from}, ...)` of a state machine."""
    event = clause.head[0] if clause.head and callback.arity in (3, 4) else None
    return event is not None and event.kind == "tuple" and event.tag == "call"


def _answers_calls(source: Source, module: Module) -> bool:
    calls = module.function("handle_call", 3)
    return calls is not None and any(
        clause.head[0].kind != "variable" and not _only_answers(source, clause) for clause in calls.clauses
    )


def _only_answers(source: Source, clause: Clause) -> bool:
    """`{:reply, :pong, state}`: who asks for that wants nothing but to wait for the server."""
    answers = list(results(source, clause))
    parts = syntax.children(answers[0]) if len(answers) == 1 and answers[0].type == "tuple" else []
    return (
        len(parts) == 3
        and tag_of(answers[0]) == "reply"
        and parts[1].type in ("atom", "boolean", "nil", "integer", "string")
        and Term("variable", syntax.text(parts[2])) == clause.head[2]
        and not clause.calls
    )


def continues_later(source: Source, module: Module) -> bool:
    """Some callback but `init` goes on to `handle_continue`."""
    if not module.complete:
        return False
    return any(
        True
        for function in module.functions
        if function.id != "init/1"
        for clause in function.clauses
        for _ in _continues_in(source, clause)
    )


def _continues_of_others(source: Source, module: Module) -> list[Term]:
    """The messages with which callbacks that come after the start go on to `handle_continue`."""
    return [
        message
        for function in module.functions
        if function.id not in ("init/1", "handle_continue/2")
        for clause in function.clauses
        for message in _continues_in(source, clause)
    ]


def _continues_in(source: Source, clause: Clause) -> Iterator[Term]:
    """What stands in `{:continue, message}` in a clause."""
    for node in tuples_below(source.node_at(clause.body)) if clause.body is not None else ():
        parts = syntax.children(node)
        if tag_of(node) == "continue" and len(parts) == 2:
            yield read_term(parts[1], Scope())


def _led_to(continued: Function, messages: Iterable[Term]) -> list[Clause]:
    """The clauses of `handle_continue` that may take one of the messages."""
    known = list(messages)
    return [
        clause
        for clause in continued.clauses
        if any(may_match(clause.head[0], message) for message in known if clause.head)
    ]


def _all_behind(source: Source, continued: Function, clauses: list[Clause]) -> list[Clause]:
    """Those clauses of `handle_continue` and all that they lead on to."""
    found = list(clauses)
    for clause in found:
        more = _led_to(continued, _continues_in(source, clause))
        found += [other for other in more if not any(other is known for known in found)]
    return found
