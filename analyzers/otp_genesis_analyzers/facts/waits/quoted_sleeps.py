"""Sleeps in the callbacks that a macro gives to the servers that use it."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.reading.quoted_callbacks import QuotedCall, quoted_calls
from otp_genesis_analyzers.source import Source

_LONGEST_SHORT_MS = 99
"""A sleep that is no longer holds up nobody for long."""


def quoted_sleeps(source: Source, module: Module) -> Iterator[QuotedCall]:
    """A time that is only known at run time counts."""
    for name in ("Process.sleep", ":timer.sleep"):
        for call in quoted_calls(source, module, name, in_functions=False):
            if _is_long(call.node):
                yield call


def _is_long(call: Node) -> bool:
    given = syntax.arguments(call)
    slept = given[0] if len(given) == 1 else None
    if slept is None or slept.type == "atom":
        return False
    digits = syntax.text(slept).replace("_", "")
    return not digits.isdigit() or int(digits) > _LONGEST_SHORT_MS
