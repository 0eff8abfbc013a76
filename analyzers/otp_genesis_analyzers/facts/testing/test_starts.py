"""Processes that a test starts itself, linked to it, and that nobody stops when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.facts.testing.test_blocks import TestBlock, describe_of, test_blocks
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_ABOUT_STARTING = ("start_link", "child_spec", "starts", "starting", "start/", "init/")
_ENDS = ("stop", "exit", "unlink", "kill", "shutdown", "terminate", "close")


class TestStart(NamedTuple):
    """`{:ok, pid} = Shop.Cart.start_link(argument)` in a test or setup.

    `pid` is the variable it is bound to, "" where nobody keeps it. `ended` is true when it may be the
    block itself that stops, kills or unlinks the process, or asks whether it is alive.
    """

    site: Site
    pid: str
    ended: bool


def test_starts(source: Source, block: TestBlock) -> Iterator[TestStart]:
    """The processes of other modules that a test or setup starts with `start_link/1`.

    A test that is about starting is left out, one that traps exits, since it wants the link, and a process
    that `on_exit` stops.
    """
    clause = block.clause
    starts = [call for call in clause.calls if _is_start(call)]
    if not starts or _traps_exits(block) or _is_about_starting(source, block):
        return
    failing = {call.module for call in starts if not _succeeds(call)}
    for call in starts:
        if call.module in failing or call.closure >= 0 or call.branch:
            continue
        if not _is_stopped_on_exit(source, clause, _pid_of(call)):
            yield TestStart(block.site(call), _pid_of(call), _is_ended(clause, call))


def _is_start(call: Call) -> bool:
    named = call.module not in ("", "?", "Task", "GenServer", "Supervisor") and not call.module.startswith(
        ":"
    )
    return named and call.name == "start_link" and call.arity == 1 and call.form == "call"


def _succeeds(call: Call) -> bool:
    """Thrown away, or matched with `{:ok, _}` or a variable."""
    if call.result in ("discarded", "returned"):
        return True
    pattern = call.bound_to
    return call.result == "bound" and pattern is not None and pattern.tag == "ok" and len(pattern.items) == 2


def _pid_of(call: Call) -> str:
    kept = call.bound_to.items[1] if call.bound_to is not None else Term("variable", "_")
    return kept.value if kept.kind == "variable" and not kept.value.startswith("_") else ""


def _traps_exits(block: TestBlock) -> bool:
    setups = (other.clause for other in test_blocks(block.module) if other.is_setup)
    return any(
        call.is_to("Process", "flag") and call.args[:1] and call.args[0].is_atom("trap_exit")
        for clause in (block.clause, *setups)
        for call in clause.calls
    )


def _is_about_starting(source: Source, block: TestBlock) -> bool:
    about = f"{describe_of(source, block.clause)} {block.function.name}"
    return not block.is_setup and any(word in about for word in _ABOUT_STARTING)


def _is_stopped_on_exit(source: Source, clause: Clause, pid: str) -> bool:
    """`on_exit(fn -> Cart.stop(pid) end)`."""
    for closure in clause.closures if pid else ():
        if closure.receiver.startswith("on_exit/"):
            names = (node for node in syntax.below(source.node_at(closure.span)) if node.type == "identifier")
            inside = (call for call in clause.calls if closure.span.contains(call.span))
            if any(syntax.text(name) == pid for name in names) and any(map(_ends_something, inside)):
                return True
    return False


def _ends_something(call: Call) -> bool:
    return any(word in call.name for word in _ENDS)


def _is_ended(clause: Clause, start: Call) -> bool:
    """Something in the block stops, kills or unlinks the process, or a process that may be it.

    So does a test that expects it to be gone: it ends by itself.
    """
    return any(_may_end(call, start.module, _pid_of(start)) for call in clause.calls)


def _may_end(call: Call, module: str, pid: str) -> bool:
    if call.is_to("Process", "alive?"):
        return bool(call.args) and call.args[0].value == pid
    if not _ends_something(call):
        return False
    if not call.args:
        return call.arity > 0 and call.module in ("", module)
    return call.args[0].kind != "variable" or call.args[0].value == pid
