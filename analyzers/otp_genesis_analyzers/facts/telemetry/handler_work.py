"""What a telemetry handler waits for, in the process that emits the event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.waits.blocking import wait_in
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_OF_FILES = frozenset(
    {"read", "write", "open", "copy", "cp", "cp_r", "rm", "rm_rf", "mkdir", "mkdir_p", "rename", "touch"}
    | {"ls", "stat", "stream", "append"}
)
_OF_REPOS = frozenset(
    {
        "insert",
        "insert_all",
        "insert_or_update",
        "update",
        "update_all",
        "delete",
        "delete_all",
        "transaction",
    }
    | {"all", "one", "get", "get_by", "exists?", "aggregate", "preload", "query"}
)


class SlowWork(NamedTuple):
    """`words` say what the emitter waits for: "the database"."""

    call: Call
    words: str


def slow_work(source: Source, calls: Iterable[Call]) -> Iterator[SlowWork]:
    """The calls for which the emitter waits; those of servers are told apart by `handler_acts`."""
    for call in calls:
        wait = wait_in(call)
        if call.module == "?" and call.name.rstrip("!") in _OF_REPOS and _is_to_repo(source, call):
            yield SlowWork(call, "the database")
        elif wait is not None and wait.certain and wait.kind != "process":
            yield SlowWork(call, wait.words)
        elif call.form != "capture" and call.module == "File" and call.name.rstrip("!") in _OF_FILES:
            yield SlowWork(call, "the disk")


def _is_to_repo(source: Source, call: Call) -> bool:
    """`@repo.insert`, `repo().insert`: a repository that the configuration names."""
    receiver = source.text(call.head).rpartition(".")[0]
    return receiver in ("@repo", "repo()", "repo")


def only_on_failures(attach: Call) -> bool:
    """Every event that the handler is attached to is an exception: `[:oban, :job, :exception]`."""
    events = attach.args[1]
    paths = events.items if attach.name == "attach_many" else (events,)
    return bool(paths) and all(_ends_in_exception(path) for path in paths)


def _ends_in_exception(path: Term) -> bool:
    return (
        path.kind == "list" and bool(path.items) and path.items[-1].is_atom("exception", "error", "failure")
    )
