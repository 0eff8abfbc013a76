"""What the comments at a place in the code say of it."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source, Span

_ON_PURPOSE = (
    *(("on purpose",), ("deliberate",), ("intentional",), ("by design",)),
    *(("fail fast",), ("fail-fast",), ("must", "before"), ("must not", "until")),
)
"""Words, all of one group, by which a comment says that the code means what it does."""
_SLOWING = (
    *("rate limit", "rate-limit", "ratelimit", "throttl", "slow down", "slows down", "slowing down"),
    *("brute force", "brute-force", "guessing", "attack"),
)
"""Parts of a comment by which it says that somebody outside is made to wait."""


def comments_at(source: Source, byte_offset: int) -> Iterator[str]:
    """The comment behind the code of a line, and those on the lines right above it, nearest first."""
    line = source.lines.line_of(byte_offset)
    behind = _comment_ending(source, line)
    if behind is not None:
        yield syntax.text(behind)
    while line > 0:
        line -= 1
        above = _comment_ending(source, line)
        before = source.content[source.lines.starts[line] : above.start_byte] if above is not None else b"-"
        if above is None or before.strip():
            return
        yield syntax.text(above)


def says_on_purpose(source: Source, byte_offset: int) -> bool:
    """A comment at the place says that this is wanted: `# Blocks on purpose`, `# Fail fast without it`."""
    comment = " ".join(comments_at(source, byte_offset)).lower()
    return any(all(word in comment for word in words) for words in _ON_PURPOSE)


def says_slowed_down(source: Source, byte_offset: int) -> bool:
    """A comment at the place says that a user shall wait: `# Slow down token guessing`."""
    comment = " ".join(comments_at(source, byte_offset)).lower()
    return any(words in comment for words in _SLOWING)


def _comment_ending(source: Source, line: int) -> Node | None:
    end = source.lines.line_end(line)
    node = source.node_at(Span.between(max(0, end - 1), end))
    return node if node.type == "comment" else None
