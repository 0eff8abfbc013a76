"""Whether a text is broken, told from what was typed and the statements around it.

Parsing a broken text of some thousand lines takes longer than a letter may take to appear. But a
statement that stands complete on lines of its own has no say in whether another one is complete.
So only the statements around the typing are parsed, in the blocks that they stand in.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source, Span, parse

if TYPE_CHECKING:
    from tree_sitter import Node

    from otp_genesis_analyzers.typed_text import Typed


_DELIMITERS = frozenset(b"\"'~?#\\")
"""What can begin or end a string, a sigil, a comment, or keep one from ending."""
_TEXT = frozenset({"string", "charlist", "sigil", "quoted_atom", "quoted_keyword", "comment", "char"})


def surely_broken(before: Source, after: bytes, typed: Typed) -> bool:
    """Whether `after`, made of the healthy text `before` by what was `typed`, has an error in it.

    False says nothing: then all of it must be parsed.
    """
    left_out, behind = _left_out([*_blocks_around(before, typed.old)])
    if not left_out:
        return False
    root = parse(_without([typed.move(span) for span in left_out], after)).root_node
    if not root.has_error:
        return False
    if behind is None or not _turns_inside_out(before, after, typed):
        return True
    start = typed.move(Span.of(behind)).start
    start -= sum(span.end - span.start for span in left_out if span.end <= behind.start_byte)
    return _stands(root, behind, start)


def _turns_inside_out(before: Source, after: bytes, typed: Typed) -> bool:
    """Whether typing can have made code of strings and comments, and strings and comments of code."""
    start, end = typed.old.start, typed.old.end
    line = before.content[before.content.rfind(b"\n", 0, start) + 1 : end]
    if b"#" in line or not _DELIMITERS.isdisjoint(line[start - end :] + after[start : start + typed.length]):
        return True
    node = before.root.descendant_for_byte_range(max(0, start - 1), end + 1)
    while node is not None and node.type not in _TEXT:
        node = node.parent
    return node is not None


class _Block(NamedTuple):
    """The statements of one block. Those at `[first:end]` are typed in, perhaps none."""

    statements: Sequence[Node]
    first: int
    end: int


def _blocks_around(source: Source, old: Span) -> Iterator[_Block]:
    """The blocks that a range of a healthy text stands in, the outermost first."""
    content, statements = source.content, syntax.children(source.root)
    while True:
        first = bisect_left(statements, old.start, key=lambda statement: statement.end_byte)
        end = bisect_right(statements, old.end, key=lambda statement: statement.start_byte)
        while first and b"\n" not in content[statements[first - 1].end_byte : old.start]:
            first -= 1
        while end < len(statements) and b"\n" not in content[old.end : statements[end].start_byte]:
            end += 1
        yield _Block(statements, first, end)
        block = _plain_block(statements[first]) if end == first + 1 else None
        if block is None or not _stands_inside(old, block, content):
            return
        statements = syntax.children(block)


def _plain_block(statement: Node) -> Node | None:
    """The `do ... end` of a call, when there is nothing but statements in it."""
    block = syntax.do_block(statement) if statement.type == "call" else None
    odd = {"stab_clause", *syntax.SECTIONS}
    return None if block is None or any(child.type in odd for child in block.named_children) else block


def _stands_inside(old: Span, block: Node, content: bytes) -> bool:
    """Whether a range stands on lines of its own between `do` and `end`."""
    opening, closing = block.children[0], block.children[-1]
    return b"\n" in content[opening.end_byte : old.start] and b"\n" in content[old.end : closing.start_byte]


def _left_out(blocks: Sequence[_Block]) -> tuple[list[Span], Node | None]:
    """Where the statements are that stand farther away, in order, and the next one behind the typing.

    That is None when no statement behind the typing is left out.
    """
    earlier: list[Span] = []
    later: list[Span] = []
    behind: Node | None = None
    for depth, (statements, first, end) in enumerate(reversed(blocks)):
        first = max(0, first - 1) if depth == 0 else first  # what is typed may go on with the one before it
        if behind is None and end < len(statements):
            behind, end = statements[end], end + 1
        if first:
            earlier.append(Span.between(statements[0].start_byte, statements[first].start_byte))
        if end < len(statements):
            later.append(Span.between(statements[end - 1].end_byte, statements[-1].end_byte))
    return [*reversed(earlier), *later], behind


def _without(left_out: Sequence[Span], content: bytes) -> bytes:
    starts = (0, *(span.end for span in left_out))
    ends = (*(span.start for span in left_out), len(content))
    return b"".join(content[start:end] for start, end in zip(starts, ends, strict=True))


def _stands(root: Node, statement: Node, start: int) -> bool:
    """Whether a statement of the text before is one at `start` of a tree."""
    end = start + statement.end_byte - statement.start_byte
    node = root.named_descendant_for_byte_range(start, end)
    return (
        node is not None
        and (node.start_byte, node.end_byte, node.type) == (start, end, statement.type)
        and not node.has_error
    )
