"""Servers whose whole state says whether a chain of timers runs, and that start none beside it."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.timers import SecondChain
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term


def starts_only_where_none_runs(source: Source, chain: SecondChain) -> bool:
    """`unless polling?, do: Process.send_after(...)`, where `polling?` is the state and nothing else is."""
    reached, entry = chain.arming.reached, chain.entry
    state, site = entry.clause.head[-1], reached.site
    flag = Term("variable", _flag_that_is_off(source, site))
    if state.kind != "variable" or not flag.value:
        return False
    if site.clause is entry.clause:
        return flag == state
    first = reached.first
    if f"{first.name}/{first.arity}" != site.function.id or first.result == "discarded":
        return False
    return any(
        parameter == flag and syntax.text(given) == state.value
        for parameter, given in zip(site.clause.head, argument_nodes(source, first), strict=False)
    )


def _flag_that_is_off(source: Source, site: Site) -> str:
    """The variable that is false, or nil, where the call is made; empty when no `if` or `unless` says so."""
    node, in_else = source.node_at(site.call.span), False
    while node.parent is not None and node.start_byte > site.clause.span.start:
        in_else = in_else or node.type == "else_block"
        node = node.parent
        choice = syntax.local_name(node)
        condition = next(iter(syntax.arguments(node)), None) if choice in ("if", "unless") else None
        if condition is not None:
            flag, negated = _unnegated(condition)
            is_off = (choice == "unless") ^ negated ^ in_else
            return syntax.text(flag) if is_off and flag.type == "identifier" else ""
    return ""


def _unnegated(condition: Node) -> tuple[Node, bool]:
    """`polling?` of `not polling?`."""
    inner = syntax.operand(condition) if condition.type == "unary_operator" else None
    negated = inner is not None and syntax.operator(condition) in ("not", "!")
    return (inner, True) if inner is not None and negated else (condition, False)
