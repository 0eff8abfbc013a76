"""What stands of a file while it is being typed in and its text is broken.

An unclosed string turns the rest of a file inside out. Until the text is healthy again, the
facts and findings of the last healthy text stand, moved by what was typed.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from otp_genesis_analyzers.facts.model import Suppression
from otp_genesis_analyzers.project import FileAnalysis
from otp_genesis_analyzers.source import Source, Span


class Typed(Struct, frozen=True):
    """One replaced range: `old` in the text before, `length` bytes in its place, `lines` more lines."""

    old: Span
    length: int
    lines: int

    def move(self, span: Span) -> Span:
        return Span(self._offset(span.start), self._offset(span.end))

    def _offset(self, byte_offset: int) -> int:
        if byte_offset <= self.old.start:
            return byte_offset
        if byte_offset < self.old.end:
            return self.old.start + min(byte_offset - self.old.start, self.length)
        return byte_offset + self.length - (self.old.end - self.old.start)

    def touches(self, span: Span) -> bool:
        return span.start < self.old.end and self.old.start < span.end


def carried_over(source: Source, before: Source, last_good: FileAnalysis) -> FileAnalysis:
    """The analysis of the healthy text `before`, placed in the broken text `source`."""
    typed = typed_between(before.content, source.content)
    line = before.lines.line_of(typed.old.start)
    facts = structs.replace(
        _moved(last_good.facts, typed),
        suppressions=tuple(_moved_suppression(s, typed, line) for s in last_good.facts.suppressions),
    )
    findings = tuple(_moved(f, typed) for f in last_good.findings if not typed.touches(f.span))
    return FileAnalysis(facts, findings)


def typed_between(before: bytes, after: bytes) -> Typed:
    """The smallest single replacement that makes `after` of `before`."""
    shorter = min(len(before), len(after))
    start = _common(before[:shorter], after[:shorter])
    rest = shorter - start
    end = _common(before[len(before) - rest :][::-1], after[len(after) - rest :][::-1]) if rest else 0
    removed, added = before[start : len(before) - end], after[start : len(after) - end]
    return Typed(Span(start, len(before) - end), len(added), added.count(b"\n") - removed.count(b"\n"))


def _common(left: bytes, right: bytes) -> int:
    """Length of the common prefix of two texts of one length, by halving: comparing slices is fast."""
    low, high = 0, len(left)
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _moved_suppression(suppression: Suppression, typed: Typed, line: int) -> Suppression:
    moved = suppression.line + typed.lines if suppression.line > line else suppression.line
    return structs.replace(suppression, line=moved, span=typed.move(suppression.span))


def _moved(value: Any, typed: Typed) -> Any:
    """The same facts with every span moved. Offsets of branches only tell branches apart, and stay."""
    if isinstance(value, Span):
        return typed.move(value)
    if isinstance(value, tuple):
        return tuple(_moved(item, typed) for item in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return type(value)(**{name: _moved(field, typed) for name, field in fields.items()})
    return value
