"""The state of a server: its fields, and which of them each message reads and writes.

Read out of the syntax of the callback clauses and of the functions of the module that they hand
the state to, however deep. Where the state as a whole goes to code out of sight, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.model import Clause, FileFacts, Function, Module
from otp_genesis_analyzers.facts.state.initial_state import InitialState, initial_state
from otp_genesis_analyzers.facts.state.state_use import StateUse, StateUses
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_MESSAGE_AT = {"handle_call/3": 0, "handle_cast/2": 0, "handle_info/2": 0, "handle_event/4": 1}


@dataclass(frozen=True)
class Message:
    """One clause that takes a message. `tag` is the atom it is told apart by, empty for a catch-all."""

    callback: Function
    clause: Clause
    pattern: Term
    use: StateUse

    @property
    def tag(self) -> str:
        return tag_of_message(self.pattern)


@dataclass(frozen=True)
class ServerState:
    """`fields` are those that the module names anywhere: in a struct, in `init`, in use."""

    initial: InitialState
    messages: tuple[Message, ...]

    @property
    def fields(self) -> frozenset[str]:
        used = (message.use.reads | message.use.writes for message in self.messages)
        return frozenset(self.initial.fields).union(*used) - {""}

    @property
    def changing(self) -> frozenset[str]:
        """The fields that some message writes; the others stay what `init` made them."""
        return frozenset[str]().union(*(message.use.writes for message in self.messages))

    def by_tag(self) -> Mapping[str, StateUse]:
        """What each message does with the state, its clauses taken together."""
        uses: dict[str, StateUse] = {}
        for message in self.messages:
            if message.tag:
                uses[message.tag] = uses.get(message.tag, StateUse()) | message.use
        return uses


def server_state(source: Source, facts: FileFacts, module: Module) -> ServerState:
    """Several rules ask for it: it is worked out once for a module of a text."""
    return source.derived(_server_state, facts, module)


def _server_state(source: Source, facts: FileFacts, module: Module) -> ServerState:
    graph = call_graph(module)
    uses = StateUses(source, graph)
    messages = (
        Message(callback, clause, pattern, uses.of_clause(clause, callback.arity - 1))
        for callback, clause, pattern in message_patterns(module)
    )
    return ServerState(initial_state(source, facts, module), tuple(messages))


def message_patterns(module: Module) -> Iterator[tuple[Function, Clause, Term]]:
    """Every clause that takes a message, with the pattern of the message."""
    for function in module.functions:
        position = _MESSAGE_AT.get(function.id)
        if position is not None and function.public:
            for clause in function.clauses:
                yield function, clause, clause.head[position]


def tag_of_message(pattern: Term) -> str:
    """`:place` of `{:place, order}`, `%Order{}` of a struct; empty for what takes any message."""
    if pattern.kind == "match":
        pattern = next((item for item in pattern.items if item.kind != "variable"), pattern)
    if pattern.kind == "struct" and pattern.value:
        return f"%{pattern.value.rpartition('.')[2]}{{}}"
    return f":{pattern.tag}" if pattern.tag else ""
