"""Timers that a server sets for itself: chains of one message that arms itself again, and time limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.calls.results import thrown_away
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.shapes import (
    Taken,
    has_shape_of,
    is_later,
    sent,
    sent_by,
    taken,
    unwrapped,
)
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.registered_names import is_self, registered_names
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_MAX_HOPS = 3
_ENDS = frozenset({"DOWN", "EXIT"})
_CONSTANT = frozenset({"atom", "tuple", "int", "string", "module"})


class Reached(NamedTuple):
    """A call that a clause makes, itself or through functions of its module, which `first` leads to.

    `certain` is false where a branch is on the way.
    """

    first: Call
    site: Site
    certain: bool


class Arming(NamedTuple):
    """A message that a server sends itself, now or later."""

    message: Term
    reached: Reached

    @property
    def call(self) -> Call:
        return self.reached.site.call


class SecondChain(NamedTuple):
    """A call, a cast or a `:DOWN` that starts a chain of a message which arms itself again in `handler`."""

    entry: Taken
    arming: Arming
    handler: Taken
    again: Arming

    @property
    def surely(self) -> bool:
        """Whenever the entry is taken, and for ever: no condition is in the way but one that both have."""
        reached = self.arming.reached
        if self.arming.call is self.again.call:
            decided = reached.first.branch or self.arming.call.branch
            return not decided and len(reached.site.function.clauses) == 1
        return reached.certain and self.again.reached.certain


class OpenLimit(NamedTuple):
    """A timer that answers a caller, of whom somebody else knows too; nothing can cancel it."""

    site: Site
    handler: Taken
    reply: Call


def second_chains(graph: CallGraph) -> Iterator[SecondChain]:
    """Chains started beside the one that runs, with no timer cancelled on the way.

    That is by a call, a cast, or the end of another process.
    """
    clauses = list(taken(graph.module))
    chains = [
        (handler, again)
        for handler in clauses
        if handler.way == "info"
        for again in _own_chain(graph, handler)
    ]
    for entry in clauses if chains else ():
        tells_end = entry.way == "info" and unwrapped(entry.pattern).tag in _ENDS
        if not tells_end and entry.way not in ("call", "cast"):
            continue
        if _is_idle_clause(entry) or _comes_once(graph.module, entry):
            continue
        reached = list(_calls_from(graph, entry.function, entry.clause))
        if any(cancels(found.site.call) for found in reached):
            continue
        started: dict[Term, SecondChain] = {}
        for arming in _armed(graph.module, reached):
            for handler, again in chains:
                # What is armed only sometimes may stand still until a process has ended.
                if arming.message == again.message and (again.reached.certain or not tells_end):
                    started.setdefault(arming.message, SecondChain(entry, arming, handler, again))
        yield from started.values()


def open_limits(source: Source, graph: CallGraph) -> Iterator[OpenLimit]:
    """Time limits of requests that answer whatever became of the request meanwhile."""
    module = graph.module
    handlers = [clause for clause in taken(module) if clause.way == "info"]
    for entry in taken(module):
        asker = _asker(entry)
        if not asker:
            continue
        helpers = _helpers(source, graph, entry, asker)
        for function, clause, name in [(entry.function, entry.clause, asker), *helpers]:
            for call in clause.calls:
                found = _open_limit(handlers, clause, call, name)
                if found is not None and _is_known_elsewhere(source, clause, call, name):
                    yield OpenLimit(Site(module, function, clause, call), *found)


def _helpers(
    source: Source, graph: CallGraph, entry: Taken, asker: str
) -> Iterator[tuple[Function, Clause, str]]:
    """Functions of the module that are handed the caller, with their name for it."""
    for call in entry.clause.calls:
        target = graph.target(call) if call.runs == "here" and call.form == "call" else None
        if target is None or target is entry.function:
            continue
        given = [syntax.text(node) for node in argument_nodes(source, call)]
        for clause in target.clauses:
            for name, parameter in zip(given, clause.head, strict=False):
                if name == asker and parameter.kind == "variable":
                    yield target, clause, parameter.value


def _open_limit(handlers: list[Taken], clause: Clause, call: Call, asker: str) -> tuple[Taken, Call] | None:
    """The handler of a timer for the caller that nothing cancels, with its answer."""
    message = sent_by(call)
    if message is None or not is_later(call) or not thrown_away(clause, call):
        return None
    if not any(part.value == asker for part in message[2].walk() if part.kind == "variable"):
        return None
    handler = next((one for one in handlers if has_shape_of(one.pattern, message[2])), None)
    reply = _sure_reply(handler) if handler is not None and not _looks_first(handler) else None
    return (handler, reply) if handler is not None and reply is not None else None


def cancels(call: Call) -> bool:
    return (call.module, call.name) in {
        ("Process", "cancel_timer"),
        (":erlang", "cancel_timer"),
        (":timer", "cancel"),
    }


def _own_chain(graph: CallGraph, handler: Taken) -> Iterator[Arming]:
    """The same message, armed again by the clause that takes it."""
    for arming in _armed(graph.module, _calls_from(graph, handler.function, handler.clause)):
        if has_shape_of(handler.pattern, arming.message) and is_later(arming.call):
            yield arming


def _armed(module: Module, reached: Iterable[Reached]) -> Iterator[Arming]:
    for found in reached:
        sent = _plain_message(found.site.call)
        if (
            sent is not None
            and _is_own(module, sent[0])
            and all(part.kind in _CONSTANT for part in sent[1].walk())
        ):
            yield Arming(sent[1], found)


def _plain_message(call: Call) -> tuple[Term, Term] | None:
    """Addressee and message; `:erlang.send_after` takes the time first."""
    if call.module == ":erlang" and is_later(call):
        return (call.args[1], call.args[2]) if len(call.args) > 2 else None
    message = sent_by(call)
    return message[1:] if message is not None and message[0] == "info" else None


def _is_own(module: Module, server: Term) -> bool:
    own_name = server.kind == "module" and server.value == module.name
    return is_self(server) or own_name or server in registered_names(module)


def _calls_from(
    graph: CallGraph, function: Function, clause: Clause, hops: int = _MAX_HOPS
) -> Iterator[Reached]:
    """The calls that a clause makes in its own process, through the functions of the module."""
    for call in clause.calls:
        if call.runs != "here" or call.form != "call":
            continue
        certain = not call.branch
        yield Reached(call, Site(graph.module, function, clause, call), certain)
        target = graph.target(call)
        if target is None or not hops or target is function or target.name.startswith("handle_"):
            continue
        for inner in target.clauses:
            for found in _calls_from(graph, target, inner, hops - 1):
                yield Reached(call, found.site, certain and found.certain and len(target.clauses) == 1)


def _is_idle_clause(entry: Taken) -> bool:
    """The clause is only for a state without a timer: `%{timer: nil}` stands in its head."""
    state = entry.clause.head[-1]
    fixed = ("nil", "false", "idle", "stopped", "paused")
    return entry.clause.guard is not None or any(
        value.is_atom(*fixed)
        for part in state.walk()
        if part.kind in ("map", "struct")
        for _, value in part.pairs
    )


def _comes_once(module: Module, entry: Taken) -> bool:
    """Only the start of the server sends it, to itself."""
    senders = [
        message
        for message in sent(module)
        if message.way == entry.way and has_shape_of(entry.pattern, message.message)
    ]
    return bool(senders) and all(
        message.site.function.id == "init/1" and _is_own(module, message.server) for message in senders
    )


def _asker(entry: Taken) -> str:
    """The variable for the caller in `handle_call(request, from, state)`."""
    if entry.way != "call" or entry.function.arity != 3 or len(entry.clause.head) != 3:
        return ""
    caller = entry.clause.head[1]
    return caller.value if caller.kind == "variable" and not caller.value.startswith("_") else ""


def _looks_first(handler: Taken) -> bool:
    """The head compares the message with the state, or asks a guard: who has his answer is told apart."""
    given, held = (
        {part.value for part in term.walk() if part.kind == "variable" and not part.value.startswith("_")}
        for term in (handler.pattern, handler.clause.head[-1])
    )
    return handler.clause.guard is not None or bool(given & held)


def _sure_reply(handler: Taken) -> Call | None:
    replies = (call for call in handler.clause.calls if call.is_to("GenServer", "reply") and not call.branch)
    return next(replies, None)


def _is_known_elsewhere(source: Source, clause: Clause, timer: Call, asker: str) -> bool:
    """The caller is in the state, too, or in another message."""
    if clause.body is None:
        return False
    return any(
        node.type == "identifier"
        and syntax.text(node) == asker
        and not (timer.span.start <= node.start_byte < timer.span.end)
        for node in syntax.below(source.node_at(clause.body))
    )
