"""What the walker knows at one expression: the names in scope, and what becomes of its value."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Result
from otp_genesis_analyzers.facts.reading.walk import Walk
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term


@dataclass(frozen=True)
class Place:
    """An expression as the walk met it."""

    scope: Scope
    result: Result


def place_of(source: Source, span: Span) -> Place:
    """The place of the innermost expression that the walk visits and that covers `span`."""
    probe = _Probe(source, span)
    probe.sequence(syntax.children(source.root), "discarded", None)
    return probe.place


def written(module: str, scope: Scope) -> str:
    """How a module is written here: by its alias, which might else be left without use.

    With `Elixir.` in front where an alias takes its first name.
    """
    for alias, aliased in scope.aliases.items():
        if aliased == module or module.startswith(f"{aliased}."):
            return alias + module.removeprefix(aliased)
    return module if scope.resolve(module) == module else f"Elixir.{module}"


class _Probe(Walk):
    def __init__(self, source: Source, span: Span) -> None:
        super().__init__(source, None)
        self._span = span
        self.place = Place(self.scope, "discarded")

    def visit(self, node: Node, result: Result, bound_to: Term | None = None) -> None:
        if node.start_byte <= self._span.start and self._span.end <= node.end_byte:
            self.place = Place(self.scope, result)
        super().visit(node, result, bound_to)
