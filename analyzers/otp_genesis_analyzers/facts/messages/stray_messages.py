"""What a server does with a message that none of its clauses was written for."""

from __future__ import annotations

from typing import Literal

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import statements
from otp_genesis_analyzers.facts.messages.shapes import taken, unwrapped
from otp_genesis_analyzers.facts.model import Clause, Module
from otp_genesis_analyzers.facts.processes.kinds import is_known_wrapper, kinds
from otp_genesis_analyzers.source import Source

Fate = Literal[
    "logged",  # by the handle_info that `use GenServer` brings
    "crash",  # no clause matches
    "ignored",  # a last clause drops it
    "unknown",  # a last clause does something with it, or a macro may bring a clause
]

_BRINGS_NO_CLAUSES = frozenset(
    {"GenServer", "GenStage", "GenStateMachine", "Agent", "Task", "Supervisor", "Logger", "Bitwise"}
)


def fate_of_stray_message(source: Source, module: Module) -> Fate:
    """For a plain message (`handle_info`, an `:info` event). Only for modules that are complete."""
    if "handle_info/2" in module.wrapped or any(a.name == "before_compile" for a in module.attributes):
        return "unknown"
    rest = _catch_alls(module)
    if rest:
        return "ignored" if all(_drops(source, clause) for clause in rest) else "unknown"
    has_clauses = any(message.way == "info" for message in taken(module))
    if has_clauses or "gen_statem" in kinds(module):
        return "crash"
    return "unknown" if may_bring_clauses(module) else "logged"


def may_bring_clauses(module: Module) -> bool:
    """It uses a module whose macro may add clauses that can't be seen."""
    return "handle_info/2" in module.wrapped or any(
        use.module not in _BRINGS_NO_CLAUSES and not is_known_wrapper(module, use.module)
        for use in module.uses
    )


def _catch_alls(module: Module) -> list[Clause]:
    """Clauses that take every message, whatever they do with it."""
    found = [
        message.clause
        for message in taken(module)
        if message.way == "info" and unwrapped(message.pattern).kind == "variable"
    ]
    if "gen_statem" in kinds(module):
        found += [
            clause
            for function in module.functions
            if function.public and function.arity in (3, 4)
            for clause in function.clauses
            if clause.head[0].kind == "variable" and clause.head[1].kind == "variable"
        ]
    return found


def _drops(source: Source, clause: Clause) -> bool:
    """Writes a log line at most, and leaves the state as it is."""
    body = statements(source, clause)
    return bool(body) and _changes_nothing(body[-1]) and all(map(_logs, body[:-1]))


def _changes_nothing(node: Node) -> bool:
    if node.type == "atom":
        return syntax.text(node) == ":keep_state_and_data"
    parts = syntax.children(node)
    return (
        node.type == "tuple"
        and len(parts) >= 2
        and syntax.text(parts[0]) in (":noreply", ":keep_state", ":ok")
        and parts[-1].type == "identifier"
    )


def _logs(node: Node) -> bool:
    target = syntax.call_target(node) if node.type == "call" else None
    receiver = syntax.left(target) if target is not None and target.type == "dot" else None
    return receiver is not None and syntax.text(receiver) == "Logger"
