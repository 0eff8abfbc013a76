"""What `terminate/2` does that is lost when it does not run: by the calls that it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.messages.shapes import may_match
from otp_genesis_analyzers.facts.model import Call, Clause, Function
from otp_genesis_analyzers.facts.state.persistence import names_store
from otp_genesis_analyzers.facts.waits.blocking import wait_in
from otp_genesis_analyzers.terms import Term

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
_STORING = frozenset({"put", "insert", "update", "upsert", "create", "record", "set"})
"""What modules that are named like a store are asked to do."""
_TIDYING_CALLS = {
    "File": {"rm", "rm!", "rm_rf", "rm_rf!", "rmdir", "rmdir!"},
    ":file": {"delete"},
    "GenServer": {"call", "cast", "reply"},
    ":gen_server": {"call", "cast", "reply"},
    "Kernel": {"send"},
    "Process": {"send"},
}
_TIDYING_WORDS = frozenset({"cleanup", "clean", "remove", "delete", "release", "unlock"})
_OPENING_WORDS = frozenset({"open", "connect", "acquire", "allocate", "setup", "mount"})
_CLOSING_WORDS = frozenset({"close", "disconnect", "stop", "shutdown", "teardown"})
_ENDING_WORDS = frozenset({"cancel", "leave", "terminate"})
_DIES_ANYWAY = frozenset(
    {":ets", "Port", "Process", "Logger", ":erlang", "Task", "Registry", "Map", "Enum", "MapSet"}
    | {"File", "IO", "StringIO", "Mint.HTTP", "Redix", "GenServer", "Agent", "Supervisor"}
    | {"DynamicSupervisor", "Kernel", "List", "Keyword", "String", "System", "Application", "Exception"}
    | {"DateTime", "Stream", "Access", "Node", "Inspect", "Telemetry", "Task.Supervisor", "Integer"}
)
"""What these hold ends with the process, or is only looked at."""
_LOOKS = frozenset(
    {"get", "fetch", "list", "new", "find", "format", "parse", "inspect", "is", "to", "debug", "info", "warn"}
    | {"warning", "error", "log"}
)

_SHUTDOWN = Term("atom", "shutdown")

Weight = Literal["saves", "tidies", "unknown"]
_WORST_FIRST: tuple[Weight, ...] = ("saves", "tidies", "unknown")


class ShutdownEffect(NamedTuple):
    """Tidying up can be made good by other processes or a restart; what is `unknown` is out of sight."""

    call: Call
    weight: Weight


def shutdown_effects(graph: CallGraph, terminate: Function) -> list[ShutdownEffect]:
    """The effects in `terminate/2` and in the functions of the module that it reaches, the worst first.

    Only of the clauses that a supervisor's shutdown would have run.
    """
    opened = _opened(graph)
    at_shutdown = list(_clauses_at_shutdown(terminate))
    targets = [
        target
        for clause in at_shutdown
        for call in clause.calls
        if (target := graph.target(call)) is not None
    ]
    reached = (clause for name in graph.reached(targets) for clause in graph.functions[name].clauses)
    found = (
        ShutdownEffect(call, weight)
        for clause in (*at_shutdown, *reached)
        for call in clause.calls
        if call.runs != "elsewhere" and (weight := _weight(graph, call, opened)) is not None
    )
    return sorted(found, key=lambda effect: _WORST_FIRST.index(effect.weight))


def _clauses_at_shutdown(terminate: Function) -> Iterator[Clause]:
    """The clauses that take `:shutdown`, up to the first one that leaves nothing to the others."""
    for clause in terminate.clauses:
        reason, state = clause.head
        if may_match(reason, _SHUTDOWN):
            yield clause
            if clause.guard is None and state.kind == "variable":
                return


def _weight(graph: CallGraph, call: Call, opened: frozenset[str]) -> Weight | None:
    word = _first_word(call)
    if graph.target(call) is not None:
        # A function of its own that says so may do it by a function value: `state.send.(batch)`.
        return "unknown" if word in _SAVING_WORDS else None
    if call.form == "call" and call.module != "?":
        if call.module in opened and word in _CLOSING_WORDS:
            return "tidies"
        saves = _saves(call)
        if saves is not None:
            return "saves" if saves else "tidies"
    return "unknown" if _may_act(call, word) else None


def _may_act(call: Call, word: str) -> bool:
    """A function of a library or of the project that is not called for its value."""
    told = word in _CLOSING_WORDS | _TIDYING_WORDS | _SAVING_WORDS | _ENDING_WORDS
    if call.form == "capture" or call.module == "?":
        return told and call.module not in _DIES_ANYWAY and not call.module.startswith(":")
    acts = call.result not in ("argument", "stored") and word not in _LOOKS
    return acts and call.module[:1].isupper() and call.module not in _DIES_ANYWAY


def _saves(call: Call) -> bool | None:
    """Whether the call saves something, only tidies up (False), or is no effect (None)."""
    wait = wait_in(call)
    if call.name in _SAVING_CALLS.get(call.module, ()) or (
        wait is not None and wait.kind in ("query", "http")
    ):
        return True
    if call.name in _TIDYING_CALLS.get(call.module, ()):
        return False
    if not call.module or call.module in _DIES_ANYWAY:
        return None
    if _first_word(call) in _SAVING_WORDS or (names_store(call.module) and _first_word(call) in _STORING):
        return True
    return False if _first_word(call) in _TIDYING_WORDS else None


def _opened(graph: CallGraph) -> frozenset[str]:
    """The modules by which `init/1` gets something that ends with nobody: `Conn.open(opts)`.

    What it starts with a link ends with it, and so do the ports and sockets of Erlang.
    """
    init = graph.module.function("init", 1)
    reached = graph.reached([init] if init is not None else [])
    return frozenset(
        call.module
        for function_id in reached
        for clause in graph.functions[function_id].clauses
        for call in clause.calls
        if graph.target(call) is None
        and _first_word(call) in _OPENING_WORDS
        and call.module not in _DIES_ANYWAY
        and call.module[:1].isupper()
    )


def is_told_effect(module: str, name: str) -> bool:
    """The function of another module says that it saves, tidies up or closes something."""
    word = name.rstrip("!?").split("_", 1)[0]
    told = _CLOSING_WORDS | _TIDYING_WORDS | _SAVING_WORDS | _ENDING_WORDS
    return word in told and module[:1].isupper() and module not in _DIES_ANYWAY


def _first_word(call: Call) -> str:
    return call.name.rstrip("!?").split("_", 1)[0]
