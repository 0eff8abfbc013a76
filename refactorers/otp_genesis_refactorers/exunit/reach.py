"""What reaches out of the program, which a test leaves alone: commands, the network, files that are written.
And what is another value every time: the clock, chance, the machine. A test does not expect it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Clause

_ANY = frozenset[str]()
_OUTSIDE: Mapping[str, frozenset[str]] = {
    "System": frozenset({"cmd", "shell", "halt", "stop", "put_env", "delete_env"}),
    "Node": frozenset({"connect", "disconnect", "start", "stop"}),
    **dict.fromkeys((":httpc", ":gen_tcp", ":gen_udp", ":ssl", ":ssh", ":os", "Port", ":hackney"), _ANY),
    **dict.fromkeys(("Req", "HTTPoison", "Tesla", "Finch", "Mint.HTTP", "Swoosh.Mailer", "ExAws"), _ANY),
}
"""Functions by module; none means all of them."""
_OF_FILES = frozenset({"File", ":file", ":dets"})
_READING = ("read", "exists", "ls", "stat", "cwd", "dir", "regular", "lookup")


_VARYING: Mapping[str, frozenset[str]] = {
    "System": frozenset(
        {"system_time", "monotonic_time", "os_time", "unique_integer", "get_env", "fetch_env", "fetch_env!"}
        | {"cmd", "tmp_dir", "tmp_dir!", "user_home", "user_home!", "pid", "schedulers", "version"}
    ),
    "File": frozenset({"cwd", "cwd!", "ls", "ls!", "stat", "stat!", "read", "read!"}),
    "Enum": frozenset({"random", "shuffle", "take_random"}),
    "Node": frozenset({"self", "list"}),
    ":erlang": frozenset({"now", "system_time", "monotonic_time", "unique_integer", "timestamp", "node"}),
    **dict.fromkeys(
        ("DateTime", "NaiveDateTime", "Date", "Time"), frozenset({"utc_now", "now", "utc_today"})
    ),
    **dict.fromkeys((":os", ":rand", ":random", ":crypto", ":inet", "Ecto.UUID", "UUID", ":calendar"), _ANY),
}


def varies(graph: CallGraph, clauses: Iterable[Clause]) -> bool:
    """Whether these clauses ask the clock, chance or the machine, themselves or through their module."""
    return any(_is_one_of(call, _VARYING) for clause in clauses for call in calls_from(graph, clause))


def reach_of_clauses(graph: CallGraph, clauses: Iterable[Clause]) -> str:
    """The first call by which these clauses reach out, also through their module; empty without one."""
    calls = (call for clause in clauses for call in calls_from(graph, clause))
    return next((call.target for call in calls if _reaches_out(call)), "")


def calls_from(graph: CallGraph, clause: Clause) -> Iterator[Call]:
    """The calls of a clause and of the functions of its module that it calls."""
    yield from clause.calls
    targets = [target for call in clause.calls if (target := graph.target(call)) is not None]
    for name in graph.reached(targets):
        for inner in graph.functions[name].clauses:
            yield from inner.calls


def _reaches_out(call: Call) -> bool:
    if call.module in _OF_FILES:
        return not call.name.startswith(_READING)
    return _is_one_of(call, _OUTSIDE)


def _is_one_of(call: Call, functions: Mapping[str, frozenset[str]]) -> bool:
    names = functions.get(call.module)
    return names is not None and (not names or call.name in names)
