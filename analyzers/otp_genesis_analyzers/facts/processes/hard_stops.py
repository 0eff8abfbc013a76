"""Calls that end a process, or the whole system, without a chance to clean up; and one that ends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.branches import deciding_calls
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.model import Call, Clause, Module
from otp_genesis_analyzers.facts.processes.registered_names import is_self
from otp_genesis_analyzers.facts.processes.starts import is_start_function
from otp_genesis_analyzers.source import Source

Stop = Literal["kill", "halt", "nothing"]
"""Kill: a process that cannot clean up. Halt: the virtual machine. Nothing: reason `:normal` ends nobody."""

_HALTS = frozenset({("System", "halt"), (":erlang", "halt")})
_GENTLE = frozenset(
    {
        ("GenServer", "stop"),
        ("Agent", "stop"),
        ("Supervisor", "stop"),
        ("Task", "yield"),
        ("Task", "shutdown"),
    }
    | {("DynamicSupervisor", "terminate_child"), ("Supervisor", "terminate_child"), (":gen_server", "stop")}
)
_LAST_RESORTS = frozenset({"rescue_block", "catch_block", "after_block"})
_COMMAND_LINE = ("CLI", "Cli", "Escript", "Release", "ReleaseTasks", "Main")


class FoundStop(NamedTuple):
    site: Site
    stop: Stop


def hard_stops(source: Source, module: Module) -> Iterator[FoundStop]:
    """The stops of a module. A kill after a gentler stop is left out, and so is the halt of a tool."""
    for site in sites(module):
        call = site.call
        if call.form == "capture":
            continue
        if (call.module, call.name) in _HALTS:
            if not _is_command_line(module):
                yield FoundStop(site, "halt")
        elif is_exit_signal(call) and not is_self(call.args[0]):
            if call.args[1].is_atom("normal"):
                if not _is_parent_of_some(module):
                    yield FoundStop(site, "nothing")
            elif call.args[1].is_atom("kill") and not _is_last_resort(source, site.clause, call):
                yield FoundStop(site, "kill")


def is_exit_signal(call: Call) -> bool:
    """`Process.exit(pid, reason)`, with its arguments."""
    return (call.is_to("Process", "exit") or call.is_to(":erlang", "exit")) and len(call.args) == 2


def _is_parent_of_some(module: Module) -> bool:
    """It starts a server or a supervisor itself: one that traps exits ends with any signal of its parent."""
    return any(
        site.call.name == "start_link"
        and site.call.module not in ("", "Task", "Agent")
        and not is_start_function(site.function)
        for site in sites(module)
    )


def _is_command_line(module: Module) -> bool:
    parts = module.name.split(".")
    return module.function("main", 1) is not None or any(part.endswith(_COMMAND_LINE) for part in parts)


def _is_last_resort(source: Source, clause: Clause, call: Call) -> bool:
    """Something gentler was tried before, or stands in the part of a `try` or `receive` that is left then."""
    if any((other.module, other.name) in _GENTLE for other in deciding_calls(clause, call)):
        return True
    before = [other for other in clause.calls if other.span.end <= call.head.start]
    tried = any(
        (other.module, other.name) in _GENTLE
        or (is_exit_signal(other) and other.args[0] == call.args[0] and not other.args[1].is_atom("kill"))
        for other in before
    )
    return tried or _stands_in(source.node_at(call.span), _LAST_RESORTS)


def _stands_in(node: Node, parts: frozenset[str]) -> bool:
    outer = node.parent
    while outer is not None and syntax.local_name(outer) not in syntax.DEFINITIONS:
        if outer.type in parts:
            return True
        outer = outer.parent
    return False
