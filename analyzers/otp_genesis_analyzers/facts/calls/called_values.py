"""Calls of functions that are values: `state.render.(page)`, of which the module can't know what they do."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Clause
from otp_genesis_analyzers.source import Source, Span


def called_fields(source: Source, clause: Clause) -> Iterator[Span]:
    """Where a function is called that a field holds (`state.render`), in the process of the clause."""
    if clause.body is None:
        return
    for node in syntax.below(source.node_at(clause.body)):
        target = syntax.call_target(node) if node.type == "call" else None
        if target is None or target.type != "dot" or syntax.right(target) is not None:
            continue
        function = syntax.left(target)
        span = Span(node.start_byte, node.end_byte)
        if function is not None and _is_field(function) and _runs_here(clause, span):
            yield Span(function.start_byte, function.end_byte)


def _is_field(node: Node) -> bool:
    target = syntax.call_target(node) if node.type == "call" and not syntax.arguments(node) else None
    if target is None or target.type != "dot":
        return False
    owner = syntax.left(target)
    return owner is not None and owner.type == "identifier"


def _runs_here(clause: Clause, span: Span) -> bool:
    return all(closure.runs == "here" for closure in clause.closures if closure.span.contains(span))
