"""Sleeps in the callbacks that a macro gives to the servers that use it.

Quoted code is none of the module's own, so it is read out of the syntax, and only where it sleeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.source import Source, Span

_SLEEPS = ("Process.sleep", ":timer.sleep")
_CALLBACKS = ("handle_call", "handle_cast", "handle_info", "handle_continue")
_HOPS = 3
_LONGEST_SHORT_MS = 99
"""A sleep that is no longer holds up nobody for long."""


class QuotedSleep(NamedTuple):
    """`head` is `Process.sleep`; `callback` the name of the quoted callback that comes to it."""

    head: Span
    text: str
    callback: str
    macro: Function


def quoted_sleeps(source: Source, module: Module) -> Iterator[QuotedSleep]:
    """In the order of the text. A time that is only known at run time counts."""
    for macro in module.functions:
        if macro.kind == "defmacro":
            for clause in macro.clauses:
                at = source.content.find(b".sleep", clause.span.start, clause.span.end)
                while at >= 0:
                    found = _sleep_at(source, macro, at)
                    if found is not None:
                        yield found
                    at = source.content.find(b".sleep", at + 1, clause.span.end)


def _sleep_at(source: Source, macro: Function, at: int) -> QuotedSleep | None:
    target = source.node_at(Span(at, at + len(".sleep")))
    call = target.parent
    if target.type != "dot" or call is None or syntax.text(target) not in _SLEEPS or not _is_long(call):
        return None
    definition = _definition_around(call)
    callback = _callback_behind(definition) if definition is not None else ""
    head = Span(target.start_byte, target.end_byte)
    return QuotedSleep(head, syntax.text(call), callback, macro) if callback else None


def _is_long(call: Node) -> bool:
    given = syntax.arguments(call)
    slept = given[0] if len(given) == 1 else None
    if slept is None or slept.type == "atom":
        return False
    digits = syntax.text(slept).replace("_", "")
    return not digits.isdigit() or int(digits) > _LONGEST_SHORT_MS


def _definition_around(call: Node) -> Node | None:
    """The `def` in which the call runs itself, and no `fn` that others may run."""
    node = call.parent
    while node is not None and node.type != "anonymous_function":
        name = syntax.local_name(node) if node.type == "call" else ""
        if name in ("def", "defp"):
            return node
        if name == "quote":
            return None
        node = node.parent
    return None


def _callback_behind(definition: Node) -> str:
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
