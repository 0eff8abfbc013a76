"""The state of an agent that a module starts for itself, and which of its functions add to it."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import ends_of
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.facts.state.initial_state import entries, is_empty
from otp_genesis_analyzers.facts.state.state_shapes import ADDING, adds
from otp_genesis_analyzers.source import Source

_CHANGES = ("update", "cast", "get_and_update")
_EMPTY_FUNCTIONS = frozenset({"&Map.new/0", "&MapSet.new/0", "&:queue.new/0", "&%{}", "&[]"})


def starts_empty_agent(source: Source, module: Module) -> bool:
    """An agent that the module starts holds an empty collection at first, or a map with one."""
    return any(
        _gives_empty(argument_nodes(source, call)[0])
        for function in module.functions
        for clause in function.clauses
        for call in clause.calls
        for start in (start_of(call),)
        if start is not None and start.behaviour == "Agent" and call.form == "call" and call.args
    )


def agent_writes(source: Source, module: Module) -> Iterator[tuple[Function, Call]]:
    """The public functions that add what they are given to the state of an agent, and the calls that do."""
    for function in module.functions:
        for clause in function.clauses if function.public else ():
            given = {
                part.value
                for parameter in clause.head
                for part in parameter.walk()
                if part.kind == "variable"
            }
            for call in clause.calls:
                if call.is_to("Agent", *_CHANGES) and call.form == "call" and len(call.args) > 1:
                    work = argument_nodes(source, call)[1:]
                    if _adds(call, work) and any(_names(node) & given for node in work):
                        yield function, call


def _adds(call: Call, work: list[Node]) -> bool:
    if len(call.args) >= 4:  # Agent.update(agent, Map, :put, [key, value])
        return call.args[2].kind == "atom" and call.args[2].value in ADDING
    return adds({}, work[0])


def _gives_empty(function: Node) -> bool:
    if "".join(syntax.text(function).split()) in _EMPTY_FUNCTIONS:
        return True
    for clause in syntax.children(function) if function.type == "anonymous_function" else []:
        for value in ends_of(syntax.stab_parts(clause)[2]) if clause.type == "stab_clause" else ():
            if is_empty(value) or any(is_empty(field) for _, field in entries(value)):
                return True
    return False


def _names(node: Node) -> set[str]:
    return {syntax.text(inner) for inner in syntax.below(node) if inner.type == "identifier"}
