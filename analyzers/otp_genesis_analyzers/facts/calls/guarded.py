"""Code under `rescue` and `catch`: what is guarded, and which failures each handler takes.

A `rescue` takes exceptions, a `catch` with one pattern takes what is thrown. Only a `catch` that names
a kind takes exits: `:exit, reason` and `kind, reason`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.source import Source, Span

_SECTIONS: tuple[Literal["rescue", "catch"], ...] = ("rescue", "catch")


class Handler(NamedTuple):
    """One clause of a `rescue` or a `catch`. `node` is its stab clause."""

    section: Literal["rescue", "catch"]
    node: Node
    patterns: tuple[Node, ...]
    guard: Node | None
    body: tuple[Node, ...]

    @property
    def takes_exits(self) -> bool:
        if self.section == "rescue" or len(self.patterns) != 2:
            return False
        return self.patterns[0].type == "identifier" or syntax.text(self.patterns[0]) == ":exit"

    @property
    def takes_all(self) -> bool:
        """Everything that its section can take, or every exit: `_ ->`, `e ->`, `:exit, _ ->`, `_, _ ->`."""
        return self.guard is None and bool(self.patterns) and self.patterns[-1].type == "identifier"

    @property
    def takes_every_exit_alone(self) -> bool:
        """`:exit, _ ->` and `:exit, reason ->`: exits and nothing else."""
        return self.takes_exits and self.takes_all and self.patterns[0].type == "atom"

    @property
    def span(self) -> Span:
        """The patterns: `_`, `:exit, reason`."""
        return Span.between(self.patterns[0].start_byte, self.patterns[-1].end_byte)

    @property
    def variable(self) -> str:
        """The name that a handler of everything gives to what it took; empty for `_`."""
        name = syntax.text(self.patterns[-1]) if self.takes_all else ""
        return "" if name.startswith("_") else name


class Guarded(NamedTuple):
    """A `try`, or a definition with handlers of its own. `node` is that call."""

    node: Node
    body: tuple[Node, ...]
    handlers: tuple[Handler, ...]

    @property
    def takes_exits(self) -> bool:
        return any(handler.takes_exits for handler in self.handlers)

    def holds(self, span: Span) -> bool:
        """Whether a place is in the guarded part, not in a handler."""
        return any(node.start_byte <= span.start and span.end <= node.end_byte for node in self.body)


def guarded_in(source: Source, clause: Clause) -> list[Guarded]:
    """Everything that is guarded in a function clause, the outer before the inner."""
    text = source.content[clause.span.start : clause.span.end]
    if b"rescue" not in text and b"catch" not in text:
        return []
    definition = source.node_at(clause.span)
    return [guarded for node in _calls(definition, definition) if (guarded := _read(node)) is not None]


def guards_of(guards: list[Guarded], clause: Clause, call: Call) -> list[Guarded]:
    """Those whose handlers see a failure of the call, the outer before the inner."""
    return [
        guarded for guarded in guards if guarded.holds(call.span) and _same_process(guarded, clause, call)
    ]


def _same_process(guarded: Guarded, clause: Clause, call: Call) -> bool:
    """No function in between that another process calls, or nobody knows who."""
    if call.closure < 0 or call.runs == "here":
        return True
    return clause.closures[call.closure].span.start <= guarded.node.start_byte


def _calls(definition: Node, node: Node) -> Iterator[Node]:
    if node is definition or syntax.local_name(node) == "try":
        yield node
    for child in node.named_children:
        if syntax.local_name(child) != "quote":
            yield from _calls(definition, child)


def _read(node: Node) -> Guarded | None:
    block = syntax.do_block(node)
    if block is not None:
        body, parts = syntax.sections(block)
    else:
        keywords = syntax.body_keywords(node)
        body = [keywords["do"]] if "do" in keywords else []
        parts = {name: syntax.children(value) for name, value in keywords.items() if name in _SECTIONS}
    handlers = tuple(
        _handler(section, stab)
        for section in _SECTIONS
        for stab in parts.get(section, [])
        if stab.type == "stab_clause"
    )
    return Guarded(node, tuple(body), handlers) if handlers else None


def _handler(section: Literal["rescue", "catch"], stab: Node) -> Handler:
    patterns, guard, body = syntax.stab_parts(stab)
    return Handler(section, stab, tuple(patterns), guard, tuple(body))
