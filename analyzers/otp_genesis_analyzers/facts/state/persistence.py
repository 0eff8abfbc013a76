"""Calls by which a process saves what it knows, or gets it back after a restart."""

from __future__ import annotations

from collections.abc import Iterable

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Module

_STORES = frozenset(
    {":dets", ":mnesia", "Mnesia", "Memento", "CubDB", "Redix", "Oban", "Postgrex", "Exqlite", "Cachex"}
)
_STORE_CALLS = {
    "File": {"read", "read!", "write", "write!", "stream!", "open", "open!", "ls", "ls!"},
    ":file": {"read_file", "write_file", "consult"},
    ":ets": {"tab2file", "file2tab"},
    ":persistent_term": {"get", "put"},
}
_STORE_NAMES = (
    "Repo",
    "Store",
    "Storage",
    "Persistence",
    "Snapshot",
    "Snapshots",
    "Journal",
    "EventStore",
    "Archive",
)
"""Last parts of module names; `OrderStore` counts as `Store`."""
_STORE_WORDS = frozenset(
    {
        "load",
        "restore",
        "recover",
        "rehydrate",
        "hydrate",
        "persist",
        "snapshot",
        "checkpoint",
        "save",
        "backup",
    }
    | {"dump", "replay", "resume"}
)
_READING_WORDS = frozenset({"list", "fetch", "all", "read", "get", "find", "query"})
_WRITING_WORDS = frozenset(
    {"create", "insert", "store", "write", "record", "put", "update", "upsert", "log", "track", "import"}
)
_NO_STORES = frozenset(
    {
        "Map",
        "Keyword",
        "MapSet",
        "List",
        "Enum",
        "Access",
        "Process",
        "Application",
        "System",
        "Logger",
        "Registry",
    }
    | {
        "GenServer",
        "Agent",
        "Kernel",
        "String",
        "DateTime",
        "Stream",
        "Tuple",
        "Regex",
        "URI",
        "Node",
        "Base",
    }
    | {
        "Task",
        "Task.Supervisor",
        "Supervisor",
        "DynamicSupervisor",
        "Integer",
        "Float",
        "Date",
        "Time",
        "Calendar",
    }
)


def persistence_call(graph: CallGraph, calls: Iterable[Call]) -> Call | None:
    """One of the calls (those of the callbacks) that saves or restores; None when nothing is kept."""
    calls = tuple(calls)
    owns_table = any(call.is_to(":ets", "new") for call in calls)
    for call in calls:
        if (
            call.module in _STORES
            or call.name in _STORE_CALLS.get(call.module, ())
            or names_store(call.module)
        ):
            return call
        if _first_word(call) in _STORE_WORDS and (
            graph.target(call) is not None or call.module not in _NO_STORES
        ):
            return call
        if call.module == ":ets" and not owns_table and call.name in ("insert", "lookup", "tab2list"):
            return call
    return None


def rebuilding_call(graph: CallGraph, calls: Iterable[Call]) -> Call | None:
    """One of the calls (those of `init` and of what follows it) that fetches the state from elsewhere."""
    return _foreign_call(graph, calls, _READING_WORDS | _STORE_WORDS)


def saving_call(graph: CallGraph, calls: Iterable[Call]) -> Call | None:
    """One of the calls that by its name makes another module record what it is given."""
    return _foreign_call(graph, calls, _WRITING_WORDS | _STORE_WORDS)


def offers_saving(module: Module) -> bool:
    """Some public function says by its name that it records what it is given: `put/1`, `save_order/2`."""
    return any(
        function.public and function.name.split("_", 1)[0].rstrip("!") in _WRITING_WORDS | _STORE_WORDS
        for function in module.functions
    )


def _foreign_call(graph: CallGraph, calls: Iterable[Call], words: frozenset[str]) -> Call | None:
    return next((call for call in calls if _first_word(call) in words and _is_foreign(graph, call)), None)


def _is_foreign(graph: CallGraph, call: Call) -> bool:
    known = call.module in _NO_STORES or call.module.startswith(":") or call.module in ("", "?")
    return not known and graph.target(call) is None


def names_store(module: str) -> bool:
    """Named like something that keeps data: `Shop.Repo`, `Shop.OrderStore`."""
    last = module.rpartition(".")[2]
    return bool(module) and last not in _NO_STORES and last.endswith(_STORE_NAMES)


def _first_word(call: Call) -> str:
    return call.name.rstrip("!?").split("_", 1)[0]
