"""Breaks a line that a rewrite made too long, as `mix format` would break it.

This is no formatter. It knows the shapes in which a call or a child list usually stands on one
line, and leaves any other as it is, too long. Only the lines of the rewritten expression are
touched, and only where they were within the limit before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit

_BEFORE_ARGUMENTS = {"for": 4, "with": 5}
"""How far the arguments of a call without parentheses are indented, where it is not 2."""
_BLOCKS = syntax.SECTIONS | {"source", "do_block", "body", "block"}


@dataclass(frozen=True)
class _Page:
    source: Source
    line_length: int
    newline: str

    def indented(self, indent: str) -> str:
        return indent + ("\t" if "\t" in indent else "  ")

    def fits(self, text: str, column: int, tail: int) -> bool:
        return "\n" not in text and column + len(text) + tail <= self.line_length


def newline_of(content: bytes) -> str:
    """The line break that a file uses, by its first one."""
    end = content.find(b"\n")
    return "\r\n" if end > 0 and content[end - 1] == 0x0D else "\n"


def line_is_too_long(source: Source, byte_offset: int, line_length: int) -> bool:
    """Whether the code of the line is longer than allowed; a comment at its end doesn't count."""
    line = source.lines.line_of(byte_offset)
    start, end = source.lines.starts[line], source.lines.line_end(line)
    code = source.text(Span.between(start, end))
    last = source.node_at(Span.between(max(start, end - 1), end))
    if last.type == "comment" and last.start_byte >= start:
        code = source.text(Span.between(start, last.start_byte)).rstrip()
    return len(code) > line_length


def broken_lines(source: Source, target: Node, line_length: int) -> list[Edit]:
    """Edits that break the line on which `target`, a node of `source`, starts, if it is too long."""
    if not line_is_too_long(source, target.start_byte, line_length):
        return []
    page = _Page(source, line_length, newline_of(source.content))
    if target.start_point.row != target.end_point.row:
        return _broken_call_of_many_lines(page, target)
    unit = _unit(target)
    if _may_stand_out(unit) and not line_is_too_long(source, target.start_byte, line_length + 1):
        return _blank_lines_around(page, unit)
    opened = _call_with_keywords_below(unit)
    if opened is not None:
        return _keywords_beside_the_rest(page, opened)
    line_start = source.lines.starts[source.lines.line_of(unit.start_byte)]
    before = source.text(Span.between(line_start, unit.start_byte))
    indent = before[: len(before) - len(before.lstrip())]
    if unit.type == "stab_clause":
        return _broken_clauses(page, unit, indent)
    text = _lay_out(page, unit, indent, len(before), _tail(source, unit))
    edit = Edit(Span.between(unit.start_byte, _last_part(unit).end_byte), text)
    return [edit, *_blank_lines_around(page, unit)] if "\n" in text else []


def _may_stand_out(unit: Node) -> bool:
    """The formatter lets the parenthesis of some calls stand one column past the limit.

    Yet it sets such a call apart as if it had several lines.
    """
    arguments = syntax.arguments(unit) if unit.type == "call" else []
    piped = unit.parent is not None and syntax.operator(unit.parent) == "|>"
    is_statement = piped or (unit.parent is not None and unit.parent.type in _BLOCKS)
    return is_statement and len(arguments) + piped > 1 and arguments[-1].type in ("keywords", "list")


def _call_with_keywords_below(unit: Node) -> Node | None:
    """The call `f(unit,` that goes on with a keyword a line, if `unit` is on its first line."""
    holder = unit.parent
    call = holder.parent if holder is not None and holder.type == "arguments" else None
    if holder is None or call is None or call.start_point.row != unit.start_point.row:
        return None
    last = syntax.children(holder)[-1]
    below = last.type == "keywords" and last.start_point.row > unit.end_point.row
    return call if below and holder.children[0].type == "(" else None


