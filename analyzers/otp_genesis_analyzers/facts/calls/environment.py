"""Which environment the code was built for (`:test`, `:prod`): who asks, and what the answer decides."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.value_flow import Flow, branches_of, flow_of
from otp_genesis_analyzers.facts.model import Call, Clause, Function
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term

_READS = frozenset({"get_env", "fetch_env", "fetch_env!", "compile_env", "compile_env!"})
_KEYS = ("env", "environment", "mix_env", "config_env", "app_env", "build_env")
_ENVIRONMENTS = ("dev", "test", "prod")


Branch = tuple[Node, ...]
"""The statements of one branch, or the clause of a function."""


class Question(NamedTuple):
    """`span` covers what a reader sees of it: `Mix.env`, `@env`, `test?`; `words` name it."""

    node: Node
    span: Span
    words: str


def questions(source: Source, graph: CallGraph, clause: Clause) -> Iterator[Question]:
    """Where a clause asks, by itself, through an attribute, or through a function of its module."""
    for call in clause.calls:
        target = graph.target(call) if call.arity == 0 and call.form == "call" else None
        if asks(call) or (target is not None and _answers(target)):
            yield Question(source.node_at(call.span), call.head, f"`{call.target}`")
    names = {one.name for one in graph.module.attributes if _is_of_environment(one.value)}
    for node in _attributes_in(source.node_at(clause.span), names) if names else ():
        yield Question(node, Span.of(node), f"`{syntax.text(node)}`")


def asks(call: Call) -> bool:
    """`Mix.env()`, `Application.get_env(:shop, :env)`, `System.get_env("MIX_ENV")`."""
    if call.form == "capture":
        return False
    if call.is_to("Mix", "env") and call.arity == 0:
        return True
    if call.module == "Application" and call.name in _READS:
        return len(call.args) > 1 and call.args[1].is_atom(*_KEYS)
    return call.module == "System" and bool(call.args) and call.args[0].value == "MIX_ENV"


def decided(source: Source, graph: CallGraph, clause: Clause, question: Question) -> Iterator[Branch]:
    """The code that only runs for some answers: branches, and the clauses that a call chooses among."""
    flow = flow_of(source.node_at(clause.span), question.node)
    for choice in flow.choices:
        yield from _branches(choice)
    for call in clause.calls:
        target = graph.target(call) if call.form == "call" else None
        if target is not None and not call.piped:
            yield from _clauses_chosen(source, target, call, flow, question)


def _branches(choice: Node) -> Iterator[Branch]:
    """The statements of each branch of a choice."""
    bodies = [body for _, body in branches_of(choice)]
    for _, statements in groupby(bodies, key=_branch_of):
        yield tuple(statements)


def _branch_of(statement: Node) -> int:
    """Where the branch starts that a statement belongs to."""
    parent = statement.parent
    whole = statement if statement.type == "stab_clause" or parent is None else parent
    return whole.start_byte


def _clauses_chosen(
    source: Source, target: Function, call: Call, flow: Flow, question: Question
) -> Iterator[Branch]:
    for position, argument in enumerate(syntax.arguments(source.node_at(call.span))):
        given = _holds(argument, question.node) or flow.reaches(argument)
        if given and any(_is_for_environment(source, clause, position) for clause in target.clauses):
            yield from ((source.node_at(clause.span),) for clause in target.clauses)


def _is_for_environment(source: Source, clause: Clause, position: int) -> bool:
    """`children(:test)`, and `children(env) when env in [:test, :bench]`."""
    if len(clause.head) <= position:
        return False
    head = clause.head[position]
    if head.kind != "variable" or clause.guard is None:
        return head.is_atom(*_ENVIRONMENTS)
    parts = [syntax.text(part) for part in syntax.below(source.node_at(clause.guard))]
    return head.value in parts and any(f":{name}" in parts for name in _ENVIRONMENTS)


def _answers(function: Function) -> bool:
    """A function without parameters that asks and does nothing else."""
    calls = [call for clause in function.clauses for call in clause.calls]
    return function.arity == 0 and len(calls) == 1 and asks(calls[0])


def _is_of_environment(value: Term) -> bool:
    for part in value.walk():
        if part.kind == "call" and part.value == "Mix.env":
            return True
        keys = part.items[1:2] if part.value.startswith("Application.") else ()
        if part.kind == "call" and any(key.is_atom(*_KEYS) for key in keys):
            return True
    return False


def _attributes_in(node: Node, names: set[str]) -> Iterator[Node]:
    if node.type == "unary_operator" and syntax.operator(node) == "@":
        inner = syntax.operand(node)
        if inner is not None and inner.type == "identifier" and syntax.text(inner) in names:
            yield node
        return
    for child in node.named_children:
        yield from _attributes_in(child, names)


def _holds(outer: Node, inner: Node) -> bool:
    return outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte
