"""The code with one thing broken, for each thing that a test of a process should notice.

Made on the syntax tree. A mutant is a whole new text of the file.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import zip_longest

from msgspec import Struct
from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.messages.shapes import sent_by
from otp_genesis_analyzers.facts.model import Clause, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.state.server_returns import tag_of
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, edited

_HANDLERS = frozenset({"handle_call/3", "handle_cast/2", "handle_info/2"})
_RESTARTED = frozenset({"GenServer", "Agent", "GenStage"})
_SWAPPED = {":ok": ":error", ":error": ":ok", "true": "false", "false": "true"}
_OPERATORS = {
    "+": "-",
    "-": "+",
    "*": "+",
    "<": ">=",
    ">": "<=",
    "<=": ">",
    ">=": "<",
    "==": "!=",
    "!=": "==",
}


class Mutant(Struct, frozen=True):
    """`what` is broken, in words: "the reply to :count in line 31"."""

    what: str
    function: str
    """`name/arity` of the function that it is broken in; empty for the module as a whole."""
    content: bytes
    message: str | None = None
    """The tag of the message that is concerned."""

    def concerns(self, functions: Container[str], messages: Container[str | None], *, whole: bool) -> bool:
        """Whether it is in one of these functions, or in what is done for one of these messages."""
        if not self.function:
            return whole
        return self.function in functions or (self.function in _HANDLERS and self.message in messages)


def mutants(source: Source, module: Module) -> list[Mutant]:
    """Broken versions of a module, the kinds in turn: of the first few every kind is there."""
    kinds = [_replies, _states, _restarts, _drops, _clauses, _plain]
    made = [list(kind(source, module)) for kind in kinds]
    turned = (each[number:] + each[:number] for number, each in enumerate(made))  # not all in one function
    in_turn = (mutant for row in zip_longest(*turned) for mutant in row)
    found: dict[bytes, Mutant] = {}
    for mutant in in_turn:
        if mutant is not None and mutant.content != source.content:
            found.setdefault(mutant.content, mutant)
    return list(found.values())


def _replies(source: Source, module: Module) -> Iterator[Mutant]:
    """Another reply."""
    for function, clause, node in _returned(source, module):
        items = syntax.children(node)
        position = {("reply", 3): 1, ("reply", 4): 1, ("stop", 4): 2}.get((tag_of(node), len(items)))
        if position is not None:
            yield _mutant(source, function, items[position], ":otp_genesis_mutant", "the reply", clause)


def _states(source: Source, module: Module) -> Iterator[Mutant]:
    """The state as it was before."""
    for function, clause, node in _returned(source, module):
        items = syntax.children(node)
        position = {"reply": 2, "noreply": 1}.get(tag_of(node))
        state = next(
            (term.value for term in (clause.head[-1], *clause.head[-1].items) if term.kind == "variable"), ""
        )
        if position is None or position >= len(items) or not state or syntax.text(items[position]) == state:
            continue
        before = clause.head[-1]
        if before.kind in ("variable", "match"):
            yield _mutant(source, function, items[position], state, "the new state", clause)


def _restarts(source: Source, module: Module) -> Iterator[Mutant]:
    """A process that does not come back."""
    for use in module.uses:
        if use.module not in _RESTARTED:
            continue
        node = source.node_at(use.span)
        arguments = syntax.arguments(node)
        written = syntax.keyword(arguments[-1], "restart") if len(arguments) > 1 else None
        if written is not None:
            edit = Edit(Span.of(written), ":temporary")
        elif len(arguments) == 1:
            end = arguments[0].end_byte
            edit = Edit(Span(end, 0), ", restart: :temporary")
        else:
            continue
        yield Mutant("that it is started again", "", edited(source.content, (edit,)))


def _drops(source: Source, module: Module) -> Iterator[Mutant]:
    """A message that is not sent."""
    for function in module.functions:
        for clause in function.clauses if function.public else ():
            for call in clause.calls:
                is_agent = call.module == "Agent" and call.name in ("update", "cast")
                if (sent_by(call) is not None or is_agent) and call.runs == "here" and not call.piped:
                    node = source.node_at(call.span)
                    yield _mutant(
                        source, function, node, ":ok", f"the message that {function.id} sends", clause
                    )


def _clauses(source: Source, module: Module) -> Iterator[Mutant]:
    """A clause that is not there."""
    for function in module.functions:
        if function.id in _HANDLERS and len(function.clauses) > 1:
            for clause in function.clauses:
                line = source.lines.line_of(clause.span.start) + 1
                content = edited(source.content, (Edit(clause.span, ""),))
                what = f"the clause of {function.id} in line {line}"
                yield Mutant(what, function.id, content, clause.head[0].tag)


def _plain(source: Source, module: Module) -> Iterator[Mutant]:
    """An operator or a result turned round, in any function."""
    own = {function.id for function in callbacks(module)}
    for function in module.functions:
        if function.kind not in ("def", "defp"):
            continue
        for clause in function.clauses:
            if clause.body is None:
                continue
            yield from _turned(source, function, clause)
            if function.id not in own:
                yield from _swapped(source, function, clause)


def _turned(source: Source, function: Function, clause: Clause) -> Iterator[Mutant]:
    assert clause.body is not None
    for node in syntax.below(source.node_at(clause.body)):
        sign = node.child_by_field_name("operator") if node.type == "binary_operator" else None
        other = _OPERATORS.get(sign.type) if sign is not None else None
        if sign is not None and other is not None:
            yield _mutant(source, function, sign, other, f"the operator {sign.type}", clause)


def _swapped(source: Source, function: Function, clause: Clause) -> Iterator[Mutant]:
    for node in results(source, clause):
        items = syntax.children(node) if node.type == "tuple" else [node]
        if items and syntax.text(items[0]) in _SWAPPED:
            text = _SWAPPED[syntax.text(items[0])]
            yield _mutant(source, function, items[0], text, f"the result {syntax.text(items[0])}", clause)


def _returned(source: Source, module: Module) -> Iterator[tuple[Function, Clause, Node]]:
    """What the clauses that take messages give back."""
    for function in module.functions:
        if function.id in _HANDLERS:
            for clause in function.clauses:
                for node in results(source, clause):
                    if node.type == "tuple":
                        yield function, clause, node


def _mutant(source: Source, function: Function, node: Node, text: str, what: str, clause: Clause) -> Mutant:
    line = source.lines.line_of(node.start_byte) + 1
    message = clause.head[0].tag if clause.head and function.id in _HANDLERS else None
    content = edited(source.content, (Edit(Span.of(node), text),))
    return Mutant(f"{what} in line {line}", function.id, content, message)
