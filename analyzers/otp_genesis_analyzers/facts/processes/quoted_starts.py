"""Processes that nobody watches, started in callbacks that a macro gives to the servers that use it."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.reading.quoted_callbacks import QuotedCall, quoted_calls
from otp_genesis_analyzers.source import Source

_STEPS = frozenset({"do_block", "body", "block", "else_block", "rescue_block", "catch_block", "after_block"})
"""A call right below one of these is a statement: its value goes nowhere, or is what a `fn` gives."""


def quoted_starts(source: Source, module: Module, name: str) -> Iterator[QuotedCall]:
    """Calls written `name`, like `Task.start`, whose pid nobody takes."""
    for call in quoted_calls(source, module, name, in_functions=True):
        if _is_step(call.node):
            yield call


def _is_step(call: Node) -> bool:
    return call.parent is not None and call.parent.type in _STEPS
