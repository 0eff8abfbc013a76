"""How large a module is, and which of its functions have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.source import Source

_TEXT = frozenset({"sigil", "string", "charlist"})
_LITERALS = frozenset({"list", "map", "tuple", "keywords"})
_COMPUTED = frozenset({"call", "anonymous_function", "identifier", "interpolation"})
_LONG_LITERAL_LINES = 50
_MOST_ROWS_OF_AN_ENTRY = 5
_HEREDOCS = (b'"""', b"'''")
_RUN_TIME = frozenset({"def", "defp"})


def code_lines(source: Source, module: Module) -> int:
    """The lines between the functions of a module and within them, at run time.

    Docs, types, attributes, schemas, macros, nested modules and comments above functions are left out,
    and so are text of several lines, a template or a query, and tables: long literals, or as many clauses of
    nothing but literals.
    """
    block = syntax.do_block(source.node_at(module.span))
    if block is None:
        return 0
    lines, in_tables = block.end_point.row - block.start_point.row, 0
    for statement in block.named_children:
        if syntax.local_name(statement) not in _RUN_TIME:
            lines -= _rows(statement) + 1
            continue
        if _is_row_of_a_table(statement):
            in_tables += _rows(statement) + 1
        lines -= sum(map(_rows, _data(statement)))
        if _may_hold_text(source, statement):
            lines -= sum(map(_rows, _texts(statement)))
    return lines - in_tables if in_tables >= _LONG_LITERAL_LINES else lines


def mostly_macro(module: Module) -> bool:
    """A macro is longer than all functions together: what it makes stands elsewhere."""
    sizes = {"macros": 0, "functions": 0}
    for function in module.functions:
        kind = "macros" if function.kind in ("defmacro", "defmacrop") else "functions"
        sizes[kind] += sum(c.span.end - c.span.start for c in function.clauses if function.kind != "body")
    return sizes["macros"] > sizes["functions"]


def mostly_delegates(module: Module) -> bool:
    """Half of the public functions, or more, hand everything on to another module."""
    public = [function for function in module.functions if function.public]
    return sum(function.kind == "defdelegate" for function in public) * 2 >= max(len(public), 1)


def families(graph: CallGraph) -> list[tuple[Function, ...]]:
    """The functions in groups of which none calls another, each in the order of the text, the largest first.

    A small function that several of the groups call ties nothing.
    """
    functions = [function for function in graph.module.functions if function.kind in _RUN_TIME]
    group_of = {function.id: {function.id} for function in functions}
    for function in functions:
        for target in _own_parts(graph, function):
            if target.id in group_of and group_of[target.id] is not group_of[function.id]:
                small, large = sorted((group_of[function.id], group_of[target.id]), key=len)
                large |= small
                group_of |= dict.fromkeys(small, large)
    members: dict[int, list[Function]] = {}
    for function in functions:
        members.setdefault(id(group_of[function.id]), []).append(function)
    found = map(tuple, members.values())
    return sorted(found, key=lambda group: (-len(group), group[0].clauses[0].span.start))


def _own_parts(graph: CallGraph, function: Function) -> Iterator[Function]:
    """The functions that it calls or names, but for those that many do."""
    for clause in function.clauses:
        for call in clause.calls:
            target = graph.target(call)
            if target is not None and target is not function and _callers(graph, target) <= _FEW:
                yield target


_FEW = 3


def _callers(graph: CallGraph, function: Function) -> int:
    return len({caller.id for caller, _, _ in graph.callers(function)})


def _rows(node: Node) -> int:
    return node.end_point.row - node.start_point.row


def _may_hold_text(source: Source, node: Node) -> bool:
    """Text of several lines is nearly always a heredoc: no need to look for any other."""
    content = source.content
    return any(content.find(mark, node.start_byte, node.end_byte) >= 0 for mark in _HEREDOCS)


def _is_row_of_a_table(definition: Node) -> bool:
    """`def zone(1), do: :north`: a literal is given for a literal."""
    head, _ = syntax.definition_head(definition)
    if head is None or head.type != "call" or _rows(definition) > _MOST_ROWS_OF_AN_ENTRY:
        return False
    given = [*syntax.arguments(head), *syntax.arguments(definition)[1:]]
    block = syntax.do_block(definition)
    parts = [*given, *([block] if block is not None else [])]
    return bool(syntax.arguments(head)) and not any(
        inner.type in _COMPUTED for part in parts for inner in syntax.below(part)
    )


def _data(node: Node) -> Iterator[Node]:
    """Long literals in which nothing is computed."""
    for child in node.named_children:
        if _rows(child) < _LONG_LITERAL_LINES:
            continue
        if child.type in _LITERALS and not any(map(_is_more_than_data, syntax.below(child))):
            yield child
        else:
            yield from _data(child)


def _is_more_than_data(node: Node) -> bool:
    """Text of several lines is counted by itself."""
    return node.type in _COMPUTED or (node.type in _TEXT and _rows(node) > 0)


def _texts(node: Node) -> Iterator[Node]:
    return (inner for inner in syntax.below(node) if inner.type in _TEXT and _rows(inner) > 0)
