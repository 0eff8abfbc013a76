"""Edits and offsets: the smallest edits between two texts, and where a place is after them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, takewhile

from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Edit


def edits_between(before: bytes, after: bytes) -> list[Edit]:
    """The edits that make `after` of `before`, both UTF-8, each trimmed to the characters that differ."""
    old, new = _lines(before), _lines(after)
    same = common_prefix_length(old, new)
    old_starts, new_starts = [0, *accumulate(map(len, old))], [0, *accumulate(map(len, new))]
    edits: list[Edit] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old[same:], new[same:]).get_opcodes():
        if tag != "equal":
            removed = before[old_starts[same + i1] : old_starts[same + i2]]
            added = after[new_starts[same + j1] : new_starts[same + j2]]
            edits.append(_trimmed(old_starts[same + i1], removed.decode(), added.decode()))
    return edits


def moved(byte_offset: int, edits: Iterable[Edit]) -> int:
    """Where a place is after the edits; inside replaced text, where the new text starts."""
    shift = 0
    for edit in sorted(edits):
        if edit.span.start >= byte_offset:
            break
        if edit.span.end > byte_offset:
            return edit.span.start + shift
        shift += len(edit.text.encode()) - (edit.span.end - edit.span.start)
    return byte_offset + shift


def common_prefix_length(one: Sequence[object], other: Sequence[object]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return [*(line + b"\n" for line in lines[:-1]), lines[-1]]


def _trimmed(start: int, removed: str, added: str) -> Edit:
    same = common_prefix_length(removed, added)
    start += len(removed[:same].encode())
    removed, added = removed[same:], added[same:]
    same = common_prefix_length(removed[::-1], added[::-1])
    removed, added = removed[: len(removed) - same], added[: len(added) - same]
    return Edit(Span(start, len(removed.encode())), added)
