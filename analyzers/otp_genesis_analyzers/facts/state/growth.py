"""Collections in the state of a server that are only ever added to.

Read out of the syntax: where something is put into a field, and whether anything in the module takes
something out of it, replaces it, or looks at how large it is before it adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.state.clause_reading import (
    ClauseReading,
    all_arguments,
    collections,
    dotted,
    field_of,
    fields_put,
    is_fixed,
)
from otp_genesis_analyzers.facts.state.cuts import Cuts, takes_out
from otp_genesis_analyzers.source import Source, Span

_ADDING_WORDS = (b"|", b"++", b"put", b"update", b"insert", b":queue.in", b":gb_")
"""Without one of these nothing is added in a clause: most are not looked at."""


class Growth(NamedTuple):
    """Something is added to a field; the field "" is the state itself.

    `span` covers the head of the call that adds, or the collection in `[item | collection]`.
    """

    field: str
    span: Span
    node: Node
    function: Function
    clause: Clause


def growths(source: Source, graph: CallGraph) -> Iterator[Growth]:
    """For each field that grows and never shrinks, the first place where it grows.

    Only what runs for messages counts: what `init` builds is there once.
    """
    handlers = [function for function in callbacks(graph.module) if function.name.startswith("handle_")]
    readings = {
        function.id: [ClauseReading(source, function, clause) for clause in function.clauses]
        for function in graph.module.functions
    }
    found: dict[str, Growth] = {}
    for function_id in graph.reached(handlers):
        for reading in readings[function_id]:
            for field, node, place in _added(reading):
                span = Span.of(place)
                found.setdefault(field, Growth(field, span, node, reading.function, reading.clause))
    cuts = [
        Cuts(reading)
        for function in graph.functions.values()
        if function.kind in ("def", "defp") and function.name not in ("init", "terminate")
        for reading in readings[function.id]
    ]
    yield from (growth for field, growth in found.items() if not any(cut.bounds(field) for cut in cuts))


def _added(reading: ClauseReading) -> Iterator[tuple[str, Node, Node]]:
    if not any(word in reading.text for word in _ADDING_WORDS):
        return
    kept = frozenset(_kept(reading))
    for kind, node in reading.nodes:
        if kind not in ("call", "binary_operator"):
            continue
        for collection in collections(node):
            field = field_of(reading, collection)
            if field is not None and _is_kept(reading, node, field, kept):
                yield field, node, (syntax.call_target(node) if kind == "call" else None) or collection
        if field := _put_into_path(reading, node):
            yield field, node, syntax.call_target(node) or node


def _put_into_path(reading: ClauseReading, node: Node) -> str:
    """`jobs` of `put_in(state.jobs[id], job)`, `update_in(state.jobs, f)`, `Map.update!(state, :jobs, f)`."""
    target = syntax.call_target(node) if node.type == "call" else None
    name = syntax.text(target).removeprefix("Map.") if target is not None else ""
    values = all_arguments(node) if name in ("put_in", "update_in", "update", "update!") else []
    if len(values) < 2 or (name.startswith("update") and not _adds_to_argument(values[-1])):
        return ""
    path = values[0]
    if _is_state(reading, path):
        return _first_of_path(values[1], name)
    if path.type == "access_call":
        owner, key = path.child_by_field_name("target"), path.child_by_field_name("key")
        is_one_of_many = name == "put_in" and key is not None and not is_fixed(key)
        return dotted(owner) if is_one_of_many and owner is not None else ""
    return dotted(path) if name == "update_in" else ""


def _is_state(reading: ClauseReading, value: Node) -> bool:
    """`state`, `state |> Map.put(:last, now)`, `counted(state) |> Map.delete(:last)`."""
    while value.type == "binary_operator" and syntax.operator(value) == "|>":
        first = syntax.left(value)
        if first is None:
            return False
        value = first
    parts = syntax.arguments(value) if syntax.local_name(value) else [value]
    return any(part.type == "identifier" and syntax.text(part) in reading.states for part in parts)


def _adds_to_argument(function: Node) -> bool:
    """Not `fn log -> [line | Enum.take(log, 99)] end`, which cuts what it adds to."""
    inner = list(syntax.below(function))
    return not any(map(takes_out, inner)) and any(True for node in inner for _ in collections(node))


def _first_of_path(path: Node, name: str) -> str:
    """`jobs` of `[:jobs, id]` and `:jobs`; what is put under a path that is fixed as a whole replaces it."""
    keys = syntax.children(path) if path.type == "list" else [path]
    if not keys or (name == "put_in" and (len(keys) < 2 or all(map(is_fixed, keys)))):
        return ""
    first = keys[0]
    if first.type == "call" and syntax.text(syntax.call_target(first) or first).startswith("Access.key"):
        first = next(iter(syntax.arguments(first)), first)
    return syntax.text(first).removeprefix(":") if first.type == "atom" else ""


def _is_kept(reading: ClauseReading, node: Node, field: str, kept: frozenset[tuple[str, str]]) -> bool:
    """The grown collection is written back to the field, or returned as the state."""
    inner, holder = node, node.parent
    while holder is not None and holder.end_byte <= reading.body.end_byte:
        if holder.type == "pair":
            key = holder.child_by_field_name("key")
            return bool(field) and key is not None and syntax.keyword_name(key) == field
        if holder.type == "tuple":
            first = syntax.children(holder)[0]
            return not field and syntax.text(first) in (":noreply", ":reply")
        if holder.type == "binary_operator" and syntax.operator(holder) == "=":
            pattern = syntax.left(holder)
            return pattern is not None and (field, syntax.text(pattern)) in kept
        if holder.type == "call" and field in fields_put(holder):
            return True
        if holder.type == "call" and not _passes_through(holder, inner):
            return False
        inner, holder = holder, holder.parent
    return False


def _kept(reading: ClauseReading) -> Iterator[tuple[str, str]]:
    """Each key of a pair with what is put under it; what is returned as the state, under ""."""
    for kind, node in reading.nodes:
        if kind == "pair":
            key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
            if value is not None and key is not None:
                yield syntax.keyword_name(key), syntax.text(value)
        elif kind == "tuple":
            parts = [syntax.text(part) for part in syntax.children(node)]
            if parts[:1] in ([":noreply"], [":reply"]):
                yield from (("", part) for part in parts[1:])


def _passes_through(call: Node, inner: Node) -> bool:
    """A branch of `if` or `case`; a call that is handed the collection makes something else of it."""
    return syntax.local_name(call) in ("if", "unless", "case", "cond", "with") and inner.type in (
        "do_block",
        "arguments",
    )
