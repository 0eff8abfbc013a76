"""A clause of one callback that becomes a clause of another, and stands beside its new kind."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.definitions import indent_of
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.statements import begins_its_line


def moved_clause(
    source: Source, function: Function, clause: Clause, name: str, behind: Node, *, impl: bool
) -> list[Edit] | Refused:
    """The edits that call a clause `name` and put it behind the definition `behind`.

    The comments directly above it go with it. With `impl` it gets an `@impl true` of its own. The only
    clause of its function stays where it is.
    """
    if len(function.clauses) == 1:
        return [Edit(clause.name_span, name)]
    definition = source.node_at(clause.span)
    first = _with_comments(source, definition)
    removed = _removed(source, function, clause, definition, first)
    if removed is None:
        return Refused(
            f"the clause at {place(source, clause.name_span.start)} stands among other definitions of its "
            "line or under an attribute of its own: move it by hand"
        )
    newline, indent = newline_of(source.content), indent_of(source, definition)
    comments = source.text(Span(first.start_byte, definition.start_byte))
    head = source.text(Span(definition.start_byte, clause.name_span.start))
    rest = source.text(Span(clause.name_span.end, definition.end_byte))
    attribute = f"@impl true{newline}{indent}" if impl else ""
    text = f"{newline}{newline}{indent}{comments}{attribute}{head}{name}{rest}"
    end = source.lines.line_end(behind.end_point.row)
    return [removed, Edit(Span(end, end), text + _blank_line(source, behind))]


def _with_comments(source: Source, definition: Node) -> Node:
    """The first of the comments that stand directly above a definition, or itself."""
    first = definition
    while (
        (before := first.prev_named_sibling) is not None
        and before.type == "comment"
        and first.start_point.row - before.end_point.row == 1
        and begins_its_line(source, before)
    ):
        first = before
    return first


def _removed(
    source: Source, function: Function, clause: Clause, definition: Node, first: Node
) -> Edit | None:
    """The clause taken out; attributes above the first clause are left to the one that follows."""
    if not begins_its_line(source, definition):
        return None
    if clause is function.clauses[0]:
        after = definition.next_named_sibling
        if after is None or after.type == "unary_operator" or not begins_its_line(source, after):
            return None
        return Edit(Span(first.start_byte, after.start_byte), "")
    before = first.prev_named_sibling
    if before is None or before.type == "unary_operator":
        return None
    end = source.lines.line_end(before.end_point.row)
    return Edit(Span(end, definition.end_byte), "")


def _blank_line(source: Source, behind: Node) -> str:
    """A further line break where the next definition would else touch the moved one."""
    after = behind.next_named_sibling
    touches = after is not None and after.start_point.row - behind.end_point.row == 1
    return newline_of(source.content) if touches else ""
