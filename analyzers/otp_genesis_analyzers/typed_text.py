"""What was typed between two texts of a file, and where everything else is after it."""

from __future__ import annotations

from msgspec import Struct

from otp_genesis_analyzers.source import Span


class Typed(Struct, frozen=True):
    """One replaced range: `old` in the text before, `length` bytes in its place, `lines` more lines."""

    old: Span
    length: int
    lines: int

    def move(self, span: Span) -> Span:
        """Where a span is now. What is typed at its very edge stays outside it."""
        if span.end <= self.old.start:
            return span
        if span.start >= self.old.end:
            return span.shifted(self.length - (self.old.end - self.old.start))
        start = span.start if span.start < self.old.start else self._behind(span.start)
        return Span.between(start, max(start, self._behind(span.end)))

    def _behind(self, byte_offset: int) -> int:
        kept = min(max(0, self.old.end - byte_offset), self.length)
        return max(byte_offset, self.old.end) + self.length - (self.old.end - self.old.start) - kept

    def touches(self, span: Span) -> bool:
        return span.start < self.old.end and self.old.start < span.end


def typed_between(before: bytes, after: bytes) -> Typed:
    """The smallest single replacement that makes `after` of `before`."""
    shorter = min(len(before), len(after))
    start = _common_start(before, after, shorter)
    end = _common_end(before, after, shorter - start)
    removed, added = before[start : len(before) - end], after[start : len(after) - end]
    return Typed(
        Span.between(start, len(before) - end), len(added), added.count(b"\n") - removed.count(b"\n")
    )


def _common_start(left: bytes, right: bytes, most: int) -> int:
    """Length of the common beginning of two texts, by halving: comparing slices is fast."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(left: bytes, right: bytes, most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if left[len(left) - middle : len(left) - low] == right[len(right) - middle : len(right) - low]:
            low = middle
        else:
            high = middle - 1
    return low
