"""In which process the code of a closure runs, by the function that is handed the closure."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Runs

_STARTS_A_PROCESS = frozenset({"Task", "Task.Supervisor", "Agent", ":proc_lib", ":timer", ":rpc", ":erpc"})
_STARTING_FUNCTIONS = frozenset({"spawn", "spawn_link", "spawn_monitor", "spawn_opt", "spawn_request"})
_SPAWNING_MODULES = frozenset({"Kernel", "Process", "Node", ":erlang"})
_LIVE_VIEW_ASYNC = frozenset({"start_async", "assign_async", "stream_async"})
_CALLED_AT_ONCE = frozenset(
    {
        "Enum",
        "Map",
        "MapSet",
        "Keyword",
        "List",
        "Tuple",
        "Access",
        "Kernel",
        "String",
        "Regex",
        "Logger",
        "Stream",
        "Registry",
        "Range",
        "Path",
        "File",
        "Integer",
        "Function",
        ":lists",
        ":maps",
        ":ets",
        ":dets",
        ":queue",
    }
)
_KEPT_BY = frozenset({"Map", "Keyword", "List"})
_KEEPING = frozenset(
    {"get", "put", "put_new", "replace", "replace!", "pop", "insert_at", "replace_at", "wrap"}
)
"""They take a function as a value, a default among them, and don't call it."""


def closure_runs(module: str, name: str) -> Runs:
    """Where a `fn` given to `module.name` runs; `module` is empty for a local call.

    Stream is lazy, but its functions run in the process that consumes the stream, which is
    nearly always the one that built it; Stream.resource is the exception that is often handed on.
    """
    if module == ":timer" and name == "tc":
        return "here"
    if module in _STARTS_A_PROCESS:
        return "elsewhere"
    if module in _SPAWNING_MODULES and name in _STARTING_FUNCTIONS:
        return "elsewhere"
    if module == ":telemetry" or name in _LIVE_VIEW_ASYNC:
        return "elsewhere"
    if module == "Stream" and name == "resource":
        return "unknown"
    if module in ("GenServer", "Supervisor", "DynamicSupervisor"):
        return "elsewhere"
    if module in _KEPT_BY and name in _KEEPING:
        return "unknown"
    return "here" if module in _CALLED_AT_ONCE else "unknown"


def combined(outer: Runs, inner: Runs) -> Runs:
    """Where code runs that stands in a closure inside a closure."""
    if "elsewhere" in (outer, inner):
        return "elsewhere"
    return "unknown" if "unknown" in (outer, inner) else "here"
