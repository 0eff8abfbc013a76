"""Edits of whole definitions: statements put into a body, clauses put beside others."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.layout import holds_text_of_many_lines, newline_of
from otp_genesis_refactorers.rewriting.statements import end_with_comment


def with_first_statement(source: Source, definition: Node, statement: str) -> list[Edit] | Refused:
    """Edits that make `statement` the first of a body; a body written `do: value` becomes a block."""
    inner = indent_of(source, definition) + "  "
    newline = newline_of(source.content)
    block = syntax.do_block(definition)
    if block is None:
        return _as_block(source, definition, [statement])
    line = source.lines.line_of(block.children[0].end_byte)
    line_end = source.lines.line_end(line)
    first = next((child for child in block.named_children if child.start_point.row > line), None)
    if first is None:
        first = syntax.children(block)[0]
        return [Edit(Span(first.start_byte, 0), f"{statement}; ")]
    gap = newline if first.type != "comment" and first.start_point.row < first.end_point.row else ""
    return [Edit(Span(line_end, 0), f"{newline}{inner}{statement}{gap}")]


def _as_block(source: Source, definition: Node, statements: list[str]) -> list[Edit] | Refused:
    keywords = syntax.body_keywords(definition)
    holder = next((child for child in definition.named_children if child.type == "arguments"), None)
    value = keywords.get("do")
    if value is None or len(keywords) > 1 or holder is None or holder.children[0].type == "(":
        where = place(source, definition.start_byte)
        return Refused(f"the definition at {where} has no `do` block: write it with one, then try again")
    if holds_text_of_many_lines(value):
        where = place(source, value.start_byte)
        return Refused(f"the text at {where} has several lines: write the definition with a `do` block first")
    head = syntax.children(holder)[0]
    indent, newline = indent_of(source, definition), newline_of(source.content)
    lines = "".join(f"{newline}{indent}  {statement}" if statement else newline for statement in statements)
    gap = newline if value.start_point.row < value.end_point.row and statements[-1:] != [""] else ""
    return [
        *_blank_lines_around(source, definition),
        Edit(Span.between(head.end_byte, value.start_byte), f" do{lines}{gap}{newline}{indent}  "),
        *_indented(source, value, f"{indent}  "),
        Edit(Span(value.end_byte, 0), f"{newline}{indent}end"),
    ]


def _indented(source: Source, value: Node, indent: str) -> list[Edit]:
    """The further lines of an expression, as deep as before below a first line that gets this indentation."""
    columns = len(indent) - len(indent_of(source, value))
    edits: list[Edit] = []
    for row in range(value.start_point.row + 1, value.end_point.row + 1):
        start, end = source.lines.starts[row], source.lines.line_end(row)
        if columns > 0 and end > start:
            edits.append(Edit(Span(start, 0), " " * columns))
        elif columns < 0 and not source.text(Span.between(start, min(start - columns, end))).strip():
            edits.append(Edit(Span.between(start, min(start - columns, end)), ""))
    return edits


def body_replaced(
    source: Source, definition: Node, statement: Node, lines: list[str]
) -> list[Edit] | Refused:
    """Edits that put `lines` in the place of the only statement of a definition."""
    if syntax.do_block(definition) is None:
        edits = _as_block(source, definition, lines[:-1])
        return edits if isinstance(edits, Refused) else [*edits, Edit(Span.of(statement), lines[-1])]
    newline = newline_of(source.content)
    indent = indent_of(source, statement)
    text = "".join(f"{newline}{indent}{line}" if line else newline for line in lines)
    return [Edit(Span.of(statement), text.removeprefix(f"{newline}{indent}"))]


def start_with_attributes(definition: Node) -> int:
    """Where a definition starts, with the attributes and comments that stand directly above it."""
    start = definition
    while (before := _in_front(start)) is not None:
        touches = start.start_point.row - before.end_point.row <= 1
        if not touches or not (before.type == "comment" or _is_attribute(before)):
            break
        start = before
    return start.start_byte


def _in_front(node: Node) -> Node | None:
    """What stands in front of a node, but for a comment behind that on the same line."""
    before = node.prev_named_sibling
    other = before.prev_named_sibling if before is not None and before.type == "comment" else None
    if other is not None and before is not None and other.end_point.row == before.start_point.row:
        return other
    return before


def clauses_before(source: Source, definition: Node, clauses: list[str]) -> Edit:
    """The lines of `clauses` above a definition, a blank line between."""
    start, newline = start_with_attributes(definition), newline_of(source.content)
    indent = indent_of(source, definition)
    lines = "".join(f"{indent}{line}{newline}" if line else newline for line in clauses)
    return Edit(Span(start, 0), f"{lines.removeprefix(indent)}{newline}{indent}")


def clauses_after(source: Source, definition: Node, clauses: list[str]) -> Edit:
    """The lines of `clauses` below a definition, a blank line between."""
    newline, end = newline_of(source.content), end_with_comment(source, definition)
    indent = indent_of(source, definition)
    lines = "".join(f"{newline}{indent}{line}" if line else newline for line in clauses)
    return Edit(Span(end, 0), f"{newline}{lines}")


def indent_of(source: Source, node: Node) -> str:
    """The white space in front of the line that a node starts on."""
    line = source.text(Span.between(source.lines.starts[node.start_point.row], node.start_byte))
    return line[: len(line) - len(line.lstrip())]


def _is_attribute(node: Node) -> bool:
    return node.type == "unary_operator" and syntax.operator(node) == "@"


def _blank_lines_around(source: Source, definition: Node) -> list[Edit]:
    """A definition that becomes a block stands apart from its neighbours."""
    newline = newline_of(source.content)
    before, after = definition.prev_named_sibling, definition.next_named_sibling
    stands_below = before is not None and before.type != "comment" and not _is_attribute(before)
    edits: list[Edit] = []
    if stands_below and before is not None and definition.start_point.row - before.end_point.row == 1:
        edits.append(_line_before(source, definition, newline))
    if after is not None and after.start_point.row - definition.end_point.row == 1:
        edits.append(_line_before(source, after, newline))
    return edits


def _line_before(source: Source, node: Node, text: str) -> Edit:
    line_start = source.lines.starts[node.start_point.row]
    return Edit(Span(line_start, 0), text)
