"""What stands of a file while it is being typed in and its text is broken.

An unclosed string turns the rest of a file inside out. Until the text is healthy again, the
facts and findings of the last healthy text stand, moved by what was typed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import structs

from otp_genesis_analyzers.facts.moving import moved_facts
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.half_typed import surely_broken
from otp_genesis_analyzers.project import FileAnalysis
from otp_genesis_analyzers.source import Source, parse
from otp_genesis_analyzers.typed_text import Typed, typed_between

if TYPE_CHECKING:
    from tree_sitter import Tree

_HEREDOC = b'"""'


def unfinished(source: Source, before: Source) -> bool:
    """Whether a text is in the middle of being typed, as seen from the healthy text before it."""
    return seen_unfinished(source, before) or source.broken


def seen_unfinished(source: Source, before: Source) -> bool:
    """`unfinished`, when that shows without parsing all of the text; false says nothing.

    A heredoc that was just opened is closed by the next one: the code between has become text,
    documentation is read as code, and the tree may show no error.
    """
    if source.content.count(_HEREDOC) % 2 != before.content.count(_HEREDOC) % 2:
        return True
    return surely_broken(before, source.content, typed_since(before, source))


def carried_over(source: Source, before: Source, last_good: FileAnalysis) -> FileAnalysis:
    """The analysis of the healthy text `before`, placed in the broken text `source`."""
    typed = typed_since(before, source)
    facts = moved_facts(last_good.facts, before.lines, typed)
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
    while isinstance(before, _Retyped) and (made_of := tuple(before.made_of)):  # itself not parsed yet
        (before,) = made_of
    return _Retyped(before.path, content, [before], before.content)


def typed_since(before: Source, now: Source) -> Typed:
    """What was typed between two texts; of a `retyped` one it is worked out once."""
    if isinstance(now, _Retyped) and now.content_before is before.content:
        return now.typed
    return typed_between(before.content, now.content)


@dataclass(frozen=True)
class _Retyped(Source):
    made_of: list[Source] = field(repr=False, compare=False)
    """The text before, until the tree is made of its tree: not all that was ever typed is kept."""
    content_before: bytes = field(repr=False, compare=False)

    @cached_property
    def typed(self) -> Typed:
        return typed_between(self.content_before, self.content)

    @cached_property
    def tree(self) -> Tree:
        before, typed = self.made_of[0], self.typed
        start, old_end, new_end = typed.old.start, typed.old.end, typed.old.start + typed.length
        tree = before.tree.copy()
        tree.edit(
            start,
            old_end,
            new_end,
            _point(before.content, start),
            _point(before.content, old_end),
            _point(self.content, new_end),
        )
        tree = parse(self.content, tree)
        self.made_of.clear()
        return tree


def _point(content: bytes, byte_offset: int) -> tuple[int, int]:
    line_start = content.rfind(b"\n", 0, byte_offset) + 1
    return content.count(b"\n", 0, byte_offset), byte_offset - line_start
