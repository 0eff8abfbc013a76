"""ETS tables that are made by whatever process comes by first, and die with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.model import Call, Function
from otp_genesis_analyzers.facts.processes.started_work import Work, started_work, unending_function
from otp_genesis_analyzers.facts.tables.ets_tables import Table, tables
from otp_genesis_analyzers.terms import Term

Maker = Literal[
    "first caller",  # a function makes it where it is not there yet
    "caller",  # a function makes it whenever it is called
    "task",  # a task or a spawned process
]
"""Which process makes a table, and so owns it."""

_LOOKS = frozenset({"whereis", "info", "all"})
_TASKS = ("Task.", "Kernel.spawn", "Process.spawn", ":erlang.spawn")


class MadeTable(NamedTuple):
    """`entries` are the public functions by which other modules come to the maker; none for a task."""

    table: Table
    maker: Maker
    entries: tuple[Function, ...]


def made_tables(
    graph: CallGraph, entries: Iterable[Function], lasting: Iterable[Function]
) -> Iterator[MadeTable]:
    """The named tables that outlive the call which makes them, in functions that any process runs.

    `entries` are the functions by which other processes come into the module; what the functions
    `lasting` run, in a process that lasts, is left out.
    """
    entries = tuple(entries)
    shared = _reached(graph, entries) - _reached(graph, lasting)
    for table in tables(graph.module):
        site = table.site
        # A private table is of use to nobody but the process that makes it.
        is_private = table.access == "private"
        if not table.named or is_private or site.call.form == "capture":
            continue
        if _is_inherited(table) or _is_temporary(graph, table):
            continue
        if site.call.runs != "elsewhere" and site.function.id in shared:
            maker: Maker = "first caller" if _is_ensured(graph, table, shared) else "caller"
            ways = tuple(entry for entry in entries if site.function.id in _reached(graph, [entry]))
            yield MadeTable(table, maker, ways)
        elif any(site.call in work.calls for work in _passing_work(graph)):
            yield MadeTable(table, "task", ())


def _reached(graph: CallGraph, roots: Iterable[Function]) -> frozenset[str]:
    """What runs when a root does, also in a closure whose receiver is not known: of a lock, a transaction."""
    waiting = list(roots)
    found = {root.id for root in waiting}
    for function in waiting:
        for clause in function.clauses:
            for call in clause.calls:
                target = graph.target(call) if call.runs != "elsewhere" else None
                if target is not None and target.id not in found:
                    found.add(target.id)
                    waiting.append(target)
    return frozenset(found)


def _is_inherited(table: Table) -> bool:
    """`{:heir, pid, data}`: another process gets it when its owner ends."""
    options = table.site.call.args[1]
    return any(item.tag == "heir" and len(item.items) == 3 for item in options.items)


def _is_temporary(graph: CallGraph, table: Table) -> bool:
    """Deleted as a whole by the function that makes it."""
    reached = graph.reached([table.site.function])
    return any(
        call.module == ":ets" and call.name == "delete" and call.arity == 1 and _is_of(table, call)
        for name in reached
        for clause in graph.functions[name].clauses
        for call in clause.calls
    )


def _is_of(table: Table, call: Call) -> bool:
    return bool(call.args) and call.args[0] in (table.name, table.site.call.bound_to)


def _is_ensured(graph: CallGraph, table: Table, shared: frozenset[str]) -> bool:
    """Whether it is there is asked first, or the error is caught that is raised when it is."""
    if table.site.call.guarded_by_rescue or _is_made_on_failure(table):
        return True
    maker = table.site.function
    around = [f for f in graph.module.functions if f.id in shared and maker.id in _reached(graph, [f])]
    for function in around:
        for clause in function.clauses:
            for call in clause.calls:
                if call.module == ":ets" and call.name in _LOOKS and _may_ask_for(table.name, call):
                    return True
                if call.guarded_by_rescue and graph.target(call) is maker:
                    return True
    return False


def _is_made_on_failure(table: Table) -> bool:
    """`:ets.insert(:hits, row)`, and in a `rescue` of the same function the table is made."""
    site = table.site
    return any(
        call.module == ":ets" and call.guarded_by_rescue and call.args[:1] == (table.name,)
        for call in site.clause.calls
        if call.span.end <= site.call.span.start
    )


def _may_ask_for(name: Term, call: Call) -> bool:
    return not call.args or call.args[0] == name or call.args[0].kind == "variable" or name.kind == "variable"


def _passing_work(graph: CallGraph) -> Iterator[Work]:
    """What the tasks and spawned processes of a module do that do something and are gone."""
    for site in sites(graph.module):
        if site.call.target.startswith(_TASKS):
            work = started_work(graph, site.clause, site.call)
            lasts = work.receives or any(map(_goes_on, work.calls)) or unending_function(graph, work)
            if not lasts:
                yield work


def _goes_on(call: Call) -> bool:
    return call.name == "sleep" and bool(call.args) and call.args[0].is_atom("infinity")
