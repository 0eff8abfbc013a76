"""Where a value goes inside a clause: the variables that depend on it, the branches it chooses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.reading.definitions import holds_offset
from otp_genesis_analyzers.source import Span

_CHOICES = frozenset({"case", "if", "unless", "cond", "with"})
_NOTHING = ("[]", "nil", "false", ":undefined")
_SHORT_CHOICES = frozenset({"||", "&&", "or", "and"})


class Carrier(NamedTuple):
    """A variable that holds something made of the value, between two byte offsets."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Flow:
    """`carriers` hold something that was made of the value; `choices` are the forms that it decides."""

    carriers: frozenset[Carrier]
    choices: tuple[Node, ...]

    def reaches(self, node: Node, *, besides: frozenset[str] = frozenset()) -> bool:
        """The node is made of the value; what the variables `besides` bring along doesn't count."""
        return _reaches(self._by_name, (name for name in _names(node) if name.name not in besides))

    def decides(self, node: Node) -> bool:
        """Whether the node is evaluated depends on the value."""
        return any(_holds(body, node) for choice in self.choices for _, body in branches_of(choice))

    @cached_property
    def _by_name(self) -> Mapping[str, list[Carrier]]:
        return _by_name(self.carriers)


class _Name(NamedTuple):
    """A variable at a place."""

    name: str
    byte_offset: int


class _Form(NamedTuple):
    """A match or a choice, with the places of what goes into it."""

    node: Node
    inputs: tuple[Span, ...]
    carriers: frozenset[Carrier]
    """What it makes of a value that goes in."""


class _Forms(NamedTuple):
    """All that is known of a definition whatever value is asked after."""

    forms: tuple[_Form, ...]
    names: tuple[_Name, ...]
    """The variables, in the order of the text."""


def flow_of(definition: Node, value: Node) -> Flow:
    """The flow of `value`, a node inside `definition`: through matches and choices, not into functions."""
    forms, names = _forms_of(definition)
    place, carriers = Span.of(value), frozenset[Carrier]()
    while True:
        known = _by_name(carriers)
        carried = [name.byte_offset for name in names if _reaches(known, (name,))]
        touched = [
            form
            for form in forms
            if any(part.contains(place) or holds_offset(carried, part) for part in form.inputs)
        ]
        before, carriers = carriers, frozenset[Carrier]().union(*(form.carriers for form in touched))
        if carriers == before:
            return Flow(carriers, tuple(form.node for form in touched if not _is_match(form.node)))


@lru_cache(maxsize=4)
def _forms_of(definition: Node) -> _Forms:
    """One value of a definition is asked after when another one was."""
    forms = tuple(
        _Form(form, tuple(map(Span.of, _inputs(form))), frozenset(_carriers(form, definition.end_byte)))
        for form in _forms(definition)
    )
    return _Forms(forms, tuple(sorted(_names(definition), key=lambda name: name.byte_offset)))


def _by_name(carriers: Iterable[Carrier]) -> Mapping[str, list[Carrier]]:
    found: dict[str, list[Carrier]] = {}
    for carrier in carriers:
        found.setdefault(carrier.name, []).append(carrier)
    return found


def _reaches(carriers: Mapping[str, list[Carrier]], names: Iterable[_Name]) -> bool:
    return any(
        carrier.start <= byte_offset < carrier.end
        for name, byte_offset in names
        for carrier in carriers.get(name, ())
    )


def branches_of(choice: Node) -> Iterator[tuple[Node | None, Node]]:
    """Pattern (None where there is none) and body of each branch of a choice."""
    after = syntax.right(choice) if choice.type == "binary_operator" else None
    if after is not None:
        yield None, after
    for value in syntax.body_keywords(choice).values():
        yield None, value
    block = syntax.do_block(choice)
    body, parts = syntax.sections(block) if block is not None else ([], {})
    for nodes in (body, *parts.values()):
        for node in nodes:
            if node.type == "stab_clause":
                patterns = syntax.stab_parts(node)[0]
                yield (patterns[0] if patterns else None), node
            else:
                yield None, node


