"""What becomes of the value that a call gives."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Clause, Function
from otp_genesis_analyzers.terms import Term

_DROPS_WHAT_A_CLOSURE_GIVES = frozenset(
    {
        "Enum.each/2",
        "Kernel.tap/2",
        "Kernel.spawn/1",
        "Kernel.spawn_link/1",
        "Task.start/1",
        "Task.start_link/1",
        "Task.Supervisor.start_child/2",
        "Agent.cast/2",
    }
)
_MAX_CALLERS = 4
"""How many callers up a returned value is followed."""


def kept_variables(call: Call) -> tuple[str, ...]:
    """The variables on the left of `=` that the value is kept in; `_` and `_pid` keep nothing."""
    if call.bound_to is None:
        return ()
    variables = (term.value for term in call.bound_to.walk() if term.kind == "variable")
    return tuple(name for name in variables if not name.startswith("_"))


def bound_variable(call: Call) -> str:
    """The variable of a plain `pid = spawn(f)`; empty for a pattern and for `_`."""
    if call.bound_to is None or call.bound_to.kind != "variable":
        return ""
    return "" if call.bound_to.value.startswith("_") else call.bound_to.value


def thrown_away(clause: Clause, call: Call) -> bool:
    """Nobody in the clause can come to the value."""
    if call.result == "bound":
        return not kept_variables(call)
    if call.result == "yielded" and call.closure >= 0:
        return clause.closures[call.closure].receiver in _DROPS_WHAT_A_CLOSURE_GIVES
    return call.result == "discarded"


def keeps_monitor(clause: Clause, call: Call) -> bool:
    """The reference of `{pid, reference} = spawn_monitor(f)` is kept: without it the monitor is no use."""
    pattern = call.bound_to
    if pattern is not None and pattern.kind == "tuple" and len(pattern.items) == 2:
        reference = pattern.items[1]
        return reference.kind != "variable" or not reference.value.startswith("_")
    return not thrown_away(clause, call)


def tied_by_hand(clause: Clause, call: Call) -> bool:
    """The pid goes on to `Process.link` or `Process.monitor` in the same clause, or to those of `:erlang`."""
    kept = kept_variables(call)
    return any(tied is not None and tied.value in kept for tied in map(_tied, clause.calls))


def _tied(call: Call) -> Term | None:
    """What `Process.monitor(pid)`, `:erlang.monitor(:process, pid)` and the like are about."""
    if call.is_to("Process", "link", "monitor") or call.is_to(":erlang", "link"):
        return call.args[0] if call.args else None
    if call.is_to(":erlang", "monitor") and len(call.args) > 1:
        return call.args[1]
    return None


def dropped_by_callers(graph: CallGraph, function: Function, callers_up: int = _MAX_CALLERS) -> bool:
    """Every caller of a private function throws its value away.

    False for a public function, whose callers are out of sight, and for one that is captured.
    """
    if function.kind != "defp" or callers_up == 0:
        return False
    callers = [caller for caller in graph.callers(function) if caller[0] is not function]
    return bool(callers) and all(
        call.form == "call"
        and (
            thrown_away(clause, call)
            or (call.result == "returned" and dropped_by_callers(graph, caller, callers_up - 1))
        )
        for caller, clause, call in callers
    )


def is_unused(graph: CallGraph, function: Function, clause: Clause, call: Call) -> bool:
    """The value is thrown away here, or handed to callers of whom none keeps it."""
    return thrown_away(clause, call) or (call.result == "returned" and dropped_by_callers(graph, function))
