"""What is known without running it: how a client function answers, what a message leaves in the state."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.messages.client_api import Request
from otp_genesis_analyzers.facts.messages.shapes import Taken, may_match, taken, unwrapped
from otp_genesis_analyzers.facts.state.server_returns import tag_of
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.exunit.subject import ClientFunction, Subject

_LITERALS = frozenset({"atom", "boolean", "nil", "integer"})
_TOLD = frozenset({"update", "cast"})
"""What an Agent answers with `:ok`."""
_ANY = "_"
_MOST_SHAPES = 3


class Answer(Struct, frozen=True):
    """Elixir text. `exact` is a value, otherwise it is a pattern."""

    text: str
    exact: bool = False


def answers(subject: Subject, client: ClientFunction) -> tuple[Answer, ...]:
    """All shapes of what the function can answer; none when one of them can't be told."""
    found: dict[Answer, None] = {}
    if client.agent_calls:
        is_told = all(call.name in _TOLD and call.result == "returned" for call in client.agent_calls)
        return (Answer(":ok", exact=True),) if is_told else ()
    if len(client.requests) != 1 or client.requests[0].call.result != "returned":
        return ()
    request = client.requests[0]
    if request.call not in [call for clause in client.function.clauses for call in clause.calls]:
        return ()
    if request.way == "cast":
        return (Answer(":ok", exact=True),)
    handlers = handlers_of(subject, request)
    for handler in handlers:
        for node in results(subject.source, handler.clause):
            reply = _reply(node)
            answer = shape_of(reply) if reply is not None else None
            if answer is None or answer.text == _ANY:
                return ()
            found[answer] = None
    return tuple(found) if len(found) <= _MOST_SHAPES else ()


def handlers_of(subject: Subject, request: Request) -> list[Taken]:
    """The clauses that may take what is sent, up to the first that surely does."""
    found: list[Taken] = []
    for handler in taken(subject.module):
        if handler.way == request.way and may_match(handler.pattern, request.message):
            found.append(handler)
            state = handler.clause.head[-1]
            if handler.clause.guard is None and _takes_all(handler.pattern) and state.kind == "variable":
                break
    return found


def _takes_all(pattern: Term) -> bool:
    """Nothing but its tag is asked of the message."""
    own = unwrapped(pattern)
    parts = own.items if own.kind == "tuple" else ()
    return own.kind in ("atom", "variable", "tuple") and all(
        part.kind == "variable" or part.is_atom(own.tag or "") for part in parts
    )


def shape_of(node: Node) -> Answer | None:
    """An expression as a value, where it is one, or as a pattern with what is not known left open."""
    match node.type:
        case kind if kind in _LITERALS:
            return Answer(syntax.text(node), exact=True)
        case "string" if not any(child.type == "interpolation" for child in node.named_children):
            return Answer(syntax.text(node), exact=True)
        case "tuple":
            parts = [shape_of(item) or Answer(_ANY) for item in syntax.children(node)]
            return Answer(
                "{" + ", ".join(part.text for part in parts) + "}", all(part.exact for part in parts)
            )
        case "map" if any(child.type == "struct" for child in node.named_children):
            return Answer(_ANY)
        case "map":
            return Answer("%{}", exact=not syntax.children(node))
        case "list" if not syntax.children(node):
            return Answer("[]", exact=True)
        case _:
            return Answer(_ANY)


def field_left_behind(subject: Subject, client: ClientFunction) -> Answer | None:
    """A pattern of the state after a message that sets a field to a value that is known."""
    if len(client.requests) != 1:
        return None
    request = client.requests[0]
    handlers = handlers_of(subject, request)
    if len(handlers) != 1:
        return None
    states = [_state(node) for node in results(subject.source, handlers[0].clause)]
    if len(states) != 1 or states[0] is None:
        return None
    given = dict(_values(request.message, handlers[0].pattern, client, subject))
    fields = [
        f"{key}: {given.get(syntax.text(value)) or syntax.text(value)}"
        for key, value in _set_fields(states[0])
        if value.type in _LITERALS or syntax.text(value) in given
    ]
    return Answer("%{" + ", ".join(fields) + "}") if fields else None


def _values(
    message: Term, pattern: Term, client: ClientFunction, subject: Subject
) -> Iterator[tuple[str, str]]:
    """What the variables of a handler's pattern hold when the function is called with its samples."""
    own = unwrapped(pattern)
    if message.kind != "tuple" or own.kind != "tuple" or len(message.items) != len(own.items):
        return
    for sent, taken_as in zip(message.items, own.items, strict=True):
        if sent.kind == "variable" and taken_as.kind == "variable":
            text = _sample(client, subject, sent.value)
            if text is not None and "fn" not in text:
                yield taken_as.value, text


def _sample(client: ClientFunction, subject: Subject, name: str) -> str | None:
    clauses = client.function.clauses
    if len(clauses) != 1:
        return None
    for position, parameter in enumerate(clauses[0].head):
        if parameter.kind == "variable" and parameter.value == name:
            return subject.samples.argument(client.function, position)
    return None


def _set_fields(state: Node) -> Iterator[tuple[str, Node]]:
    """`field: value` of `%{state | field: value}`."""
    for content in state.named_children:
        for child in syntax.children(content) if content.type == "map_content" else []:
            update = child.type == "binary_operator" and syntax.operator(child) == "|"
            changed = syntax.right(child) if update else None
            if changed is not None and changed.type == "keywords":
                yield from syntax.pairs(changed)


def _reply(node: Node) -> Node | None:
    items = syntax.children(node)
    match tag_of(node) if node.type == "tuple" else "", len(items):
        case "reply", 3 | 4:
            return items[1]
        case "stop", 4:
            return items[2]
        case _:
            return None


def _state(node: Node) -> Node | None:
    items = syntax.children(node)
    tag = tag_of(node) if node.type == "tuple" else ""
    if tag == "reply" and len(items) > 2:
        return items[2] if items[2].type == "map" else None
    return items[1] if tag == "noreply" and len(items) > 1 and items[1].type == "map" else None