def _keywords_beside_the_rest(page: _Page, call: Node) -> list[Edit]:
    """All arguments a line of their own, where before only the keywords had one."""
    line_start = page.source.lines.starts[call.start_point.row]
    indent = page.source.text(Span.between(line_start, call.start_byte))
    holder = next((child for child in call.named_children if child.type == "arguments"), None)
    if holder is None or indent.strip():
        return []
    opening = page.source.text(Span.between(call.start_byte, holder.start_byte + 1))
    text = _one_per_line(page, opening, _spread(syntax.children(holder)), ")", indent)
    return [Edit(Span.of(call), text)]


def _blank_lines_around(page: _Page, statement: Node) -> list[Edit]:
    """A statement of several lines stands apart from others, but not from an attribute or comment above."""
    if statement.parent is None or statement.parent.type not in _BLOCKS:
        return []
    edits: list[Edit] = []
    before, after = statement.prev_named_sibling, statement.next_named_sibling
    if before is not None and before.type not in ("comment", "unary_operator"):
        edits += _blank_line_between(page, before, statement)
    if after is not None and after.type not in syntax.SECTIONS:
        edits += _blank_line_between(page, statement, after)
    return edits


def _unit(target: Node) -> Node:
    """The widest expression that begins and ends on the target's line."""
    unit, row = target, target.start_point.row
    while (
        (parent := unit.parent) is not None
        and parent.type not in ("source", "do_block")
        and parent.start_point.row == row == _last_part(parent).end_point.row
    ):
        unit = parent
    return unit


def _last_part(node: Node) -> Node:
    """Where a node ends in text: the tree counts the line break behind a clause as part of it."""
    while node.type in ("stab_clause", "body") and node.named_children:
        node = node.named_children[-1]
    return node


def _tail(source: Source, unit: Node) -> int:
    """How many characters (a comma, a parenthesis) must stay on the line behind the unit."""
    start = _last_part(unit).end_byte
    rest = source.text(Span.between(start, source.lines.line_end(source.lines.line_of(start))))
    return len(rest.split("#", 1)[0].rstrip())


def _lay_out(page: _Page, node: Node, indent: str, column: int, tail: int = 0) -> str:
    """The text of a node whose first line starts at `column` of a line indented by `indent`."""
    flat = syntax.text(node).rstrip()
    if page.fits(flat, column, tail) or "\n" in flat:
        return flat
    layout = _LAYOUTS.get(node.type)
    return layout(page, node, indent, column, tail) if layout is not None else flat


def _only_child(page: _Page, node: Node, indent: str, column: int, tail: int) -> str:
    inner = syntax.children(node)
    return _lay_out(page, inner[0], indent, column, tail) if len(inner) == 1 else syntax.text(node)


def _operation(page: _Page, node: Node, indent: str, column: int, tail: int) -> str:
    left, right, operator = syntax.left(node), syntax.right(node), syntax.operator(node)
    if left is None or right is None:
        return syntax.text(node)
    if operator == "|>":
        return _pipeline(page, node, indent)
    before = syntax.text(left)
    inner = page.indented(indent)
    if operator == "=" and right.type in ("list", "anonymous_function"):
        return f"{before} = {_lay_out(page, right, indent, column + len(before) + 3, tail)}"
    if operator == "++" and not page.fits(before, column, 0):
        return f"{_lay_out(page, left, indent, column)} ++ {syntax.text(right)}"
    return f"{before} {operator}{page.newline}{inner}{_lay_out(page, right, inner, len(inner), tail)}"


def _pipeline(page: _Page, node: Node, indent: str) -> str:
    steps: list[Node] = []
    first: Node | None = node
    while first is not None and first.type == "binary_operator" and syntax.operator(first) == "|>":
        steps += [step] if (step := syntax.right(first)) is not None else []
        first = syntax.left(first)
    lines = [f"{indent}|> {_lay_out(page, step, indent, len(indent) + 3)}" for step in reversed(steps)]
    return page.newline.join([syntax.text(first) if first is not None else "", *lines])


def _capture(page: _Page, node: Node, indent: str, column: int, tail: int) -> str:
    inner = syntax.operand(node)
    if inner is not None and syntax.operator(node) == "@":
        return _attribute(page, inner, column, tail)
    if syntax.operator(node) != "&" or inner is None:
        return syntax.text(node)
    return "&" + _lay_out(page, inner, indent, column + 1, tail)


