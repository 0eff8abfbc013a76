"""Who waits while a callback runs, as far as facts alone show it."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Clause, Function, Module

_HOLD_UP_WHO_QUEUES = frozenset({"handle_cast/2", "handle_info/2"})


def holds_up_callers(module: Module, callback: Function, clause: Clause) -> bool:
    """Processes that call the server wait meanwhile: for their answer, or behind a message that comes first.

    Never for `handle_continue/2`, which may be the second half of the server's start.
    """
    if callback.id == "handle_call/3" or _is_call_event(callback, clause):
        return True
    return callback.id in _HOLD_UP_WHO_QUEUES and _answers_calls(module)


def _is_call_event(callback: Function, clause: Clause) -> bool:
    """`handle_event({:call, from}, ...)` of a state machine."""
    event = clause.head[0] if clause.head and callback.arity in (3, 4) else None
    return event is not None and event.kind == "tuple" and event.tag == "call"


def _answers_calls(module: Module) -> bool:
    calls = module.function("handle_call", 3)
    return calls is not None and any(clause.head[0].kind != "variable" for clause in calls.clauses)
