"""Which question decided that a call is made: the calls whose answer chose its branch."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.model import Call, Clause

_SUPERVISED_STARTS = frozenset(
    {
        ("Task.Supervisor", "start_child"),
        ("Task.Supervisor", "async"),
        ("Task.Supervisor", "async_nolink"),
        ("DynamicSupervisor", "start_child"),
        ("Supervisor", "start_child"),
    }
)
_LOOKUPS = frozenset({("Process", "whereis"), ("GenServer", "whereis")})


def deciding_calls(clause: Clause, call: Call) -> Iterator[Call]:
    """The calls in case, if, with or try whose outcome leads into a branch that `call` stands in."""
    for other in clause.calls:
        depth = len(other.branch)
        if (
            (other.result in ("subject", "tested", "argument") or other.guarded_by_rescue)
            and other.closure == call.closure
            and len(call.branch) > depth
            and call.branch[:depth] == other.branch
            and call.branch[depth] > other.span.start
        ):
            yield other


def supervised_start_failed(clause: Clause, call: Call) -> Call | None:
    """The supervised start whose failure leads to `call`: it said error, or its supervisor was not there."""
    starts = [other for other in clause.calls if (other.module, other.name) in _SUPERVISED_STARTS]
    for other in deciding_calls(clause, call):
        if other in starts:
            return other
        if (other.module, other.name) in _LOOKUPS and starts:
            return starts[0]
    return None
