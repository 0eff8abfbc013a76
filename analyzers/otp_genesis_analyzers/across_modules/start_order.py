"""What a child needs while it starts, and what it gives to those that are started after it.

A supervisor starts its children one after another and waits for `init/1` of each. So the names and
tables that `init/1` uses must be there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.certain_calls import calls_run_by
from otp_genesis_analyzers.facts.messages.client_api import LOOKUPS, looked_up
from otp_genesis_analyzers.facts.model import Call, Child, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, Kind, kinds
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.facts.tables.ets_tables import is_table_name, tables
from otp_genesis_analyzers.facts.waits.blocking import wait_in
from otp_genesis_analyzers.forest.roles import own_lists
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.terms import Term

_HAS_INIT: frozenset[Kind] = SERVERS | frozenset[Kind](("Supervisor",))
_MAX_DEPTH = 6
"""Over how many supervisors below one another a child is followed."""

_NEED_THE_NAME: dict[str, frozenset[str]] = {
    "GenServer": frozenset({"call"}),
    "GenStage": frozenset({"call", "sync_subscribe"}),
    "GenStateMachine": frozenset({"call"}),
    ":gen_server": frozenset({"call"}),
    ":gen_statem": frozenset({"call"}),
    "Agent": frozenset({"get", "update", "get_and_update"}),
    "Registry": frozenset(
        {"count", "dispatch", "keys", "lookup", "match", "meta", "put_meta", "register", "select"}
        | {"unregister", "update_value", "values"}
    ),
    "DynamicSupervisor": frozenset({"count_children", "start_child", "terminate_child", "which_children"}),
    "Supervisor": frozenset({"count_children", "start_child", "terminate_child", "which_children"}),
    "Task.Supervisor": frozenset({"async", "async_nolink", "async_stream", "children", "start_child"}),
    "Phoenix.PubSub": frozenset({"broadcast", "broadcast!", "broadcast_from", "subscribe", "unsubscribe"}),
}
"""Functions that fail when nobody is registered under their first argument."""
_NEED_THE_TABLE = frozenset(
    {"insert", "insert_new", "lookup", "lookup_element", "member", "update_counter", "update_element", "take"}
    | {"tab2list", "match", "match_object", "select", "first", "last", "foldl", "foldr", "delete_all_objects"}
)
_ASK_WHETHER_IT_IS_THERE = LOOKUPS | {":ets.whereis", ":ets.info"}


class Need(NamedTuple):
    """`name` is what has to be there: `Shop.Repo`, `:cart`, `table :prices`.

    The function `during` of `module` needs it, by the call at `head` in the file at `path`. `certain` is
    false where the call stands in a branch, or behind a choice of clauses.
    """

    name: str
    module: str
    during: str
    path: str
    head: Span
    certain: bool


class _Step(NamedTuple):
    during: str
    path: str
    clause: Clause
    call: Call
    certain: bool


def needs(project: Project, child: Child) -> tuple[Need, ...]:
    """What the start of a child, and of all children below it, uses by name; each name once a module."""
    found: dict[tuple[str, str], Need] = {}
    for module in _started_with(project, child, _MAX_DEPTH):
        for need in _needs_of(project, module):
            found.setdefault((need.name, need.module), need)
    return tuple(found.values())


def gives(project: Project, child: Child) -> frozenset[str]:
    """The names and tables that are there when a child has been started, those below it included."""
    found = {child.name, child.module} - {""}
    for module in _started_with(project, child, _MAX_DEPTH):
        found.add(module.name)
        found |= {constant_name(name) for name in registered_names(module)} - {""}
        found |= {_table(table.name) for table in tables(module) if table.named and is_table_name(table.name)}
        for children in own_lists(module):
            found |= {inner.name for inner in children.children} - {""}
    return frozenset(found)


def user_and_giver(project: Project, children: tuple[Child, ...]) -> Iterator[tuple[int, int, Need]]:
    """The positions of two children of a list, and what the first needs and only the later one gives."""
    given = [gives(project, child) for child in children]
    for position, child in enumerate(children):
        before = frozenset[str]().union(*given[: position + 1])
        seen: set[int] = set()
        for need in () if child.conditional else needs(project, child):
            later = next((at for at in range(position + 1, len(children)) if need.name in given[at]), None)
            if later is None or later in seen or need.name in before or children[later].conditional:
                continue
            seen.add(later)
            yield position, later, need


def _started_with(project: Project, child: Child, depth: int) -> Iterator[Module]:
    """The modules of the project whose processes run when the start of a child is over."""
    entry = project.application_modules.get(child.module)
    if entry is None or depth == 0 or child.conditional:
        return
    yield entry.module
    for children in own_lists(entry.module):
        for inner in children.children:
            yield from _started_with(project, inner, depth - 1)


def _needs_of(project: Project, module: Module) -> Iterator[Need]:
    path = project.application_modules[module.name].path
    graph = call_graph(module)
    for step in (*_at_start(graph, path), *_in_own_name(graph, path)):
        if step.call.guarded_by_rescue or _is_asked_for_first(step):
            continue
        yield from _needs_at(module.name, step)
        if step.call.module not in ("", module.name):
            for behind in _behind(project, step):
                yield from _needs_at(module.name, behind)


def _is_asked_for_first(step: _Step) -> bool:
    """It stands in a branch behind a question whether the name or table is there."""
    return bool(step.call.branch) and any(
        f"{call.module}.{call.name}" in _ASK_WHETHER_IT_IS_THERE and call.head.start < step.call.head.start
        for call in step.clause.calls
    )


def _needs_at(module: str, step: _Step) -> Iterator[Need]:
    name = _needed_name(step.call)
    if name:
        yield Need(name, module, step.during, step.path, step.call.head, step.certain)


def _at_start(graph: CallGraph, path: str) -> Iterator[_Step]:
    """The calls that run before the process counts as started: in `init/1`, in the function of an agent."""
    init = graph.named("init/1")
    if init is not None and init.public and kinds(graph.module) & _HAS_INIT:
        yield from _run_by(graph, init, path)
    for function in graph.module.functions:
        for clause in function.clauses:
            for call in clause.calls:
                receiver = clause.closures[call.closure].receiver if call.closure >= 0 else ""
                if receiver.startswith("Agent.start_link/"):
                    yield _Step(function.id, path, clause, call, not call.branch)


def _run_by(graph: CallGraph, root: Function, path: str) -> Iterator[_Step]:
    for run in calls_run_by(graph, root):
        yield _Step(root.id, path, run.clause, run.call, run.certain)


def _in_own_name(graph: CallGraph, path: str) -> Iterator[_Step]:
    """The start of a server whose name is kept in a Registry."""
    for function in graph.module.functions:
        if function.name == "start_link":
            for clause in function.clauses:
                for call in clause.calls:
                    start = start_of(call)
                    if start is not None and start.name is not None and _registry(start.name):
                        yield _Step(function.id, path, clause, call, not call.branch)


def _behind(project: Project, step: _Step) -> Iterator[_Step]:
    """The calls that run in a function of another module that is called."""
    callee = project.callee(step.call)
    if callee is None:
        return
    entry, function = callee
    for inner in _run_by(call_graph(entry.module), function, entry.path):
        if not inner.call.guarded_by_rescue:
            yield inner._replace(during=step.during, certain=inner.certain and step.certain)


def _needed_name(call: Call) -> str:
    if call.name in _NEED_THE_NAME.get(call.module, ()) and call.args:
        return constant_name(looked_up(call.args[0])) or _registry(call.args[0])
    if call.module == ":ets" and call.name in _NEED_THE_TABLE and call.args and is_table_name(call.args[0]):
        return _table(call.args[0])
    start = start_of(call)
    if start is not None and start.name is not None:
        return _registry(start.name)
    wait = wait_in(call)
    return call.module if wait is not None and wait.kind == "query" else ""


def _registry(name: Term) -> str:
    """The Registry of `{:via, Registry, {Shop.Names, key}}`; empty for any other name."""
    if name.tag != "via" or len(name.items) != 3 or name.items[1].value != "Registry":
        return ""
    key = name.items[2]
    return constant_name(key.items[0]) if key.kind == "tuple" and key.items else ""


def _table(name: Term) -> str:
    return f"table {constant_name(name)}"
