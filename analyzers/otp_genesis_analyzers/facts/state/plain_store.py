"""Processes that do nothing but keep a map: values are put in and got out, by whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Clause, Closure, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.terms import Term

_COLLECTIONS = frozenset({"Map", "MapSet", "Keyword", "List", "Enum", "Access"})
_PLAIN_FUNCTIONS = frozenset(
    {"put_in", "get_in", "update_in", "pop_in", "map_size", "length", "is_nil", "is_map", "hd", "tl", "elem"}
    | {"max", "min", "inspect", "to_string", "is_map_key", "is_list", "not"}
)
_WRITES = frozenset(
    {"put", "put_new", "put_new_lazy", "update", "update!", "delete", "merge", "drop", "replace", "pop"}
    | {"put_in", "update_in", "pop_in"}
)
_STORING_CALLBACKS = frozenset({"init/1", "handle_call/3", "handle_cast/2"})
_AGENT_CALLS = frozenset({"get", "update", "get_and_update", "cast"})


def is_plain_server(graph: CallGraph) -> bool:
    """A GenServer whose callbacks only put into a collection and read from it."""
    own = callbacks(graph.module)
    names = {function.id for function in own}
    if "handle_call/3" not in names or not names <= _STORING_CALLBACKS:
        return False
    reached = graph.reached(own)
    clauses = [clause for name in reached for clause in graph.functions[name].clauses]
    if any(clause.receives for clause in clauses):
        return False
    return _only_stores(graph, [call for clause in clauses for call in clause.calls])


def agent_requests(module: Module, name: Term) -> Iterator[tuple[Clause, Call]]:
    """The calls by which a module asks the agent of this name."""
    for function in module.functions:
        for clause in function.clauses:
            for call in clause.calls:
                if call.is_to("Agent", *_AGENT_CALLS) and call.args and call.args[0] == name:
                    yield clause, call


def is_plain_agent(requests: Iterable[tuple[CallGraph, Clause, Call]]) -> bool:
    """All that the agent is asked to run puts into a collection or reads from it."""
    run: list[tuple[CallGraph, Call]] = []
    for graph, clause, call in requests:
        closures = _given_to(clause, call)
        run += [(graph, inner) for inner in clause.calls if inner.closure in closures]
        named = any(term.kind == "module" and term.value in _COLLECTIONS for term in call.args[1:2])
        if not closures and not named:
            return False
    return all(_is_plain(graph, call) for graph, call in run)


def _given_to(clause: Clause, call: Call) -> frozenset[int]:
    """The function that an agent is given, and those inside it."""
    found: set[int] = set()
    for index, closure in enumerate(clause.closures):
        if closure.parent in found or (_is_of(closure, call) and call.span.contains(closure.span)):
            found.add(index)
    return frozenset(found)


def _is_of(closure: Closure, call: Call) -> bool:
    return closure.receiver == call.target


def _only_stores(graph: CallGraph, calls: list[Call]) -> bool:
    return all(_is_plain(graph, call) for call in calls) and any(call.name in _WRITES for call in calls)


def _is_plain(graph: CallGraph, call: Call) -> bool:
    if call.module in _COLLECTIONS or graph.target(call) is not None:
        return True
    return call.module in ("", "Kernel") and call.name in _PLAIN_FUNCTIONS | {"then", "tap"}
