"""Calls that write down what a process knows, told apart by how sure that is."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.state.persistence import names_store, persistence_call, saving_call
from otp_genesis_analyzers.facts.waits.blocking import wait_in

_WRITES = {
    "File": {"write", "write!"},
    ":file": {"write", "write_file"},
    ":ets": {"tab2file"},
    ":dets": {"insert", "insert_new", "sync"},
    ":mnesia": {"write", "dirty_write", "transaction", "sync_transaction", "activity"},
    ":persistent_term": {"put"},
    "CubDB": {"put", "put_multi"},
    "Redix": {"command", "command!", "pipeline", "pipeline!"},
}
_REPO_WRITES = ("insert", "update", "transaction", "transact")
_SAVING_WORDS = frozenset({"save", "persist", "store", "snapshot", "checkpoint", "dump", "flush", "backup"})
_WRITING_WORDS = _SAVING_WORDS | {"write", "put", "insert", "upsert", "record", "update", "append"}
_READING_WORDS = frozenset(
    {"get", "fetch", "list", "load", "all", "read", "find", "query", "one", "exists", "lookup", "consult"}
    | {"restore", "recover", "ls", "aggregate", "preload", "reload"}
)
_HOLDS_NOTHING = frozenset(
    {":ets", ":telemetry", "Logger", "Process", "Registry", "Agent", "GenServer", "Task"}
)


def saves(graph: CallGraph, call: Call) -> bool:
    """Writes to a file, a database or a store, or is called so in another module."""
    if call.form == "capture" or graph.target(call) is not None or not call.module or call.module == "?":
        return False
    if call.name in _WRITES.get(call.module, ()):
        return True
    wait = wait_in(call)
    if wait is not None and wait.kind == "query":
        return call.name.startswith(_REPO_WRITES)
    word = _first_word(call)
    if names_store(call.module):
        return word in _WRITING_WORDS
    is_alias = not call.module.startswith(":") and call.module not in _HOLDS_NOTHING
    return is_alias and word in _SAVING_WORDS


def may_save(graph: CallGraph, call: Call) -> bool:
    """Also what only sounds as if it kept something."""
    if saves(graph, call):
        return True
    found = persistence_call(graph, [call]) or saving_call(graph, [call])
    return found is not None and _first_word(call) not in _READING_WORDS


def _first_word(call: Call) -> str:
    return call.name.rstrip("!?").split("_", 1)[0]
