"""The part of an `init/1` that can run in `handle_continue/2` instead, where the shape leaves no doubt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.facts.state.server_returns import tag_of
from otp_genesis_analyzers.source import Source


class DeferrableInit(NamedTuple):
    """From the waiting statement on, everything can be deferred.

    `moved` are the statements before the returned tuple, `returned` is that tuple and `state` its
    second element. `variables` are bound before and used in what is moved; `early_state` is the
    variable that holds the finished state before anything waits, empty where there is none.
    """

    moved: tuple[Node, ...]
    returned: Node
    state: Node
    variables: tuple[str, ...]
    early_state: str


def deferrable_init(source: Source, clause: Clause, waiting: Call) -> DeferrableInit | None:
    """None when `init` is more than statements and one `{:ok, state}` at its end."""
    statements = _statements(source, clause)
    returned = statements[-1] if statements else None
    if returned is None or returned.type != "tuple" or tag_of(returned) != "ok":
        return None
    items = syntax.children(returned)
    first = next((at for at, node in enumerate(statements) if _holds(node, waiting)), None)
    if len(items) != 2 or first is None:
        return None
    moved = statements[first:-1] if first < len(statements) - 1 else []
    bound = {name.value for term in clause.head for name in term.walk() if name.kind == "variable"}
    for statement in statements[:first]:
        bound |= set(_bound_by(statement))
    state = items[1]
    is_early = state.type == "identifier" and syntax.text(state) in bound and moved
    early_state = syntax.text(state) if is_early and syntax.text(state) not in _bound_in(moved) else ""
    used = [
        name
        for node in (*moved, state)
        for name in _identifiers(node)
        if name in bound and name != early_state
    ]
    return DeferrableInit(tuple(moved), returned, state, tuple(dict.fromkeys(used)), early_state)


def _statements(source: Source, clause: Clause) -> list[Node]:
    if clause.body is None:
        return []
    definition = source.node_at(clause.span)
    block = syntax.do_block(definition)
    if block is None:
        keywords = syntax.body_keywords(definition)
        return [keywords["do"]] if len(keywords) == 1 and "do" in keywords else []
    body, parts = syntax.sections(block)
    return [] if parts else body


def _holds(node: Node, call: Call) -> bool:
    return node.start_byte <= call.head.start and call.head.end <= node.end_byte


def _bound_by(statement: Node) -> Iterator[str]:
    if statement.type == "binary_operator" and syntax.operator(statement) == "=":
        pattern = syntax.left(statement)
        if pattern is not None:
            yield from _identifiers(pattern)


def _bound_in(statements: list[Node]) -> set[str]:
    return {name for statement in statements for name in _bound_by(statement)}


def _identifiers(node: Node) -> Iterator[str]:
    """Names that may be variables; the name of a function that is called is none."""
    if node.type == "identifier":
        yield syntax.text(node)
    for index, child in enumerate(node.children):
        is_function = node.type in ("call", "dot") and node.field_name_for_child(index) in ("target", "right")
        if not (is_function and child.type == "identifier"):
            yield from _identifiers(child)
