"""The calls that a function makes, and which of them it makes whatever its arguments are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Clause, Function


class RunCall(NamedTuple):
    """`certain` is false where the call stands in a branch, or behind a choice of clauses."""

    function: Function
    clause: Clause
    call: Call
    certain: bool


def calls_run_by(graph: CallGraph, root: Function) -> Iterator[RunCall]:
    """The calls of a function and of what it calls in its module, in the same process."""
    sure = {root.id} if len(root.clauses) == 1 else set[str]()
    for function_id in graph.reached([root]):
        function = graph.functions[function_id]
        for clause in function.clauses:
            for call in clause.calls:
                if call.runs != "here":
                    continue
                certain = function_id in sure and not call.branch
                target = graph.target(call)
                if certain and target is not None and len(target.clauses) == 1:
                    sure.add(target.id)
                yield RunCall(function, clause, call, certain)