def is_in_branch_without(choice: Node, target: Node, empty: Collection[str]) -> bool | None:
    """Whether a node stands in the branch that is taken when nothing was there; None in no branch at all.

    That is the one whose pattern reads like one of `empty`; without patterns the second, or the first where
    the choice is turned round: `unless`, `if not`, `||`.
    """
    for position, (pattern, body) in enumerate(branches_of(choice)):
        if body.start_byte <= target.start_byte and target.end_byte <= body.end_byte:
            return (
                syntax.text(pattern) in empty
                if pattern is not None
                else (position == 0) == _is_turned(choice)
            )
    return None


def _is_turned(choice: Node) -> bool:
    if choice.type == "binary_operator":
        return syntax.operator(choice) in ("||", "or")
    arguments = syntax.arguments(choice)
    asks_for_nothing = bool(arguments) and _asks_for_nothing(arguments[0])
    return asks_for_nothing != (syntax.local_name(choice) == "unless")


def _asks_for_nothing(condition: Node) -> bool:
    """`not found`, `found == []`."""
    if condition.type == "unary_operator":
        return syntax.operator(condition) in ("!", "not")
    sides = (syntax.left(condition), syntax.right(condition))
    compares = condition.type == "binary_operator" and syntax.operator(condition) in ("==", "===")
    return compares and any(side is not None and syntax.text(side) in _NOTHING for side in sides)


def _forms(node: Node) -> Iterator[Node]:
    """The matches and choices below a node, the outer ones first."""
    for child in node.named_children:
        if _is_match(child) or _is_choice(child):
            yield child
        yield from _forms(child)


def _is_choice(node: Node) -> bool:
    if node.type == "binary_operator":
        return syntax.operator(node) in _SHORT_CHOICES
    return syntax.local_name(node) in _CHOICES


def _is_match(node: Node) -> bool:
    return node.type == "binary_operator" and syntax.operator(node) in ("=", "<-")


def _inputs(form: Node) -> Iterator[Node]:
    """What is matched, and what decides a choice: for `x |> case do` the left side of the pipe."""
    if _is_match(form):
        value = syntax.right(form)
        if value is not None:
            yield value
        return
    before = syntax.left(form) if form.type == "binary_operator" else None
    if before is not None:
        yield before
        return
    arguments = syntax.arguments(form)
    yield from arguments[:-1] if syntax.body_keywords(form) else arguments
    parent = form.parent
    if parent is not None and parent.type == "binary_operator" and syntax.operator(parent) == "|>":
        before = syntax.left(parent)
        if before is not None:
            yield before
    if syntax.local_name(form) == "cond":
        yield from (condition for condition, _ in branches_of(form) if condition is not None)


def _carriers(form: Node, end: int) -> Iterator[Carrier]:
    """The variables that a match binds from here on, those that a clause of `case` binds inside it."""
    if _is_match(form):
        for name in _names(syntax.left(form)):
            yield Carrier(name.name, form.end_byte, end)
    elif syntax.local_name(form) == "case":
        for pattern, body in branches_of(form):
            for name in _names(pattern):
                yield Carrier(name.name, body.start_byte, body.end_byte)


def _names(node: Node | None) -> Iterator[_Name]:
    """The variables in an expression or a pattern; `^key` is not bound by it."""
    nodes = [node] if node is not None else []
    while nodes:
        inner = nodes.pop()
        if inner.type == "identifier":
            yield _Name(syntax.text(inner), inner.start_byte)
        elif inner.type == "call":
            nodes += [child for child in inner.named_children if child.type != "identifier"]
        elif inner.type != "unary_operator" or syntax.operator(inner) not in ("^", "@"):
            nodes += inner.named_children


def _holds(outer: Node, inner: Node) -> bool:
    return outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte
