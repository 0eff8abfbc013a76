"""Which expressions a function clause gives back, read out of its syntax."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.source import Source

_BRANCHING = frozenset({"case", "cond", "if", "unless", "with", "try", "receive"})
_LEAVES = frozenset({"raise", "reraise", "throw", "exit"})


def statements(source: Source, clause: Clause) -> list[Node]:
    """The statements of a clause, those of its rescue and catch parts left out."""
    definition = source.node_at(clause.span)
    block = syntax.do_block(definition)
    if block is not None:
        return syntax.sections(block)[0]
    value = syntax.body_keywords(definition).get("do")
    return [value] if value is not None else []


def results(source: Source, clause: Clause) -> Iterator[Node]:
    """Every expression whose value the clause can give: tuples, variables, calls of other functions.

    The ends of all branches are gone through; what raises or throws gives nothing.
    """
    yield from ends_of(statements(source, clause))


def followed_results(source: Source, graph: CallGraph, clause: Clause, hops: int = 3) -> Iterator[Node]:
    """Like `results`, with calls of functions of the same module replaced by what these give."""
    for node in results(source, clause):
        target = _called(graph, node) if hops else None
        if target is None:
            yield node
            continue
        for inner in target.clauses:
            if inner is not clause:
                yield from followed_results(source, graph, inner, hops - 1)


def _called(graph: CallGraph, node: Node) -> Function | None:
    piped = node.type == "binary_operator" and syntax.operator(node) == "|>"
    call = syntax.right(node) if piped else node
    if call is None:
        return None
    name = syntax.local_name(call)
    return graph.named(f"{name}/{len(syntax.arguments(call)) + piped}") if name else None


def ends_of(nodes: list[Node]) -> Iterator[Node]:
    """What statements one after another can give."""
    if nodes:
        yield from _of(nodes[-1])


def _of(node: Node) -> Iterator[Node]:
    if node.type == "block":
        yield from ends_of(syntax.children(node))
    elif node.type == "binary_operator" and syntax.operator(node) == "=":
        value = syntax.right(node)
        if value is not None:
            yield from _of(value)
    elif syntax.local_name(node) in _BRANCHING:
        yield from _of_branches(node)
    elif syntax.local_name(node) not in _LEAVES:
        yield node


def _of_branches(node: Node) -> Iterator[Node]:
    for name, value in syntax.body_keywords(node).items():
        if name != "after":
            yield from _of(value)
    block = syntax.do_block(node)
    if block is None:
        return
    body, parts = syntax.sections(block)
    waits = syntax.local_name(node) == "receive"
    for part in (body, *(nodes for name, nodes in parts.items() if name != "after" or waits)):
        if part and part[0].type == "stab_clause":
            for stab in part:
                yield from ends_of(syntax.stab_parts(stab)[2])
        else:
            yield from ends_of(part)
