"""The items of a list of children in another order, each with its comments."""

from __future__ import annotations

from collections.abc import Sequence

from tree_sitter import Node

from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused, edited
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.child_list import ChildListText


def reordered(children: ChildListText, order: Sequence[int]) -> bytes | Refused:
    """The file with the items of the list in `order`, which names each by its position now."""
    source, items = children.source, children.items
    if all(_is_alone_on_its_lines(source, children.list, item) for item in items):
        return _lines_in_order(source, children.list, items, order)
    if children.list.start_point.row != children.list.end_point.row:
        return Refused(
            f"the list at {place(source, children.list.start_byte)} has lines with several items: "
            "give each a line of its own first"
        )
    texts = [source.text(Span.of(item)) for item in items]
    edits = [Edit(Span.of(item), texts[position]) for item, position in zip(items, order, strict=True)]
    return edited(source.content, tuple(edits))


def _lines_in_order(source: Source, whole: Node, items: list[Node], order: Sequence[int]) -> bytes:
    """The items change places with the lines of comments above them; blank lines stay where they are."""
    commas = [_comma_behind(whole, item) for item in items]
    texts = [
        source.text(Span.between(_start_with_comments(source, whole, item), item.end_byte)) for item in items
    ]
    behind = [
        source.text(
            Span.between(comma.end_byte if comma is not None else item.end_byte, _line_end(source, item))
        )
        for item, comma in zip(items, commas, strict=True)
    ]
    edits: list[Edit] = []
    for place_in_list, position in enumerate(order):
        item, comma = items[place_in_list], commas[place_in_list]
        separator = "," if comma is not None else ""
        span = Span.between(_start_with_comments(source, whole, item), _line_end(source, item))
        edits.append(Edit(span, f"{texts[position]}{separator}{behind[position]}"))
    return edited(source.content, tuple(edits))


def _start_with_comments(source: Source, whole: Node, item: Node) -> int:
    """Where the item begins with the comments on the lines directly above it."""
    first = item
    for comment in reversed([node for node in whole.named_children if node.type == "comment"]):
        is_above = comment.start_point.row == first.start_point.row - 1
        if is_above and not _text_before(source, comment).strip():
            first = comment
    return first.start_byte


def _is_alone_on_its_lines(source: Source, whole: Node, item: Node) -> bool:
    if _text_before(source, item).strip():
        return False
    comma = _comma_behind(whole, item)
    end = comma.end_byte if comma is not None else item.end_byte
    rest = source.text(Span.between(end, _line_end(source, item))).strip()
    return not rest or rest.startswith("#")


def _comma_behind(whole: Node, item: Node) -> Node | None:
    sibling = item.next_sibling
    while sibling is not None and sibling.type == "comment":
        sibling = sibling.next_sibling
    return sibling if sibling is not None and sibling.type == "," and sibling.parent == whole else None


def _line_end(source: Source, item: Node) -> int:
    return source.lines.line_end(item.end_point.row)


def _text_before(source: Source, node: Node) -> str:
    return source.text(Span.between(source.lines.starts[node.start_point.row], node.start_byte))
