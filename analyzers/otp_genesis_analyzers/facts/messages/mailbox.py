"""Which messages a module takes out of its mailbox, by the heads of its clauses."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.terms import Term


def messages_taken(module: Module) -> Iterator[Term]:
    """The patterns of `handle_info/2`, and of `:info` events of a state machine."""
    for function in module.functions:
        for clause in function.clauses:
            if function.id == "handle_info/2":
                yield clause.head[0]
            for event, message in zip(clause.head, clause.head[1:], strict=False):
                if event.is_atom("info"):
                    yield message


def takes_task_replies(module: Module) -> bool:
    """Some clause takes `{reference, result}`, the message by which a task gives its result."""
    return any(
        message.kind == "tuple" and len(message.items) == 2 and message.items[0].kind in ("variable", "pin")
        for message in map(unwrapped, messages_taken(module))
    )


def takes_any_task_reply(module: Module) -> bool:
    """Some clause of `handle_info/2` takes `{reference, result}` of any task, not of one that is kept."""
    for function in module.functions:
        if function.id == "handle_info/2":
            for clause in function.clauses:
                message = unwrapped(clause.head[0])
                if message.kind == "tuple" and len(message.items) == 2:
                    reference = message.items[0]
                    others = (term for part in clause.head[1:] for term in part.walk())
                    if reference.kind == "variable" and reference not in others:
                        return True
    return False


def takes_exits(module: Module) -> bool:
    """Some clause takes `{:EXIT, pid, reason}`."""
    return any(unwrapped(message).tag == "EXIT" for message in messages_taken(module))


def takes_anything(module: Module) -> bool:
    """Some clause takes every message."""
    return any(unwrapped(message).kind == "variable" for message in messages_taken(module))


def traps_exits(module: Module) -> bool:
    """The process of the module does; what `start_link` sets before it starts one is set in its caller."""
    return any(
        sets_trap_exit(call)
        for function in module.functions
        for clause in function.clauses
        if function.name != "start_link" or not any(map(start_of, clause.calls))
        for call in clause.calls
    )


def sets_trap_exit(call: Call) -> bool:
    """`Process.flag(:trap_exit, true)`."""
    sets = call.is_to("Process", "flag") or call.is_to(":erlang", "process_flag")
    return sets and bool(call.args) and call.args[0].is_atom("trap_exit")
