"""Where a value goes inside a clause: the variables that depend on it, the branches it chooses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax

_CHOICES = frozenset({"case", "if", "unless", "cond", "with"})
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
        return any(
            carrier.name not in besides and _carries(carrier, name)
            for name in _names(node)
            for carrier in self.carriers
        )

    def decides(self, node: Node) -> bool:
        """Whether the node is evaluated depends on the value."""
        return any(_holds(body, node) for choice in self.choices for _, body in branches_of(choice))


def flow_of(definition: Node, value: Node) -> Flow:
    """The flow of `value`, a node inside `definition`: through matches and choices, not into functions."""
    forms = list(_forms(definition))
    flow = Flow(frozenset(), ())
    while True:
        touched = [
            form for form in forms if any(_holds(part, value) or flow.reaches(part) for part in _inputs(form))
        ]
        carriers = frozenset(carrier for form in touched for carrier in _carriers(form, definition.end_byte))
        if carriers == flow.carriers:
            return Flow(carriers, tuple(form for form in touched if not _is_match(form)))
        flow = Flow(carriers, ())


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
    condition = arguments[0] if arguments else None
    is_negated = (
        condition is not None
        and condition.type == "unary_operator"
        and syntax.operator(condition) in ("!", "not")
    )
    return is_negated or syntax.local_name(choice) == "unless"


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
            yield Carrier(syntax.text(name), form.end_byte, end)
    elif syntax.local_name(form) == "case":
        for pattern, body in branches_of(form):
            for name in _names(pattern):
                yield Carrier(syntax.text(name), body.start_byte, body.end_byte)


def _names(node: Node | None) -> Iterator[Node]:
    """The variables in an expression or a pattern; `^key` is not bound by it."""
    nodes = [node] if node is not None else []
    while nodes:
        inner = nodes.pop()
        if inner.type == "identifier":
            yield inner
        elif inner.type == "call":
            nodes += [child for child in inner.named_children if child.type != "identifier"]
        elif inner.type != "unary_operator" or syntax.operator(inner) not in ("^", "@"):
            nodes += inner.named_children


def _carries(carrier: Carrier, name: Node) -> bool:
    return carrier.start <= name.start_byte < carrier.end and syntax.text(name) == carrier.name


def _holds(outer: Node, inner: Node) -> bool:
    return outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte
