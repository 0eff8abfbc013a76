"""Two steps on one path of the file system, between which another process or a crash can come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers.facts.calls.guarded import guarded_in, guards_of
from otp_genesis_analyzers.facts.calls.value_flow import Flow, flow_of, is_in_branch_without
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.source import Source

Step = Literal["replace", "use", "create"]
"""A file is removed and written anew; used because it was there; written because it was not."""

_REMOVES = frozenset({"rm", "rm!", "rm_rf", "rm_rf!"})
_WRITES = frozenset({"write", "write!"})
_ASKS = frozenset({"exists?", "regular?"})
_RAISES_WITHOUT = frozenset(
    {"read!", "rm!", "stat!", "lstat!", "stream!", "cp!", "rename!", "open!", "chmod!"}
)
_CREATES = frozenset({"write", "write!", "touch", "touch!", "open", "open!"})
_UNKNOWN = frozenset({"other", "fn", "interpolation"})


class FileSteps(NamedTuple):
    first: Call
    second: Call
    step: Step


def file_steps(source: Source, clause: Clause) -> Iterator[FileSteps]:
    """Each first step of a clause with the second one that goes with it."""
    calls = [call for call in clause.calls if call.module == "File" and call.args and call.form == "call"]
    for first in calls:
        if not _is_first(first) or any(part.kind in _UNKNOWN for part in first.args[0].walk()):
            continue
        later = [call for call in calls if call.span.start >= first.span.end and _is_about(first, call)]
        found = _replaced(first, later) if first.name in _REMOVES else _decided(source, clause, first, later)
        if found is not None:
            yield found


def _is_first(call: Call) -> bool:
    return call.name in _REMOVES | _ASKS


def _is_about(first: Call, second: Call) -> bool:
    """The path stands among its arguments, and it is made in the same run of the code."""
    return first.args[0] in second.args and second.closure == first.closure and second.runs == first.runs


def _replaced(first: Call, later: list[Call]) -> FileSteps | None:
    """The file is written anew at once: nothing else is done with the path before."""
    second = later[0] if later else None
    if second is None or second.name not in _WRITES or second.branch != first.branch:
        return None
    if second.args[0] != first.args[0]:
        return None
    return None if _appends(second) else FileSteps(first, second, "replace")


def _appends(call: Call) -> bool:
    return any(part.is_atom("append", "exclusive") for argument in call.args[2:] for part in argument.walk())


def _decided(source: Source, clause: Clause, first: Call, later: list[Call]) -> FileSteps | None:
    flow = flow_of(source.node_at(clause.span), source.node_at(first.span))
    guards = guarded_in(source, clause)
    for second in later:
        node = source.node_at(second.span)
        if second.args[0] != first.args[0] or not flow.decides(node) or guards_of(guards, clause, second):
            continue
        missing = _is_missing(flow, node)
        if second.name in _RAISES_WITHOUT and not missing:
            return FileSteps(first, second, "use")
        if second.name in _CREATES and missing and not _appends(second):
            return FileSteps(first, second, "create")
    return None


def _is_missing(flow: Flow, target: Node) -> bool:
    """In the branch for a file that is not there."""
    said = (is_in_branch_without(choice, target, ("false",)) for choice in flow.choices)
    return next((is_there for is_there in said if is_there is not None), False)
