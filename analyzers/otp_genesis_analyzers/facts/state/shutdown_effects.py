"""What `terminate/2` does that is lost when it does not run: by the calls that it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.blocking import wait_in
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Function

_SAVING_CALLS = {
    "File": {"write", "write!", "cp", "cp!", "rename", "rename!", "touch", "touch!"},
    ":file": {"write", "write_file", "rename", "sync"},
    "IO": {"binwrite"},
    ":ets": {"tab2file"},
    ":dets": {"close", "insert", "sync"},
    ":telemetry": {"detach"},
    "Phoenix.PubSub": {"broadcast", "broadcast!", "broadcast_from", "local_broadcast"},
}
_SAVING_WORDS = frozenset(
    {"flush", "save", "persist", "store", "write", "snapshot", "checkpoint", "dump", "detach", "deregister"}
    | {"unregister", "broadcast", "publish", "notify"}
)
_TIDYING_CALLS = {
    "File": {"rm", "rm!", "rm_rf", "rm_rf!", "rmdir", "rmdir!"},
    ":file": {"delete"},
    "GenServer": {"call", "cast", "reply"},
    ":gen_server": {"call", "cast", "reply"},
    "Kernel": {"send"},
    "Process": {"send"},
}
_TIDYING_WORDS = frozenset({"cleanup", "clean", "remove", "delete", "release", "unlock"})
_DIES_ANYWAY = frozenset(
    {":ets", "Port", "Process", "Logger", ":erlang", "Task", "Registry", "Map", "Enum", "MapSet"}
)
"""What these hold ends with the process, or is only looked at."""


class ShutdownEffect(NamedTuple):
    """`saves` is false for tidying up, which other processes or a restart can make good."""

    call: Call
    saves: bool


def shutdown_effects(graph: CallGraph, terminate: Function) -> Iterator[ShutdownEffect]:
    """The effects in `terminate/2` and in the functions of the module that it goes through."""
    for function_id in graph.reached([terminate]):
        for clause in graph.functions[function_id].clauses:
            for call in clause.calls:
                if call.form == "call" and call.runs != "elsewhere":
                    saves = _saves(graph, call)
                    if saves is not None:
                        yield ShutdownEffect(call, saves)


def _saves(graph: CallGraph, call: Call) -> bool | None:
    """Whether the call saves something, only tidies up (False), or is no effect (None)."""
    if graph.target(call) is not None or call.module == "?":
        return None
    wait = wait_in(call)
    if call.name in _SAVING_CALLS.get(call.module, ()) or (
        wait is not None and wait.kind in ("query", "http")
    ):
        return True
    if call.name in _TIDYING_CALLS.get(call.module, ()):
        return False
    if not call.module or call.module in _DIES_ANYWAY:
        return None
    first_word = call.name.rstrip("!?").split("_", 1)[0]
    if first_word in _SAVING_WORDS:
        return True
    return False if first_word in _TIDYING_WORDS else None
