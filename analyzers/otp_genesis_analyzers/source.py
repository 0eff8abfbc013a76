"""One file: its bytes, its syntax tree, its lines.

Inside the analyzers every place is a byte offset. `LineIndex` turns an offset into
a line and a column once, at the edge, in the unit that the reader of the place counts in.
Documents are never kept as `str`: `str.splitlines` also splits at form feeds and U+2028,
which neither Elixir nor the language server protocol counts as lines.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Tree

_Of = TypeVar("_Of")
_About = TypeVar("_About")
_Derived = TypeVar("_Derived")

Encoding = Literal["utf-8", "utf-16", "utf-32"]
"""The unit of a column: bytes, UTF-16 code units, or code points."""


@cache
def elixir() -> Language:
    """The grammar, loaded when something is first parsed: most runs find that nothing has changed."""
    import tree_sitter_elixir
    from tree_sitter import Language

    # The stub still says int; what comes is the capsule that Language wants.
    return Language(tree_sitter_elixir.language())  # pyright: ignore[reportDeprecated]


def parse(content: bytes, before: Tree | None = None) -> Tree:
    """The syntax tree. Parsing never fails: broken text gives a tree with error nodes.

    `before` is the tree of an earlier text, edited to fit this one: what is the same is not parsed again.
    """
    from tree_sitter import Parser

    parser = Parser(elixir())
    return parser.parse(content) if before is None else parser.parse(content, before)


class Span(Struct, frozen=True, array_like=True, gc=False, order=True):
    """A half-open range of byte offsets.

    It holds its size and not its end, since Python keeps each small number once: facts are mostly spans.
    """

    start: int
    size: int

    @classmethod
    def between(cls, start: int, end: int) -> Span:
        return cls(start, end - start)

    @classmethod
    def of(cls, node: Node) -> Span:
        start = node.start_byte
        return cls(start, node.end_byte - start)

    @property
    def end(self) -> int:
        return self.start + self.size

    def contains(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end

    def shifted(self, by: int) -> Span:
        return Span(self.start + by, self.size)


def goes_on(byte: bytes) -> bool:
    """Whether a name that stands beside this byte is part of a longer one."""
    return byte.isalnum() or byte == b"_"


class LineIndex:
    """Lines of a text, split at `\\n`, `\\r\\n` and `\\r` only.

    Lines and columns are 0-based. A place outside the text is clamped to the nearest place inside.
    """

    __slots__ = ("_content", "starts")

    def __init__(self, content: bytes) -> None:
        self._content = content
        starts = [0]
        newline = content.find(b"\n")
        while newline >= 0:
            starts.append(newline + 1)
            newline = content.find(b"\n", newline + 1)
        lone_return = content.find(b"\r")
        while lone_return >= 0:
            if content[lone_return + 1 : lone_return + 2] != b"\n":
                starts.append(lone_return + 1)
            lone_return = content.find(b"\r", lone_return + 1)
        starts.sort()
        self.starts = starts

    def position(self, byte_offset: int, encoding: Encoding) -> tuple[int, int]:
        """`(line, column)` of a byte offset, the column counted in `encoding`."""
        byte_offset = max(0, min(byte_offset, len(self._content)))
        line = bisect_right(self.starts, byte_offset) - 1
        prefix = self._content[self.starts[line] : byte_offset]
        return line, _width(prefix, encoding)

    def offset(self, line: int, column: int, encoding: Encoding) -> int:
        """The byte offset of a position; a column past the end of its line is the line's end."""
        if line < 0:
            return 0
        if line >= len(self.starts):
            return len(self._content)
        start, end = self.starts[line], self.line_end(line)
        if encoding == "utf-8":
            return min(start + max(0, column), end)
        text = self._content[start:end].decode("utf-8", "replace")
        if encoding == "utf-32":
            return start + len(text[: max(0, column)].encode())
        units = 0
        for index, character in enumerate(text):
            if units >= column:
                return start + len(text[:index].encode())
            units += 2 if ord(character) > 0xFFFF else 1
        return end

    def line_of(self, byte_offset: int) -> int:
        return bisect_right(self.starts, max(0, min(byte_offset, len(self._content)))) - 1

    def line_end(self, line: int) -> int:
        """Where the text of a line ends, its line break left out."""
        end = self.starts[line + 1] if line + 1 < len(self.starts) else len(self._content)
        while end > self.starts[line] and self._content[end - 1] in b"\r\n":
            end -= 1
        return end


def _width(text: bytes, encoding: Encoding) -> int:
    if encoding == "utf-8" or text.isascii():
        return len(text)
    decoded = text.decode("utf-8", "replace")
    if encoding == "utf-32":
        return len(decoded)
    return len(decoded) + sum(1 for character in decoded if ord(character) > 0xFFFF)


@dataclass(frozen=True)
class Source:
    """The bytes of one Elixir file under the path by which findings name it (`lib/a.ex`)."""

    path: str
    content: bytes

    @cached_property
    def tree(self) -> Tree:
        return parse(self.content)

    @property
    def root(self) -> Node:
        return self.tree.root_node

    @cached_property
    def lines(self) -> LineIndex:
        return LineIndex(self.content)

    @cached_property
    def first_error(self) -> int | None:
        """The byte behind which nothing can be believed; None when the text is healthy."""
        from otp_genesis_analyzers import syntax

        return syntax.first_error(self.root)

    @property
    def broken(self) -> bool:
        return self.first_error is not None

    def text(self, span: Span) -> str:
        return self.content[span.start : span.end].decode("utf-8", "replace")

    def places_of(self, text: bytes, within: Span) -> Iterator[Span]:
        """Where these bytes stand, in order, be it in a word, a comment or a string."""
        at = self.content.find(text, within.start, within.end)
        while at >= 0:
            yield Span(at, len(text))
            at = self.content.find(text, at + len(text), within.end)

    def node_at(self, span: Span) -> Node:
        """The smallest named node that covers `span`; the same object each time, which knows its children."""
        if span not in self._nodes:
            node = self.root.named_descendant_for_byte_range(span.start, span.end)
            self._nodes[span] = node or self.root
        return self._nodes[span]

    def derived(self, make: Callable[[Source, _Of, _About], _Derived], of: _Of, about: _About) -> _Derived:
        """What `make` says of this text `about` one thing, worked out once."""
        key = make, id(about)
        known = self._made.get(key)
        if known is None or known[0] is not about:
            known = self._made[key] = about, make(self, of, about)
        return known[1]

    @cached_property
    def _made(self) -> dict[tuple[Callable[..., Any], int], tuple[Any, Any]]:
        return {}

    @cached_property
    def _nodes(self) -> dict[Span, Node]:
        return {}
