"""`terminate/2` that a macro gives to the servers that use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.state.shutdown_effects import is_told_effect
from otp_genesis_analyzers.source import Source, Span


class QuotedTerminate(NamedTuple):
    """`name` covers `terminate`; `effect` is `Shop.Locks.release`, which it leads to."""

    name: Span
    effect: str
    effect_at: Span
    macro: Function


def quoted_terminates(source: Source, module: Module) -> Iterator[QuotedTerminate]:
    """Those of plain servers with an effect of their own, in a module that says nothing of trapped exits."""
    if b"trap_exit" in source.content[module.span.start : module.span.end]:
        return
    for macro in module.functions:
        for clause in macro.clauses if macro.kind == "defmacro" else ():
            for place in source.places_of(b"terminate(", clause.span):
                found = _terminate_at(source, macro, place.start)
                if found is not None:
                    yield found


def _terminate_at(source: Source, macro: Function, at: int) -> QuotedTerminate | None:
    name = source.node_at(Span(at, len("terminate")))
    head = name.parent
    definition = head.parent.parent if head is not None and head.parent is not None else None
    if head is None or definition is None or syntax.local_name(definition) != "def":
        return None
    if syntax.definition_head(definition)[0] != head or len(syntax.arguments(head)) != 2:
        return None
    if not _is_given_to_server(definition):
        return None
    for node in syntax.below(definition):
        target = syntax.call_target(node) if node.type == "call" else None
        if target is not None and _is_effect(target):
            own_name = Span.of(name)
            return QuotedTerminate(own_name, syntax.text(target), Span.of(target), macro)
    return None


def _is_effect(target: Node) -> bool:
    owner, function = (syntax.left(target), syntax.right(target)) if target.type == "dot" else (None, None)
    if owner is None or function is None:
        return False
    return is_told_effect(syntax.text(owner), syntax.text(function))


def _is_given_to_server(definition: Node) -> bool:
    """`use GenServer` stands in the same `quote`."""
    block = definition.parent
    if block is None or block.parent is None or syntax.local_name(block.parent) != "quote":
        return False
    return any(
        syntax.local_name(step) == "use" and syntax.text(syntax.arguments(step)[0]) == "GenServer"
        for step in syntax.children(block)
        if syntax.arguments(step)
    )
