"""A `handle_call/3` clause that does nothing but answer, so that anybody may give the answer for it."""

from __future__ import annotations

from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Clause, FileFacts, Function
from otp_genesis_analyzers.facts.state.server_returns import tag_of
from otp_genesis_analyzers.facts.state.server_state import server_state
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term


class PlainReply(NamedTuple):
    """The returned tuple `{:reply, value, state}` and its parts."""

    returned: Node
    value: Node
    state: Node


def plain_reply(
    source: Source, facts: FileFacts, graph: CallGraph, callback: Function, clause: Clause
) -> PlainReply | None:
    """The clause's answer, if it is one expression that another process can compute.

    It must read no field that some message changes, must not ask who runs it, and must leave the
    state as it was.
    """
    if callback.id != "handle_call/3" or clause.body is None or clause.head[1].kind != "variable":
        return None
    returned = _only_statement(source, clause)
    items = syntax.children(returned) if returned is not None else []
    if returned is None or returned.type != "tuple" or tag_of(returned) != "reply" or len(items) != 3:
        return None
    value, state = items[1], items[2]
    names = {term.value for term in _top(clause.head[2]) if term.kind == "variable"}
    if state.type != "identifier" or syntax.text(state) not in names or _asks_who_runs(graph, clause):
        return None
    read = _fields_read(value, names)
    if read is None:
        return None
    read |= {key.value for term in _top(clause.head[2]) for key, _ in term.pairs}
    return (
        PlainReply(returned, value, state)
        if not read & server_state(source, facts, graph.module).changing
        else None
    )


def _only_statement(source: Source, clause: Clause) -> Node | None:
    definition = source.node_at(clause.span)
    block = syntax.do_block(definition)
    if block is None:
        keywords = syntax.body_keywords(definition)
        return keywords.get("do") if len(keywords) == 1 else None
    body, parts = syntax.sections(block)
    return body[0] if len(body) == 1 and not parts else None


def _top(parameter: Term) -> tuple[Term, ...]:
    return parameter.items if parameter.kind == "match" else (parameter,)


def _fields_read(value: Node, names: set[str]) -> set[str] | None:
    """The fields of the state in `value`; None when it uses the state as a whole."""
    fields: set[str] = set()
    for node in syntax.below(value):
        if node.type != "identifier" or syntax.text(node) not in names:
            continue
        dot = node.parent
        field = (
            syntax.right(dot) if dot is not None and dot.type == "dot" and syntax.left(dot) == node else None
        )
        if field is None:
            return None
        fields.add(syntax.text(field))
    return fields


def _asks_who_runs(graph: CallGraph, clause: Clause) -> bool:
    """`self()`, the process dictionary, links and timers mean the server, not whoever answers for it."""
    targets = [target for call in clause.calls if (target := graph.target(call)) is not None]
    reached = [inner for name in graph.reached(targets) for inner in graph.functions[name].clauses]
    return any(
        call.is_to("Kernel", "self") or (call.module == "Process" and call.name != "sleep")
        for inner in (clause, *reached)
        for call in inner.calls
    )
