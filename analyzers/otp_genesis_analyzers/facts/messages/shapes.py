"""The messages of a module: which its servers take, by the heads of their clauses, and which it sends.

A message is told apart by its shape: its tag, its size, its literal parts. What is only known at
run time fits everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.terms import Term

Way = Literal["call", "cast", "info", "continue"]
"""How a message comes: `GenServer.call`, `GenServer.cast`, a plain `send`, `{:continue, message}`."""


class Taken(NamedTuple):
    """A clause that takes messages of one shape."""

    way: Way
    pattern: Term
    function: Function
    clause: Clause


class Sent(NamedTuple):
    """A message on its way. `server` is the addressee as it is written: a name, a pid, a via tuple."""

    way: Way
    server: Term
    message: Term
    site: Site


_HANDLERS: dict[str, Way] = {
    "handle_call/3": "call",
    "handle_cast/2": "cast",
    "handle_info/2": "info",
    "handle_continue/2": "continue",
}
_STATE_EVENTS: dict[str, Way] = {"cast": "cast", "info": "info"}

_SERVER_MODULES = frozenset({"GenServer", "GenStage", ":gen_server", ":gen_statem", "GenStateMachine"})
_SENDS = frozenset({("Kernel", "send"), ("Process", "send"), (":erlang", "send")})
_LATER = frozenset({("Process", "send_after"), (":erlang", "send_after")})

_UNKNOWN = frozenset(
    {"variable", "pin", "attribute", "interpolation", "call", "fn", "capture", "operator", "other", "tail"}
)
"""Terms whose value is only known at run time: they may be anything."""


def taken(module: Module) -> Iterator[Taken]:
    """Every clause of a server, a view, a channel or a state machine that takes messages."""
    for function in module.functions:
        way = _HANDLERS.get(function.id) if function.public else None
        for clause in function.clauses:
            if way is not None:
                yield Taken(way, clause.head[0], function, clause)
            elif function.public and function.arity in (3, 4):
                yield from _taken_as_event(function, clause)


def _taken_as_event(function: Function, clause: Clause) -> Iterator[Taken]:
    """`handle_event(:info, message, state, data)` and `connected({:call, from}, message, data)`."""
    event, message = clause.head[0], clause.head[1]
    if event.kind == "tuple" and event.tag == "call" and len(event.items) == 2:
        yield Taken("call", message, function, clause)
    elif event.kind == "atom" and event.value in _STATE_EVENTS:
        yield Taken(_STATE_EVENTS[event.value], message, function, clause)


def sent(module: Module) -> Iterator[Sent]:
    """Every message that the functions of a module send, in whatever process."""
    for site in sites(module):
        message = sent_by(site.call)
        if message is not None:
            yield Sent(*message, site)


def sent_by(call: Call) -> tuple[Way, Term, Term] | None:
    """Way, addressee and message of a call that sends one; None for any other call and for captures."""
    if call.form == "capture" or len(call.args) < 2:
        return None
    first, second = call.args[0], call.args[1]
    if call.module in _SERVER_MODULES and call.name in ("call", "cast"):
        return ("call" if call.name == "call" else "cast"), first, second
    if (call.module, call.name) in _SENDS or (call.module, call.name) in _LATER:
        return "info", first, second
    return None


def is_later(call: Call) -> bool:
    """Sent by a timer."""
    return (call.module, call.name) in _LATER


def may_match(pattern: Term, message: Term) -> bool:
    """Whether a message of this shape can fit the pattern; true where only run time can tell."""
    if pattern.kind == "match":
        return all(may_match(part, message) for part in pattern.items)
    if pattern.kind in _UNKNOWN or message.kind in _UNKNOWN:
        return True
    match pattern.kind:
        case "tuple":
            return message.kind == "tuple" and _all_match(pattern.items, message.items)
        case "list":
            return message.kind == "list" and _lists_match(pattern.items, message.items)
        case "map" | "struct":
            return _maps_match(pattern, message)
        case _:
            return pattern == message


def has_shape_of(pattern: Term, message: Term) -> bool:
    """Whether the pattern was written for messages of this shape: the same tag, and it can fit."""
    written = unwrapped(pattern)
    return written.tag is not None and written.tag == message.tag and may_match(written, message)


def unwrapped(pattern: Term) -> Term:
    """The pattern itself in `{ref, result} = message`."""
    if pattern.kind != "match":
        return pattern
    left, right = pattern.items
    return right if left.kind == "variable" else left


def _all_match(patterns: tuple[Term, ...], parts: tuple[Term, ...]) -> bool:
    return len(patterns) == len(parts) and all(map(may_match, patterns, parts))


def _lists_match(patterns: tuple[Term, ...], parts: tuple[Term, ...]) -> bool:
    open_ended = any(item.kind == "tail" for item in (*patterns, *parts))
    if not open_ended:
        return _all_match(patterns, parts)
    return all(may_match(pattern, part) for pattern, part in zip(patterns, parts, strict=False))


def _maps_match(pattern: Term, message: Term) -> bool:
    if message.kind not in ("map", "struct"):
        return False
    if pattern.kind == "struct" and (message.kind != "struct" or pattern.value != message.value):
        return False
    given = dict(message.pairs)
    return all(may_match(value, given[key]) for key, value in pattern.pairs if key in given)
