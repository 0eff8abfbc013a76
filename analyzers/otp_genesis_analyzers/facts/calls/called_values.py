"""Calls of functions that are values: `state.render.(page)`, of which the module can't know what they do."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.provenance import Binding, binding_of, handed_to
from otp_genesis_analyzers.facts.model import Clause
from otp_genesis_analyzers.source import Source, Span


def called_fields(source: Source, clause: Clause) -> Iterator[Span]:
    """Where a function is called that a field holds (`state.render`), in the process of the clause."""
    for function in _called(source, clause):
        if _is_field(function):
            yield Span.of(function)


def called_from_message(source: Source, clause: Clause) -> Iterator[Span]:
    """Where a function is called that came with the message, or is one of those that a field holds."""
    for function in _called(source, clause):
        binding = binding_of(function) if function.type == "identifier" else None
        if binding is not None and _comes_from_outside(binding):
            yield Span.of(function)


def _called(source: Source, clause: Clause) -> Iterator[Node]:
    """What stands before the `.` of each `function.(...)` that runs in the process of the clause."""
    if clause.body is None:
        return
    for node in syntax.below(source.node_at(clause.body)):
        target = syntax.call_target(node) if node.type == "call" else None
        if target is None or target.type != "dot" or syntax.right(target) is not None:
            continue
        function = syntax.left(target)
        if function is not None and _runs_here(clause, Span.of(node)):
            yield function


def _comes_from_outside(binding: Binding) -> bool:
    if binding.way == "head":
        parameters = binding.pattern.parent
        return parameters is not None and syntax.children(parameters)[:1] == [binding.pattern]
    closure: Node | None = binding.pattern.parent if binding.way == "closure" else None
    while closure is not None and closure.type != "anonymous_function":
        closure = closure.parent
    held = handed_to(closure) if closure is not None else None
    return held is not None and _is_field(held)


def _is_field(node: Node) -> bool:
    target = syntax.call_target(node) if node.type == "call" and not syntax.arguments(node) else None
    if target is None or target.type != "dot":
        return False
    owner = syntax.left(target)
    return owner is not None and owner.type == "identifier"


def _runs_here(clause: Clause, span: Span) -> bool:
    return all(closure.runs == "here" for closure in clause.closures if closure.span.contains(span))
