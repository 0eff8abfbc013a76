"""What the callbacks of a server return, by their shape."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.model import Clause, Function, Module
from otp_genesis_analyzers.source import Source


def stops_itself(source: Source, module: Module) -> bool:
    """Some callback but `init` returns `{:stop, ...}`: `terminate` runs then, exits trapped or not."""
    return any(
        _is_stop(node)
        for function in module.functions
        for clause in function.clauses
        if function.id != "init/1" and clause.body is not None
        # Definitions may stand in each other by the hundred in a broken text: not each is gone through.
        if source.content.find(b":stop", clause.body.start, clause.body.end) >= 0
        for node in tuples_below(source.node_at(clause.body))
    )


def ends_server(source: Source, clause: Clause) -> bool:
    """Whatever the clause of a callback gives back is `{:stop, ...}`: nobody is served behind it."""
    given = list(results(source, clause))
    return bool(given) and all(node.type == "tuple" and _is_stop(node) for node in given)


def starts_nothing(source: Source, init: Function) -> bool:
    """`init/1` does its work and gives `:ignore`, or fails the start: a step of the boot, and no process."""
    given = [node for clause in init.clauses for node in results(source, clause)]
    ignored = [node for node in given if syntax.text(node) == ":ignore"]
    failed = [node for node in given if node.type == "tuple" and tag_of(node) in ("stop", "error")]
    return bool(ignored) and len(ignored) + len(failed) == len(given)


def tuples_below(node: Node) -> Iterator[Node]:
    return (inner for inner in syntax.below(node) if inner.type == "tuple")


def tag_of(tuple_node: Node) -> str:
    """`reply` of `{:reply, value, state}`; empty when the first element is no atom."""
    items = syntax.children(tuple_node)
    return syntax.text(items[0]).removeprefix(":") if items and items[0].type == "atom" else ""


def _is_stop(node: Node) -> bool:
    return tag_of(node) == "stop" and len(syntax.children(node)) in (3, 4)
