"""Tests whether a value is one of those that the code knows: `value in values` and its like."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Clause
from otp_genesis_analyzers.source import Source

_MEMBERSHIP = frozenset({"member?", "has_key?", "is_map_key", "any?"})
_VALID = ("valid", "allowed", "permitted", "supported", "known", "accepted")
"""Parts of the names of functions that test a text before it is converted."""


def membership_tests(source: Source, clause: Clause) -> Iterator[tuple[Node, str]]:
    """Each `value in values` or its like in a clause, with the text of the value."""
    for node in syntax.below(source.node_at(clause.span)):
        if node.type == "binary_operator" and syntax.operator(node) in ("in", "not in"):
            tested = syntax.left(node)
            if tested is not None:
                yield node, syntax.text(tested)
        elif node.type == "call":
            target = syntax.call_target(node)
            name = syntax.right(target) if target is not None and target.type == "dot" else target
            if name is not None and _tests_membership(syntax.text(name)):
                for argument in syntax.arguments(node):
                    yield node, syntax.text(argument)


def _tests_membership(name: str) -> bool:
    return name in _MEMBERSHIP or (name.endswith("?") and any(word in name for word in _VALID))