def _attribute(page: _Page, definition: Node, column: int, tail: int) -> str:
    """`@name value`, the value's further lines indented from where it starts."""
    values = syntax.arguments(definition)
    name = syntax.local_name(definition)
    if len(values) != 1 or not name:
        return f"@{syntax.text(definition)}"
    start = column + len(name) + 2
    return f"@{name} {_lay_out(page, values[0], ' ' * start, start, tail)}"


def _list(page: _Page, node: Node, indent: str, _column: int, _tail: int) -> str:
    items = _spread(syntax.children(node))
    return _one_per_line(page, "[", items, "]", indent) if items else "[]"


def _function(page: _Page, node: Node, indent: str, _column: int, _tail: int) -> str:
    clauses = syntax.children(node)
    arrow = clauses[0].child_by_field_name("operator") if len(clauses) == 1 else None
    if arrow is None:
        return syntax.text(node)
    inner = page.indented(indent)
    head = page.source.text(Span.between(node.start_byte, arrow.end_byte))
    body = (_lay_out(page, part, inner, len(inner)) for part in syntax.stab_parts(clauses[0])[2])
    return page.newline.join([head, *(inner + statement for statement in body), f"{indent}end"])


def _call(page: _Page, node: Node, indent: str, column: int, _tail: int) -> str:
    if syntax.do_block(node) is not None:
        return syntax.text(node)
    holder = next((child for child in node.named_children if child.type == "arguments"), None)
    if holder is None or not holder.children:
        return syntax.text(node)
    if holder.children[0].type != "(":
        return _call_without_parentheses(page, node, holder, indent)
    arguments = syntax.children(holder)
    if not arguments:
        return syntax.text(node)
    opening = page.source.text(Span.between(node.start_byte, holder.start_byte + 1))
    leading = "".join(f"{syntax.text(argument)}, " for argument in arguments[:-1])
    last = arguments[-1]
    generates = any(syntax.operator(argument) == "<-" for argument in arguments)
    if (
        last.type == "keywords"
        and leading
        and not generates
        and page.fits(opening + leading.rstrip(), column, 0)
    ):
        return _one_per_line(page, opening + leading.rstrip(), _spread([last]), ")", indent)
    if last.type in ("list", "anonymous_function"):
        text = opening + leading + _LAYOUTS[last.type](page, last, indent, 0, 0)
        if page.newline in text and page.fits(text.split(page.newline, 1)[0], column, 0):
            return text + ")"
    return _one_per_line(page, opening, _spread(arguments), ")", indent)


def _call_without_parentheses(page: _Page, node: Node, holder: Node, indent: str) -> str:
    """`def f(x), do: ...`, `if x, do: ..., else: ...`, `for x <- xs, do: ...`: an argument a line."""
    name = syntax.local_name(node)
    inner = indent + " " * _BEFORE_ARGUMENTS[name] if name in _BEFORE_ARGUMENTS else page.indented(indent)
    first, *others = _spread(syntax.children(holder))
    opening = page.source.text(Span.between(node.start_byte, first.end_byte))
    return f"{opening},{page.newline}{_lines_of(page, others, inner)}" if others else syntax.text(node)


def _pair(page: _Page, node: Node, indent: str, _column: int, tail: int) -> str:
    key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
    if key is None or value is None:
        return syntax.text(node)
    inner = page.indented(indent)
    return f"{syntax.text(key).rstrip()}{page.newline}{inner}{_lay_out(page, value, inner, len(inner), tail)}"


def _one_per_line(page: _Page, opening: str, items: list[Node], closing: str, indent: str) -> str:
    inner = page.indented(indent)
    return f"{opening}{page.newline}{_lines_of(page, items, inner)}{page.newline}{indent}{closing}"


