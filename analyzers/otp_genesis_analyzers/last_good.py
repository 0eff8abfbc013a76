"""What stands of a file while it is being typed in and its text is broken.

An unclosed string turns the rest of a file inside out. Until the text is healthy again, the
facts and findings of the last healthy text stand, moved by what was typed.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from otp_genesis_analyzers.facts.model import Suppression
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import FileAnalysis
from otp_genesis_analyzers.source import Source, Span, parse

_HEREDOC = b'"""'


class Typed(Struct, frozen=True):
    """One replaced range: `old` in the text before, `length` bytes in its place, `lines` more lines."""

    old: Span
    length: int
    lines: int

    def move(self, span: Span) -> Span:
        """Where a span is now. What is typed at its very edge stays outside it."""
        if span.end <= self.old.start:
            return span
        start = span.start if span.start < self.old.start else self._behind(span.start)
        return Span(start, max(start, self._behind(span.end)))

    def _behind(self, byte_offset: int) -> int:
        kept = min(max(0, self.old.end - byte_offset), self.length)
        return max(byte_offset, self.old.end) + self.length - (self.old.end - self.old.start) - kept

    def touches(self, span: Span) -> bool:
        return span.start < self.old.end and self.old.start < span.end


def unfinished(source: Source, before: Source) -> bool:
    """Whether a text is in the middle of being typed, as seen from the healthy text before it.

    A heredoc that was just opened is closed by the next one: the code between has become text,
    documentation is read as code, and the tree may show no error.
    """
    return source.broken or source.content.count(_HEREDOC) % 2 != before.content.count(_HEREDOC) % 2


def carried_over(source: Source, before: Source, last_good: FileAnalysis) -> FileAnalysis:
    """The analysis of the healthy text `before`, placed in the broken text `source`."""
    typed = typed_between(before.content, source.content)
    line = before.lines.line_of(typed.old.start)
    facts = structs.replace(
        _moved(last_good.facts, typed),
        suppressions=tuple(_moved_suppression(s, typed, line) for s in last_good.facts.suppressions),
    )
    findings = tuple(moved(f, typed) for f in last_good.findings if not typed.touches(f.span))
    return FileAnalysis(facts, findings, carried_over=True)


def moved(finding: Finding, typed: Typed) -> Finding:
    """The finding where its text is now. What it relates to in other files was not typed in."""
    related = tuple(
        structs.replace(r, span=typed.move(r.span)) if r.path == finding.path else r for r in finding.related
    )
    return structs.replace(finding, span=typed.move(finding.span), related=related)


def retyped(before: Source, content: bytes) -> Source:
    """The file with new content. Only what was typed is parsed, the rest of the tree is that of before."""
    typed = typed_between(before.content, content)
    start, old_end, new_end = typed.old.start, typed.old.end, typed.old.start + typed.length
    tree = before.tree.copy()
    tree.edit(
        start,
        old_end,
        new_end,
        _point(before.content, start),
        _point(before.content, old_end),
        _point(content, new_end),
    )
    source = Source(before.path, content)
    source.__dict__["tree"] = parse(content, tree)
    return source


def typed_between(before: bytes, after: bytes) -> Typed:
    """The smallest single replacement that makes `after` of `before`."""
    shorter = min(len(before), len(after))
    start = _common(before[:shorter], after[:shorter])
    rest = shorter - start
    end = _common(before[len(before) - rest :][::-1], after[len(after) - rest :][::-1]) if rest else 0
    removed, added = before[start : len(before) - end], after[start : len(after) - end]
    return Typed(Span(start, len(before) - end), len(added), added.count(b"\n") - removed.count(b"\n"))


def _point(content: bytes, byte_offset: int) -> tuple[int, int]:
    line_start = content.rfind(b"\n", 0, byte_offset) + 1
    return content.count(b"\n", 0, byte_offset), byte_offset - line_start


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
    moved_line = suppression.line + typed.lines if suppression.line > line else suppression.line
    return structs.replace(suppression, line=moved_line, span=typed.move(suppression.span))


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
