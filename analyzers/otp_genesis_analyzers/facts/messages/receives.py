"""How a `receive` ends: by a message, by a timeout, by the end of a process."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.results import kept_variables
from otp_genesis_analyzers.facts.messages.mailbox import traps_exits
from otp_genesis_analyzers.facts.messages.shapes import is_later, sent_by, taken, unwrapped
from otp_genesis_analyzers.facts.model import Call, Clause, Module, Receive
from otp_genesis_analyzers.facts.processes.monitors import monitors_process
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_ENDS = frozenset({"exit", "raise"})


def waits_for_ever(receive: Receive) -> bool:
    """No timeout ends it."""
    return not receive.has_after or (receive.after is not None and receive.after.is_atom("infinity"))


def ends_with_process(receive: Receive) -> bool:
    """A clause takes the `:DOWN` of a process, or the `:EXIT` of a linked one."""
    return any(unwrapped(pattern).tag in ("DOWN", "EXIT") for pattern in receive.patterns)


def ends_with_timer(module: Module, receive: Receive) -> bool:
    """A clause takes what a timer of the module sends: `Process.send_after(self(), :debounced, 100)`."""
    timed = {
        sent[2].tag
        for function in module.functions
        for clause in function.clauses
        for call in clause.calls
        if is_later(call) and (sent := sent_by(call)) is not None
    }
    return any(
        pattern.tag in timed for pattern in map(unwrapped, receive.patterns) if pattern.tag is not None
    )


def waits_for_linked(module: Module, clause: Clause, receive: Receive) -> bool:
    """Every clause takes a message of a process started with a link before, whose crash ends the wait."""
    started = {
        term.value
        for call in _before(clause, receive)
        if call.name in ("start_link", "spawn_link")
        for term in (call.bound_to.walk() if call.bound_to is not None else ())
        if term.kind == "variable"
    }
    return (
        bool(started)
        and not traps_exits(module)
        and all(
            any(part.kind == "pin" and part.value in started for part in pattern.walk())
            for pattern in receive.patterns
        )
    )


def takes_what_is_there(clause: Clause, receive: Receive) -> bool:
    """Doesn't wait: `after 0`, or the message of a timer that could not be cancelled any more."""
    if receive.after is not None and receive.after.kind == "int" and receive.after.value == "0":
        return True
    return any(
        call.is_to("Process", "cancel_timer") or call.is_to(":erlang", "cancel_timer")
        for call in _before(clause, receive)
    )


def monitors_before(clause: Clause, receive: Receive) -> bool:
    """A monitor is set up in the same clause, and its reference kept."""
    return any(monitors_process(call) and kept_variables(call) for call in _before(clause, receive))


def sends_before(clause: Clause, receive: Receive) -> bool:
    """The clause has sent something, a cast or a command for a port counted in: it waits for the answer.

    Not what it lets another process send: that is the answer.
    """
    return any(
        call.is_to("Port", "command") or (sent is not None and sent[0] != "call" and not is_later(call))
        for call in _before(clause, receive)
        if call.runs != "elsewhere"
        for sent in (sent_by(call),)
    )


def gives_up_for_good(source: Source, receive: Receive) -> bool:
    """`after 5_000 -> exit(:port_timed_out)`: the process ends, and nothing that comes late is handled."""
    call = source.node_at(receive.span).parent
    block = syntax.do_block(call) if call is not None and call.type == "call" else None
    late = syntax.sections(block)[1].get("after", []) if block is not None else []
    steps = syntax.stab_parts(late[0])[2] if len(late) == 1 and late[0].type == "stab_clause" else []
    return bool(steps) and syntax.local_name(steps[-1]) in _ENDS


def flushes_monitor_after(clause: Clause, receive: Receive) -> bool:
    """`Process.demonitor(ref, [:flush])` stands behind it."""
    return any(
        call.is_to("Process", "demonitor")
        and call.span.start > receive.span.end
        and len(call.args) == 2
        and any(option.is_atom("flush") for option in call.args[1].items)
        for call in clause.calls
    )


def takes_any_end(module: Module) -> bool:
    """A clause was written for the end of any process for whatever reason."""
    return any(message.way == "info" and _is_any_end(unwrapped(message.pattern)) for message in taken(module))


def _is_any_end(pattern: Term) -> bool:
    if pattern.tag != "DOWN" or pattern.items[-1].kind != "variable":
        return False
    return all(item.kind in ("variable", "atom") for item in pattern.items)


def _before(clause: Clause, receive: Receive) -> list[Call]:
    return [call for call in clause.calls if call.span.end <= receive.span.start]
