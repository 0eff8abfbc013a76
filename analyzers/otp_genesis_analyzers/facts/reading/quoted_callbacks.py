"""Callbacks that a macro gives to the servers that use it, and what stands in them.

Quoted code is none of the module's own, so it is read out of the syntax, and only where a word is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.source import Source, Span

_CALLBACKS = ("handle_call", "handle_cast", "handle_info", "handle_continue")
_HOPS = 3


class QuotedCall(NamedTuple):
    """`head` is `Task.start`; `callback` the name of the quoted callback that comes to it."""

    head: Span
    node: Node
    callback: str
    macro: Function


def quoted_calls(source: Source, module: Module, name: str, *, in_functions: bool) -> Iterator[QuotedCall]:
    """Calls that are written `name`, in callbacks, in the order of the text.

    `in_functions` says whether a `fn` around the call, which others may run, is looked through.
    """
    for macro in module.functions:
        for clause in macro.clauses if macro.kind == "defmacro" else ():
            for place in source.places_of(name.encode(), clause.span):
                target = source.node_at(place)
                call = target.parent
                if call is not None and call.type == "call" and syntax.text(target) == name:
                    definition = _definition_around(call, in_functions=in_functions)
                    callback = callback_behind(definition) if definition is not None else ""
                    if callback and syntax.call_target(call) == target:
                        head = Span.of(target)
                        yield QuotedCall(head, call, callback, macro)


def _definition_around(call: Node, *, in_functions: bool) -> Node | None:
    """The `def` around the call."""
    node = call.parent
    while node is not None and (in_functions or node.type != "anonymous_function"):
        name = syntax.local_name(node) if node.type == "call" else ""
        if name in ("def", "defp"):
            return node
        if name == "quote":
            return None
        node = node.parent
    return None


def callback_behind(definition: Node) -> str:
    """The callback that the definition is, or that calls it in a few steps, all in one `quote`."""
    block = definition.parent
    if block is None or block.parent is None or syntax.local_name(block.parent) != "quote":
        return ""
    beside = [(_defined(node), node) for node in syntax.children(block)]
    wanted = {_defined(definition)}
    for _ in range(_HOPS):
        callback = next((name for name in _CALLBACKS if name in wanted), "")
        if callback:
            return callback
        wanted |= {name for name, node in beside if name and not wanted.isdisjoint(_called(node))}
    return ""


def _defined(node: Node) -> str:
    if node.type != "call" or syntax.local_name(node) not in ("def", "defp"):
        return ""
    head, _guard = syntax.definition_head(node)
    return syntax.text(syntax.call_target(head) or head) if head is not None else ""


def _called(definition: Node) -> set[str]:
    return {syntax.local_name(node) for node in syntax.below(definition) if node.type == "call"}
