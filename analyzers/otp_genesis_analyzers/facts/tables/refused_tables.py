"""Functions that make a table once, and answer an error to whoever comes second."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import ends_of
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.source import Source

_CHOICES = frozenset({"case", "if", "unless", "cond"})
_BRANCHES = frozenset({"stab_clause", "else_block", "do_block", "pair"})
_LEAVES = frozenset({"raise", "exit", "throw"})


def refuses_second(source: Source, site: Site) -> bool:
    """All branches beside the one that makes the table give an error or raise: its maker means to own it."""
    branch: Node | None = None
    node = source.node_at(site.call.span)
    while node.parent is not None and node.start_byte > site.clause.span.start:
        if node.type in _BRANCHES and branch is None:
            branch = node
        if branch is not None and syntax.local_name(node) in _CHOICES:
            return _gives_errors(list(_beside(node, branch)), node, branch)
        node = node.parent
    return False


def _beside(choice: Node, branch: Node) -> Iterator[Node]:
    return (end for end in ends_of([choice]) if not _is_in(branch, end))


def _gives_errors(others: list[Node], choice: Node, branch: Node) -> bool:
    if others:
        return all(map(_is_error, others))
    return any(
        syntax.local_name(node) in _LEAVES and not _is_in(branch, node) for node in syntax.below(choice)
    )


def _is_in(branch: Node, node: Node) -> bool:
    """The `do` block of an `if` holds its `else` block, too, which is no part of the branch."""
    other = next((part for part in syntax.children(branch) if part.type == "else_block"), None)
    end = branch.end_byte if other is None else other.start_byte
    return branch.start_byte <= node.start_byte < end


def _is_error(value: Node) -> bool:
    first = syntax.children(value)[:1] if value.type == "tuple" else [value]
    return bool(first) and syntax.text(first[0]) == ":error"
