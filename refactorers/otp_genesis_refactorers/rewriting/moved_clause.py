"""A clause of one callback that becomes a clause of another, and stands beside its new kind."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.definitions import indent_of
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.statements import (
    begins_its_line,
    end_with_comment,
    first_comment_above,
)


def moved_clause(
    source: Source,
    function: Function,
    clause: Clause,
    name: str,
    behind: Node,
    line_length: int,
    *,
    impl: bool,
) -> list[Edit] | Refused:
    """The edits that call a clause `name` and put it behind the definition `behind`.

    The comments directly above it go with it. With `impl` it gets an `@impl true` of its own. The only
    clause of its function stays where it is.
    """
    if len(function.clauses) == 1:
        return [Edit(clause.name_span, name)]
    definition = source.node_at(clause.span)
    first = first_comment_above(source, definition)
    removed = _removed(source, function, clause, definition, first)
    if removed is None:
        return Refused(
            f"the clause at {place(source, clause.name_span.start)} stands among other definitions of its "
            "line or under an attribute of its own: move it by hand"
        )
    newline, indent = newline_of(source.content), indent_of(source, definition)
    comments = source.text(Span.between(first.start_byte, definition.start_byte))
    head = source.text(Span.between(definition.start_byte, clause.name_span.start))
    rest = source.text(Span.between(clause.name_span.end, end_with_comment(source, definition)))
    if "\n" not in rest and len(indent) + len(head) + len(name) + len(rest) > line_length:
        rest = _value_below(source, definition, clause, f"{newline}{indent}  ")
    attribute = f"@impl true{newline}{indent}" if impl else ""
    text = f"{newline}{newline}{indent}{comments}{attribute}{head}{name}{rest}"
    end = source.lines.line_end(behind.end_point.row)
    return [removed, Edit(Span(end, 0), text + _blank_line(source, behind))]


def _value_below(source: Source, definition: Node, clause: Clause, line_break: str) -> str:
    """What follows the name of a definition of one line, its `do:` on a line of its own."""
    value = syntax.body_keywords(definition).get("do")
    end = end_with_comment(source, definition)
    if value is None:
        return source.text(Span.between(clause.name_span.end, end))
    head = syntax.arguments(definition)[0]
    return (
        f"{source.text(Span.between(clause.name_span.end, head.end_byte))},{line_break}do: "
        f"{source.text(Span.between(value.start_byte, end))}"
    )


def _removed(
    source: Source, function: Function, clause: Clause, definition: Node, first: Node
) -> Edit | None:
    """The clause taken out; attributes above the first clause are left to the one that follows."""
    if not begins_its_line(source, definition):
        return None
    if clause is function.clauses[0]:
        after = definition.next_named_sibling
        if after is not None and after.type == "comment" and not begins_its_line(source, after):
            after = after.next_named_sibling
        if after is None or after.type == "unary_operator" or not begins_its_line(source, after):
            return None
        return Edit(Span.between(first.start_byte, after.start_byte), "")
    before = first.prev_named_sibling
    if before is None or before.type == "unary_operator":
        return None
    end = source.lines.line_end(before.end_point.row)
    return Edit(Span.between(end, end_with_comment(source, definition)), "")


def _blank_line(source: Source, behind: Node) -> str:
    """A further line break where the next definition would else touch the moved one."""
    after = behind.next_named_sibling
    touches = after is not None and after.start_point.row - behind.end_point.row == 1
    return newline_of(source.content) if touches else ""
