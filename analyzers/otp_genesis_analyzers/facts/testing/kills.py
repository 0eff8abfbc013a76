"""Tests that end a process and look at what is left without waiting for its death."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.messages.client_api import looked_up
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.testing.sleeps import is_sleep
from otp_genesis_analyzers.facts.testing.test_blocks import TestBlock, following, refutes
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term

_LOOKS_AHEAD = 5
"""How many statements behind the exit signal the look may stand."""
_WAITS = ("assert_receive", "wait", "await", "eventually", "assert_eventually", "poll", "retry", "until")
_WAITING_FORMS = ("receive", "try", "with_backoff")


class UnwatchedKill(NamedTuple):
    """`Process.exit(pid, reason)`, and the first look at the consequences, with no monitor between.

    `sleeps` stand between the two. `look` is a `Process.alive?` of the same process, a lookup of a
    name, or a call of the name whose process was killed.
    """

    site: Site
    sleeps: tuple[Call, ...]
    look: Call
    statement: Span
    """The statement that the look is in."""
    expects_absence: bool
    """It says that nothing is there any more, and not what takes the place of the dead process."""

    @property
    def process(self) -> Term:
        return self.site.call.args[0]

    @property
    def reason(self) -> Term:
        return self.site.call.args[1]


def unwatched_kills(source: Source, block: TestBlock) -> Iterator[UnwatchedKill]:
    """The kills of a block whose end the test does not wait for.

    `Process.alive?` behind the signal, with nothing between, is left out for the reason `:kill`: signals
    between two processes keep their order, so the answer comes from a dead process.
    """
    for call in block.clause.calls:
        if _is_exit_signal(call) and not _monitored(block, call):
            found = _look_behind(source, block, call)
            if found is not None:
                yield found


def _is_exit_signal(call: Call) -> bool:
    """`:normal` is left out: another process than the sender's ignores it."""
    if call.form != "call" or call.arity != 2 or call.name != "exit":
        return False
    return call.module in ("Process", ":erlang") and not call.args[1].is_atom("normal")


def _monitored(block: TestBlock, exit_signal: Call) -> bool:
    """The test watches this process, or some process by another name that may be the same."""
    return any(
        call.is_to("Process", "monitor") and call.head.start < exit_signal.head.start
        for call in block.clause.calls
    )


def _look_behind(source: Source, block: TestBlock, exit_signal: Call) -> UnwatchedKill | None:
    sleeps: list[Call] = []
    for statement in following(source, block.clause, exit_signal)[:_LOOKS_AHEAD]:
        inside = [call for call in block.clause.calls if Span.of(statement).contains(call.span)]
        if _waits(statement, inside):
            return None
        slept = [call for call in inside if is_sleep(call) and call.span == Span.of(statement)]
        sleeps += slept
        look = next((call for call in inside if _is_look(statement, call, exit_signal)), None)
        if look is not None:
            at_once = look.name == "alive?" and not sleeps and exit_signal.args[1].is_atom("kill")
            if at_once:
                return None
            return UnwatchedKill(
                block.site(exit_signal), tuple(sleeps), look, Span.of(statement), says_no(statement)
            )
    return None


def _waits(statement: Node, calls: list[Call]) -> bool:
    """Something in the statement waits for a message or until a condition holds."""
    if syntax.local_name(statement) in _WAITING_FORMS:
        return True
    return any(call.is_to("Process", "monitor") or call.name.startswith(_WAITS) for call in calls)


def _is_look(statement: Node, call: Call, exit_signal: Call) -> bool:
    if call.closure != exit_signal.closure or call.form != "call" or exit_signal.span.contains(call.span):
        return False
    if call.is_to("Process", "alive?"):
        same = call.args[:1] == exit_signal.args[:1] and call.args[0].kind in ("variable", "call")
        return same and says_no(statement)
    if call.is_to("GenServer", "call") and call.args:
        return looked_up(exit_signal.args[0]) == call.args[0] and call.args[0].kind in ("module", "atom")
    return call.is_to("Process", "whereis") or call.is_to("GenServer", "whereis")


def says_no(statement: Node) -> bool:
    """`refute x`, `assert not x`, `assert !x`, `assert x == false`, `assert false == x`."""
    if refutes(statement):
        return True
    asserted = next(iter(syntax.arguments(statement)), None)
    if asserted is None:
        return False
    if asserted.type == "unary_operator":
        return syntax.operator(asserted) in ("not", "!")
    sides = (syntax.left(asserted), syntax.right(asserted)) if asserted.type == "binary_operator" else ()
    return any(side is not None and syntax.text(side) in ("false", "nil") for side in sides)
