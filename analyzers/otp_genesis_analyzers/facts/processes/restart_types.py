"""Where code says when a process is to be started again, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Child, ChildList, Clause, Module
from otp_genesis_analyzers.facts.processes.lasting_work import may_last, work_within
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.facts.processes.started_work import Work, started_work
from otp_genesis_analyzers.facts.state.server_returns import stops_itself
from otp_genesis_analyzers.source import Source, Span

Mismatch = Literal[
    "ends",  # a permanent task that comes to an end: it is started again and again
    "stays away",  # a temporary server with a name: after a crash nobody answers to it
    "does not start",  # a significant child of a supervisor that never shuts down by itself
]

_SERVER_USES = frozenset({"GenServer", "GenStage", "Agent"})


class RestartMismatch(NamedTuple):
    """`span` covers the atom that is wrong, or the child where none is written.

    `written` says whether there is such an atom.
    """

    kind: Mismatch
    span: Span
    written: bool = True


def declared_mismatches(source: Source, graph: CallGraph) -> Iterator[RestartMismatch]:
    """What `use Task, restart: ...` and `use GenServer, restart: ...` say, seen from the module alone."""
    module = graph.module
    if module.function("child_spec", 1) is not None:
        return
    for use in module.uses:
        options = use.options
        restart = options.get("restart") if options is not None and options.kind == "list" else None
        value = _value_of(source.node_at(use.span), "restart") if restart is not None else None
        if restart is None or value is None:
            continue
        if use.module == "Task" and restart.is_atom("permanent"):
            work = _work_of_task(graph)
            if work is not None and not may_last(graph, work):
                yield RestartMismatch("ends", Span.of(value))
        elif use.module in _SERVER_USES and restart.is_atom("temporary") and _is_to_stay(source, module):
            yield RestartMismatch("stays away", Span.of(value))


def _is_to_stay(source: Source, module: Module) -> bool:
    """It goes by a name and never ends its own life; one that may say `:ignore` is a step of the start."""
    return (
        bool(registered_names(module))
        and not stops_itself(source, module)
        and not _is_ignored(source, module)
    )


def listed_mismatches(source: Source, graph: CallGraph, children: ChildList) -> Iterator[RestartMismatch]:
    """What the entries of a supervisor's list say of tasks, and of their being significant."""
    for child in children.children:
        node = source.node_at(child.span)
        significant = _value_of(node, "significant")
        if significant is not None and syntax.text(significant) == "true" and _never_shuts_down(children):
            yield RestartMismatch("does not start", Span.of(significant))
        written = child.start.startswith("Task.start_link/") and not child.restart
        if child.module == "Task" and (child.restart == "permanent" or written):
            work = _work_of_child(graph, child)
            if work is not None and not may_last(graph, work):
                value = _value_of(node, "restart")
                yield RestartMismatch("ends", Span.of(value or _task_named_in(node)), value is not None)


def _never_shuts_down(children: ChildList) -> bool:
    """Its options are all in sight, and `auto_shutdown:` is none of them."""
    options = children.options
    return options is not None and options.kind == "list" and options.get("auto_shutdown") is None


def work_behind(graph: CallGraph, span: Span) -> Work | None:
    """The work of the task whose restart a mismatch at `span` is about."""
    children = (child for listing in graph.module.child_lists for child in listing.children)
    child = next((child for child in children if child.span.contains(span)), None)
    return _work_of_task(graph) if child is None else _work_of_child(graph, child)


def _work_of_child(graph: CallGraph, child: Child) -> Work | None:
    clause = _clause_around(graph.module, child.span)
    return work_within(graph, clause, child.span) if clause is not None else None


def _work_of_task(graph: CallGraph) -> Work | None:
    """What the process runs that `start_link` starts, in the form that the generated `child_spec/1` wants."""
    for function in graph.module.functions:
        if function.name == "start_link":
            for clause in function.clauses:
                for call in clause.calls:
                    if call.is_to("Task", "start_link"):
                        return started_work(graph, clause, call)
    return None


def _is_ignored(source: Source, module: Module) -> bool:
    """Its `init/1` or `start_link` may say `:ignore`."""
    return any(
        node.type == "atom" and syntax.text(node) == ":ignore"
        for function in module.functions
        if function.name in ("init", "start_link")
        for clause in function.clauses
        if clause.body is not None
        for node in syntax.below(source.node_at(clause.body))
    )


def _value_of(node: Node, key: str) -> Node | None:
    for inner in syntax.below(node):
        if inner.type == "pair":
            name, value = inner.child_by_field_name("key"), inner.child_by_field_name("value")
            if name is not None and value is not None and syntax.keyword_name(name) == key:
                return value
    return None


def _task_named_in(node: Node) -> Node:
    return next((inner for inner in syntax.below(node) if inner.type == "alias"), node)


def _clause_around(module: Module, span: Span) -> Clause | None:
    for function in module.functions:
        for clause in function.clauses:
            if function.kind != "body" and clause.span.contains(span):
                return clause
    return None
