"""Writes of `:persistent_term` while the application runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.one_process import client_side
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.clause_results import statements
from otp_genesis_analyzers.facts.calls.provenance import variables_in
from otp_genesis_analyzers.facts.calls.results import kept_variables
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.calls.value_flow import Flow, flow_of
from otp_genesis_analyzers.facts.model import Call, Function
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_LITERAL = frozenset({"atom", "int", "float", "string", "module"})
_CLOCKS = frozenset(
    {"monotonic_time", "system_time", "os_time", "utc_now", "now", "timestamp", "unique_integer"}
)
_UNLIKE_ALL_OTHERS = frozenset(
    {"strong_rand_bytes", "make_ref", "unique_integer", "generate_key"}
    | {("counters", "new"), ("atomics", "new"), ("ets", "new"), ("UUID", "generate"), ("UUID", "uuid4")}
)
"""What gives another value each time: functions by their name, or with the last part of their module."""
_REQUESTS = frozenset({"handle_call/3", "handle_cast/2"})


class Write(NamedTuple):
    """A write; `read` is where its value comes from, when that is the same term.

    `moment`: the value holds the time, so that each write changes it. `request`: it is made for requests
    of a server. `passing`: the function takes it away again. `own`: nothing was there, and each process that
    sees so makes another value.
    """

    kind: Literal["update", "request", "moment", "passing", "own"]
    site: Site
    read: Call | None = None


def hot_writes(source: Source, graph: CallGraph) -> Iterator[Write]:
    """What is written again and again; not a first value, a fixed one, or what is written at the start."""
    puts = [
        site for site in sites(graph.module) if site.call.is_to(":persistent_term", "put") and site.call.args
    ]
    puts = [site for site in puts if site.call.form == "call" and site.call.arity == 2]
    if not puts:
        return
    shared, asked = client_side(graph), _for_requests(graph)
    updated: set[Call] = set()
    for site in puts:
        read = _read_before(source, graph, site) if site.function.id in shared | asked else None
        if read is not None:
            if read not in updated:
                updated.add(read)
                yield Write("update", site, read)
        elif _is_erased(site):
            yield Write("passing", site)
        elif site.function.id in shared and _makes_its_own(source, site):
            yield Write("own", site)
        elif not _is_fixed(site.call.args[1]) and site.call.runs == "here":
            if site.function.id in asked and not _looks_first(site):
                yield Write("request", site)
            elif site.function.id in shared and _holds_moment(site.call.args[1]):
                yield Write("moment", site)


def _is_erased(site: Site) -> bool:
    return any(
        call.is_to(":persistent_term", "erase")
        and call.args[:1] == site.call.args[:1]
        and call.head.start > site.call.span.end
        for call in site.clause.calls
    )


def _makes_its_own(source: Source, site: Site) -> bool:
    """A branch behind the read of the term, which writes a key, a counter, a table that it makes there."""
    if not site.call.branch or not _looks_first(site):
        return False
    written = syntax.arguments(source.node_at(site.call.span))[-1:]
    names = {syntax.text(name) for node in written for name in variables_in(node)}
    return any(
        site.call.span.contains(call.span) or names.intersection(kept_variables(call))
        for call in site.clause.calls
        if call.branch == site.call.branch and _is_unlike_all_others(call)
    )


def _is_unlike_all_others(call: Call) -> bool:
    last_part = call.module.removeprefix(":").rpartition(".")[2]
    return not _UNLIKE_ALL_OTHERS.isdisjoint({call.name, (last_part, call.name)})


def _for_requests(graph: CallGraph) -> frozenset[str]:
    return frozenset(graph.reached(function for function in callbacks(graph.module) if _answers(function)))


def _answers(function: Function) -> bool:
    return function.id in _REQUESTS


def _looks_first(site: Site) -> bool:
    """It asks for the term before it writes, and so replaces it only when that is another one."""
    return any(
        _reads(call, site.call.args[0]) and call.span.end <= site.call.span.start
        for call in site.clause.calls
    )


def _reads(call: Call, key: Term) -> bool:
    return call.is_to(":persistent_term", "get") and call.args[:1] == (key,)


def _is_getter(source: Source, graph: CallGraph, call: Call, key: Term) -> bool:
    """A function of the module that is one expression, which reads this fixed key."""
    target = graph.target(call)
    if target is None or any(part.kind == "variable" for part in key.walk()):
        return False
    return all(
        len(statements(source, clause)) == 1 and any(_reads(inner, key) for inner in clause.calls)
        for clause in target.clauses
    )


def _read_before(source: Source, graph: CallGraph, site: Site) -> Call | None:
    """The read of the same key whose result the written value is made of; perhaps through a function."""
    definition = source.node_at(site.clause.span)
    written = syntax.arguments(source.node_at(site.call.span))[-1:]
    key = site.call.args[0]
    names = frozenset(part.value for part in key.walk() if part.kind == "variable")
    for call in site.clause.calls:
        if not _reads(call, key) and not _is_getter(source, graph, call, key):
            continue
        if site.call.span.contains(call.span):
            return call
        if call.span.end <= site.call.span.start:
            read = source.node_at(call.span)
            flow = flow_of(definition, read)
            if any(_is_made_of(definition, flow, read, node, names) for node in written):
                return call
    return None


def _is_made_of(definition: Node, flow: Flow, read: Node, value: Node, besides: frozenset[str]) -> bool:
    """Some variable in the value holds what was read; one that was bound to something else since doesn't."""
    for name in syntax.below(value):
        if name.type != "identifier" or not flow.reaches(name, besides=besides):
            continue
        bound = _last_bound(definition, syntax.text(name), value)
        if bound is None or bound.start_byte <= read.start_byte < bound.end_byte or flow.reaches(bound):
            return True
    return False


def _last_bound(definition: Node, name: str, place: Node) -> Node | None:
    """What the variable was bound to last, by a match whose block `place` stands in."""
    found: Node | None = None
    for node in syntax.below(definition):
        if node.type != "binary_operator" or syntax.operator(node) != "=" or node.end_byte > place.start_byte:
            continue
        pattern, block = syntax.left(node), node.parent
        is_open = block is not None and block.end_byte >= place.end_byte
        names = (
            (inner for inner in syntax.below(pattern) if inner.type == "identifier")
            if pattern is not None
            else ()
        )
        if is_open and any(syntax.text(inner) == name for inner in names):
            found = syntax.right(node)
    return found


def _is_fixed(value: Term) -> bool:
    return value.kind in _LITERAL


def _holds_moment(value: Term) -> bool:
    return any(part.kind == "call" and part.value.rpartition(".")[2] in _CLOCKS for part in value.walk())
