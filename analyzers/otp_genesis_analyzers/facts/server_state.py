"""The state of a server: its fields, and which of them each message reads and writes.

Read out of the syntax of the callback clauses and of the functions of the module that they hand
the state to, however deep. Where the state as a whole goes to code out of sight, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from otp_genesis_analyzers.facts.call_graph import call_graph
from otp_genesis_analyzers.facts.initial_state import InitialState, initial_state
from otp_genesis_analyzers.facts.model import Clause, FileFacts, Function, Module
from otp_genesis_analyzers.facts.state_use import StateUse, StateUses
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
        pattern = self.pattern
        if pattern.kind == "match":
            pattern = next((item for item in pattern.items if item.kind != "variable"), pattern)
        if pattern.kind == "struct" and pattern.value:
            return f"%{pattern.value.rpartition('.')[2]}{{}}"
        return f":{pattern.tag}" if pattern.tag else ""


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
    graph = call_graph(module)
    uses = StateUses(source, graph)
    return ServerState(initial_state(source, facts, module), tuple(_messages(module, uses)))


def _messages(module: Module, uses: StateUses) -> Iterator[Message]:
    for function in module.functions:
        position = _MESSAGE_AT.get(function.id)
        if position is None or not function.public:
            continue
        for clause in function.clauses:
            use = uses.of_clause(function, clause, function.arity - 1)
            yield Message(function, clause, clause.head[position], use)
