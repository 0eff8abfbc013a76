"""Edits of whole statements, each of which begins its line: one in front, one behind, one taken out."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit
from otp_genesis_refactorers.rewriting.layout import newline_of


def comment_in(node: Node) -> Node | None:
    """The first comment inside of a node."""
    return next((inner for inner in syntax.below(node) if inner.type == "comment"), None)


def begins_its_line(source: Source, statement: Node) -> bool:
    return not _before(source, statement).strip()


def first_comment_above(source: Source, node: Node) -> Node:
    """The first of the comments that stand directly above a node, or the node itself."""
    first = node
    while (
        (before := first.prev_named_sibling) is not None
        and before.type == "comment"
        and first.start_point.row - before.end_point.row == 1
        and begins_its_line(source, before)
    ):
        first = before
    return first


def end_with_comment(source: Source, node: Node) -> int:
    """Where a node ends, with the comment that stands behind it on its last line."""
    behind = node.next_named_sibling
    if behind is None or behind.type != "comment" or behind.start_point.row != node.end_point.row:
        return node.end_byte
    return source.lines.line_end(behind.start_point.row)


def line_before(source: Source, statement: Node, text: str) -> Edit:
    """A statement in front of another; with a blank line between where the other has several lines."""
    newline = newline_of(source.content)
    gap = newline * (2 if _has_several_lines(statement) else 1)
    return Edit(Span(statement.start_byte, 0), f"{text}{gap}{_before(source, statement)}")


def line_behind(source: Source, statement: Node, text: str) -> Edit:
    """A statement behind another and the comment on its last line."""
    newline = newline_of(source.content)
    gap = newline * (2 if _has_several_lines(statement) else 1)
    end = source.lines.line_end(statement.end_point.row)
    return Edit(Span(end, 0), f"{gap}{_before(source, statement)}{text}")


def without_line(source: Source, statement: Node) -> Edit:
    """A statement taken out with its line; of blank lines on both sides one is left, none behind a `do`.

    What stands behind it on its last line, a comment or another statement, takes its place.
    """
    behind = statement.next_named_sibling
    if behind is not None and behind.start_point.row == statement.end_point.row:
        return Edit(Span.between(statement.start_byte, behind.start_byte), "")
    starts = source.lines.starts
    first, last = statement.start_point.row, statement.end_point.row + 1
    is_first = statement.prev_named_sibling is None
    if (is_first or _is_blank(source, first - 1)) and _is_blank(source, last):
        last += 1
    end = starts[last] if last < len(starts) else len(source.content)
    return Edit(Span.between(starts[first], end), "")


def _before(source: Source, statement: Node) -> str:
    """What stands on the statement's first line in front of it: its indentation."""
    return source.text(Span.between(source.lines.starts[statement.start_point.row], statement.start_byte))


def _has_several_lines(node: Node) -> bool:
    return node.start_point.row != node.end_point.row


def _is_blank(source: Source, line: int) -> bool:
    if not 0 <= line < len(source.lines.starts):
        return False
    return not source.text(Span.between(source.lines.starts[line], source.lines.line_end(line))).strip()
