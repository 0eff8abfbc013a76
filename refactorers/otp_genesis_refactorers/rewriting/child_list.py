"""The list of children that an application gives its top supervisor, as text that can be edited."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Clause
from otp_genesis_analyzers.facts.reading.read_terms import module_name
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, edited
from otp_genesis_refactorers.rewriting.layout import broken_lines, newline_of
from otp_genesis_refactorers.rewriting.places import place_of


@dataclass(frozen=True)
class ChildListText:
    """A literal list in `source`, with the names in scope where it stands."""

    source: Source
    list: Node
    scope: Scope

    @property
    def items(self) -> list[Node]:
        return syntax.children(self.list)

    def modules_in(self, item: Node) -> list[str]:
        """Every module that an item names, in order: the child's own first."""
        return [name for node in syntax.below(item) if (name := module_name(node, self.scope))]


@dataclass(frozen=True)
class Unreadable:
    """Why a list can't be edited, and where a person should look."""

    source: Source
    reason: str
    byte_offset: int


def find_child_list(
    source: Source, module_name: str, function_id: str, gives: str
) -> ChildListText | Unreadable:
    """The list that a function gives to `Supervisor.start_link` or `Supervisor.init`, named by `gives`."""
    module = next((module for module in read_facts(source).modules if module.name == module_name), None)
    functions = module.functions if module is not None else ()
    function = next((function for function in functions if function.id == function_id), None)
    if module is None or function is None:
        return Unreadable(
            source, f"{module_name} has no {function_id}", module.name_span.start if module else 0
        )
    if len(function.clauses) != 1:
        return Unreadable(source, f"{function_id} has several clauses", function.clauses[0].name_span.start)
    (clause,) = function.clauses
    calls = [call for call in clause.calls if call.is_to("Supervisor", gives)]
    if len(calls) != 1:
        count = "several supervisors" if calls else "no Supervisor itself"
        return Unreadable(source, f"{function_id} starts {count}", clause.name_span.start)
    (call,) = calls
    if call.form != "call" or call.piped:
        return Unreadable(source, "the children are piped to the supervisor", call.head.start)
    return _list_given(source, clause, syntax.arguments(source.node_at(call.span)))


def _list_given(source: Source, clause: Clause, arguments: list[Node]) -> ChildListText | Unreadable:
    given = arguments[0] if arguments else None
    value = bound_value(source, clause, given) if given is not None and given.type == "identifier" else given
    literal = _leading_list(value)
    if literal is None:
        offset = value.start_byte if value is not None else clause.name_span.start
        return Unreadable(source, "its children are not one literal list", offset)
    if any(
        item.type == "binary_operator" and syntax.operator(item) == "|" for item in syntax.children(literal)
    ):
        return Unreadable(source, "its list of children has a tail", literal.start_byte)
    return ChildListText(source, literal, place_of(source, Span.of(literal)).scope)


def bound_value(source: Source, clause: Clause, variable: Node) -> Node | None:
    """What the variable is bound to: once in the whole function, and on its top level."""
    definition = source.node_at(clause.span)
    name = syntax.text(variable)
    bindings = [
        node
        for node in syntax.below(definition)
        if node.type == "binary_operator"
        and syntax.operator(node) == "="
        and (left := syntax.left(node)) is not None
        and left.type == "identifier"
        and syntax.text(left) == name
    ]
    block = syntax.do_block(definition)
    statements = syntax.sections(block)[0] if block is not None else []
    return syntax.right(bindings[0]) if len(bindings) == 1 and bindings[0] in statements else variable


def _leading_list(value: Node | None) -> Node | None:
    """The list itself, or the one that `++` starts with."""
    while value is not None and value.type == "binary_operator" and syntax.operator(value) == "++":
        value = syntax.left(value)
    return value if value is not None and value.type == "list" else None


def with_child(children: ChildListText, index: int, child: str, line_length: int) -> bytes:
    """The file with a child inserted before the item of that index, comments staying with their items."""
    source = children.source
    edit = _insertion(source, children.list, children.items, index, child)
    after = Source(source.path, edited(source.content, (edit,)))
    grown = after.node_at(
        Span.between(children.list.start_byte, children.list.end_byte + len(edit.text.encode()))
    )
    return edited(after.content, tuple(sorted(broken_lines(after, grown, line_length))))


def _insertion(source: Source, whole: Node, items: list[Node], index: int, child: str) -> Edit:
    if not items:
        return _into_empty(source, whole, child)
    if index == len(items):
        return _after(source, whole, items[-1], child)
    item = items[index]
    if not _starts_its_line(source, item):
        return Edit(Span(item.start_byte, 0), f"{child}, ")
    newline, indent = newline_of(source.content), _indent(source, item)
    if index == 0:
        start = _first_thing(whole, item).start_byte
        return Edit(Span(start, 0), f"{child},{newline}{indent}")
    # Behind the line of the item before, so that comments above this one stay above it.
    end = source.lines.line_end(items[index - 1].end_point.row)
    return Edit(Span(end, 0), f"{newline}{indent}{child},")


def _into_empty(source: Source, whole: Node, child: str) -> Edit:
    comments = [node for node in whole.named_children if node.type == "comment"]
    if comments and _starts_its_line(source, comments[0]):
        start = comments[0].start_byte
        return Edit(Span(start, 0), f"{child}{newline_of(source.content)}{_indent(source, comments[0])}")
    return Edit(Span.between(whole.start_byte + 1, whole.start_byte + 1), child)


def _after(source: Source, whole: Node, last: Node, child: str) -> Edit:
    comma = next(
        (node for node in whole.children if node.type == "," and node.start_byte >= last.end_byte), None
    )
    after = comma.end_byte if comma is not None else last.end_byte
    if not _starts_its_line(source, last):
        return Edit(Span(after, 0), f" {child}," if comma is not None else f", {child}")
    separator = "" if comma is not None else ","
    trailing = "," if comma is not None else ""
    return Edit(
        Span(after, 0),
        f"{separator}{newline_of(source.content)}{_indent(source, last)}{child}{trailing}",
    )


def _first_thing(whole: Node, item: Node) -> Node:
    """The first comment of the list, where it stands above its first item."""
    first = whole.named_children[0]
    return first if first.type == "comment" and first.start_point.row > whole.start_point.row else item


def _starts_its_line(source: Source, node: Node) -> bool:
    return not _before_on_line(source, node).strip()


def _indent(source: Source, node: Node) -> str:
    before = _before_on_line(source, node)
    return before[: len(before) - len(before.lstrip())]


def _before_on_line(source: Source, node: Node) -> str:
    start = source.lines.starts[source.lines.line_of(node.start_byte)]
    return source.text(Span.between(start, node.start_byte))