def _lines_of(page: _Page, items: list[Node], indent: str) -> str:
    """The items, a line or more each; all but the last need room for a comma."""
    tails = [1] * (len(items) - 1) + [0]
    laid_out = (
        _lay_out(page, item, indent, len(indent), tail) for item, tail in zip(items, tails, strict=True)
    )
    return f",{page.newline}".join(indent + text for text in laid_out)


def _spread(nodes: list[Node]) -> list[Node]:
    """The nodes, trailing keywords taken apart into their pairs."""
    if nodes and nodes[-1].type == "keywords":
        return [*nodes[:-1], *syntax.children(nodes[-1])]
    return nodes


_LAYOUTS: dict[str, Callable[[_Page, Node, str, int, int], str]] = {
    "arguments": _only_child,
    "body": _only_child,
    "keywords": _only_child,
    "binary_operator": _operation,
    "unary_operator": _capture,
    "call": _call,
    "list": _list,
    "anonymous_function": _function,
    "pair": _pair,
}


def _broken_clauses(page: _Page, clause: Node, indent: str) -> list[Edit]:
    """When the body of one clause goes to a line of its own, those of its siblings do so too."""
    siblings = [clause]
    if clause.parent is not None:
        siblings = [child for child in clause.parent.children if child.type in ("stab_clause", "comment")]
    inner = page.indented(indent)
    edits: list[Edit] = []
    for previous, sibling in zip([None, *siblings], siblings, strict=False):
        if sibling.type == "stab_clause":
            edits += _body_on_its_own_line(page, sibling, inner)
        if previous is not None and previous.type == "stab_clause":
            edits += _blank_line_between(page, previous, sibling)
    return edits


def _body_on_its_own_line(page: _Page, clause: Node, inner: str) -> list[Edit]:
    arrow, body = clause.child_by_field_name("operator"), clause.child_by_field_name("right")
    if arrow is None or body is None or arrow.end_point.row != body.start_point.row:
        return []
    text = _lay_out(page, body, inner, len(inner))
    return [Edit(Span.between(arrow.end_byte, _last_part(body).end_byte), f"{page.newline}{inner}{text}")]


def _blank_line_between(page: _Page, previous: Node, following: Node) -> list[Edit]:
    row = _last_part(previous).end_point.row
    if following.start_point.row - row != 1:
        return []
    end = page.source.lines.line_end(row)
    return [Edit(Span(end, 0), page.newline)]


def _broken_call_of_many_lines(page: _Page, call: Node) -> list[Edit]:
    """`start_child(Name, fn ->` with its body below: an argument a line, the body moved to the right."""
    line_start = page.source.lines.starts[call.start_point.row]
    before = page.source.text(Span.between(line_start, call.start_byte))
    arguments = syntax.arguments(call)
    if before.strip() or not arguments or call.type != "call" or holds_text_of_many_lines(call):
        return []
    if any(argument.start_point.row != call.start_point.row for argument in arguments):
        return []
    inner = page.indented(before)
    step = inner.removeprefix(before)
    edits: list[Edit] = []
    position = arguments[0].start_byte
    while page.source.content[position - 1 : position] in (b" ", b"\n"):
        position -= 1
    edits.append(Edit(Span.between(position, arguments[0].start_byte), page.newline + inner))
    for argument, following in pairwise(arguments):
        edits.append(Edit(Span.between(argument.end_byte, following.start_byte), f",{page.newline}{inner}"))
    for row in range(call.start_point.row + 1, call.end_point.row + 1):
        start = page.source.lines.starts[row]
        if page.source.lines.line_end(row) > start:
            edits.append(Edit(Span(start, 0), step))
    edits.append(Edit(Span.between(arguments[-1].end_byte, arguments[-1].end_byte), page.newline + before))
    return edits


def holds_text_of_many_lines(node: Node) -> bool:
    """A string whose value would change with its indentation; heredocs move with their end mark."""
    if node.type in ("string", "charlist", "sigil", "quoted_atom"):
        opening = syntax.text(node)
        heredoc = '"""' in opening[:6] or "'''" in opening[:6]
        return node.start_point.row != node.end_point.row and not heredoc
    return any(holds_text_of_many_lines(child) for child in node.named_children)
