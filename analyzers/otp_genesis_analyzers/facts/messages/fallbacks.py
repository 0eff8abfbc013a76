"""Messages that are sent once more when the call that brought them has failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.guarded import Guarded, Handler, guarded_in, guards_of
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.shapes import Sent, is_later, sent
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_NOT_COMPARABLE = frozenset({"other", "fn", "interpolation"})
"""Terms that may differ though they look alike."""


class Fallback(NamedTuple):
    """A call, and the same message sent once more in a handler of its failure."""

    call: Sent
    again: Sent
    handler: Handler

    @property
    def is_whole(self) -> bool:
        """The very same message, not what it carries."""
        return self.call.message == self.again.message

    @property
    def told_reason(self) -> str:
        """`noproc` of `:exit, {:noproc, _}`; empty where the reason is not told."""
        reason = self.handler.patterns[-1]
        parts = syntax.children(reason) if reason.type == "tuple" else []
        return syntax.text(parts[0]).removeprefix(":") if parts and parts[0].type == "atom" else ""


def fallbacks(source: Source, module: Module) -> Iterator[Fallback]:
    """The messages of a module that a handler sends again after a call failed to bring them."""
    messages = list(sent(module))
    calls = [message for message in messages if message.way == "call" and _is_comparable(message.message)]
    for call in calls:
        for again in messages:
            if _is_same(call, again) and again.site.clause is call.site.clause:
                guards = guarded_in(source, call.site.clause)
                for guarded in guards_of(guards, call.site.clause, call.site.call):
                    handler = _handler_around(guarded, again.site)
                    if handler is not None:
                        fallback = Fallback(call, again, handler)
                        if fallback.told_reason != "calling_self":
                            yield fallback


def _is_comparable(message: Term) -> bool:
    return not any(part.kind in _NOT_COMPARABLE for part in message.walk())


def _is_same(call: Sent, again: Sent) -> bool:
    return (
        again.way in ("cast", "info")
        and not is_later(again.site.call)
        and again.server == call.server
        and (again.message == call.message or _carries(call.message, again.message))
    )


def _handler_around(guarded: Guarded, site: Site) -> Handler | None:
    if site.call.runs == "elsewhere":
        return None
    span = site.call.span
    around = (
        handler
        for handler in guarded.handlers
        if handler.node.start_byte <= span.start and span.end <= handler.node.end_byte
    )
    return next(around, None)


def _carries(one: Term, other: Term) -> bool:
    """One of two messages is a part of the other: `{:tell, news}` and `news`."""
    return any(
        inner.kind == "variable" and outer.kind == "tuple" and inner in outer.items
        for inner, outer in ((one, other), (other, one))
    )
