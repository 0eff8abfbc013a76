"""The edits that make one text of another, line by line, so that an editor's marks stay where they are."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import accumulate

from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Edit


def edits_between(before: bytes, after: bytes) -> tuple[Edit, ...]:
    """Whole lines replaced, in order. Both texts are UTF-8."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    starts = [0, *accumulate(map(len, old))]
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return tuple(
        Edit(Span.between(starts[first], starts[last]), b"".join(new[new_first:new_last]).decode())
        for tag, first, last, new_first, new_last in steps
        if tag != "equal"
    )
