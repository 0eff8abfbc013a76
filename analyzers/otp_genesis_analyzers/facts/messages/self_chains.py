"""Chains of messages that a process sends itself: each is sent by the clause that takes the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.messages.self_sends import SelfSend, is_own, self_sends
from otp_genesis_analyzers.facts.messages.shapes import Taken, has_shape_of, may_match, sent_by, taken
from otp_genesis_analyzers.facts.model import Clause

_LONGEST = 12
"""How far a chain is followed."""


class SelfChain(NamedTuple):
    """`send` is one of `links`, the sends of a chain in their order; each message has another tag."""

    send: SelfSend
    links: tuple[SelfSend, ...]


def self_chains(graph: CallGraph) -> tuple[SelfChain, ...]:
    """For each message that a process sends itself at once: the longest chain that it is part of.

    A message that comes back to the clause that sent it adds nothing: that is a loop, not a chain. What
    `init` sends is the second half of the start, and no step of the work.
    """
    handlers = list(taken(graph.module))
    inside = {handler.clause.span: _sends_within(graph, handler.clause) for handler in handlers}
    sends = [
        send
        for send in self_sends(graph.module)
        if send.at_once and send.message.tag is not None and send.site.function.id != "init/1"
        if _is_inside(graph, send, handlers)
    ]
    following: dict[int, list[SelfSend]] = {}
    for send in sends:
        handler = _handler(handlers, send)
        heads = inside[handler.clause.span] if handler is not None else frozenset[int]()
        following[_key(send)] = [other for other in sends if _key(other) in heads]
    return tuple(SelfChain(send, _through(send, sends, following)) for send in sends)


def _key(send: SelfSend) -> int:
    return send.site.call.head.start


def _handler(handlers: list[Taken], send: SelfSend) -> Taken | None:
    """The clause that takes the message, if it was written for it."""
    first = next((h for h in handlers if h.way == send.way and may_match(h.pattern, send.message)), None)
    return first if first is not None and has_shape_of(first.pattern, send.message) else None


def _sends_within(graph: CallGraph, clause: Clause) -> frozenset[int]:
    """Where messages are sent by a clause and by the functions that it goes through."""
    targets = [t for call in clause.calls if call.runs == "here" and (t := graph.target(call)) is not None]
    reached = [inner for name in graph.reached(targets) for inner in graph.functions[name].clauses]
    return frozenset(
        call.head.start for inner in (clause, *reached) for call in inner.calls if sent_by(call) is not None
    )


def _is_inside(graph: CallGraph, send: SelfSend, handlers: list[Taken]) -> bool:
    """To `self()`; to the server's name only where one of its own clauses sends it."""
    message = sent_by(send.site.call)
    if message is not None and is_own(send.site.clause, message[1]):
        return True
    return send.site.function.id in graph.reached(handler.function for handler in handlers)


def _through(
    send: SelfSend, sends: list[SelfSend], following: Mapping[int, list[SelfSend]]
) -> tuple[SelfSend, ...]:
    after = _longest((send,), following)
    leading = {
        _key(other): [one for one in sends if _key(other) in map(_key, following[_key(one)])]
        for other in sends
    }
    before = _longest((send,), leading, frozenset(link.message.tag for link in after))
    return (*reversed(before[1:]), *after)


def _longest(
    path: tuple[SelfSend, ...],
    following: Mapping[int, list[SelfSend]],
    taken_tags: frozenset[str | None] = frozenset(),
) -> tuple[SelfSend, ...]:
    if len(path) >= _LONGEST:
        return path
    tags = taken_tags | {link.message.tag for link in path}
    longer = (
        _longest((*path, other), following, taken_tags)
        for other in following[_key(path[-1])]
        if other.message.tag not in tags
    )
    return max((path, *longer), key=len)
