"""Collections in the state of a server that are only ever added to.

Read out of the syntax: where something is put into a field, and whether anything in the module takes
something out of it, replaces it, or looks at how large it is before it adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.state.state_shapes import bindings, pairs_of, update_parts
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term

_ADDS_AT: dict[tuple[str, str], tuple[int, int | None]] = {
    ("Map", "put"): (0, 1),
    ("Map", "put_new"): (0, 1),
    ("Map", "put_new_lazy"): (0, 1),
    ("Map", "update"): (0, 1),
    ("MapSet", "put"): (0, None),
    ("List", "insert_at"): (0, None),
    (":queue", "in"): (1, None),
    (":queue", "in_r"): (1, None),
    (":gb_sets", "add"): (1, None),
    (":gb_sets", "add_element"): (1, None),
    (":gb_trees", "insert"): (2, 0),
    (":gb_trees", "enter"): (2, 0),
}
"""At which argument a function takes the collection, and at which its key, if it has one."""
_ADDING_WORDS = (b"|", b"++", b"put", b"update", b"insert", b":queue.in", b":gb_")
"""Without one of these nothing is added in a clause: most are not looked at."""
_SHRINKING = (
    *(
        "cap",
        "clean",
        "clear",
        "collect",
        "compact",
        "delete",
        "dequeue",
        "discard",
        "drain",
        "drop",
        "evict",
    ),
    *("expire", "filter", "flush", "forget", "keep", "limit", "pop", "prune", "purge", "reject", "remove"),
    *(
        "reset",
        "rotate",
        "slice",
        "split",
        "subtract",
        "sweep",
        "take",
        "trim",
        "truncate",
        "uniq",
        "without",
    ),
)
_SHRINKING_WORDS = frozenset(
    {"out", "out_r", "tl", "difference", "hd", "partition", "gc", "release", "max", "bound"}
)
_SIZES = frozenset({"length", "map_size", "size", "count", "len", "tuple_size"})
_BOUNDING_WORDS = tuple(word.encode() for word in ("--", *_SHRINKING, *_SHRINKING_WORDS, *_SIZES))
"""Without one of these no clause takes anything out of the whole state, nor measures it."""
_COMPARES = frozenset({">", ">=", "<", "<=", "==", "!=", "==="})
_BLOCKS = frozenset(
    {"body", "block", "do_block", "else_block", "rescue_block", "catch_block", "after_block", "source"}
)
_LITERALS = frozenset({"atom", "string", "integer", "boolean", "nil", "alias", "charlist", "quoted_atom"})


class Growth(NamedTuple):
    """Something is added to a field; the field "" is the state itself.

    `span` covers the head of the call that adds, or the collection in `[item | collection]`.
    """

    field: str
    span: Span
    node: Node
    function: Function
    clause: Clause


class _Reading(NamedTuple):
    """What the names of one clause stand for."""

    clause: Clause
    body: Node
    fields: Mapping[str, str]
    """Variables that hold a field."""
    states: frozenset[str]
    bound: Mapping[str, Node]


def growths(source: Source, graph: CallGraph) -> Iterator[Growth]:
    """For each field that grows and never shrinks, the first place where it grows.

    Only what runs for messages counts: what `init` builds is there once.
    """
    handlers = [function for function in callbacks(graph.module) if function.name.startswith("handle_")]
    found: dict[str, Growth] = {}
    for function_id in graph.reached(handlers):
        function = graph.functions[function_id]
        for clause in function.clauses:
            if not _may_add(source, clause):
                continue
            for field, node, place in _added(_read(source, function, clause)):
                span = Span(place.start_byte, place.end_byte)
                found.setdefault(field, Growth(field, span, node, function, clause))
    yield from (growth for field, growth in found.items() if not _is_bounded(source, graph, field))


def _is_bounded(source: Source, graph: CallGraph, field: str) -> bool:
    return any(
        _bounds(_read(source, function, clause), field)
        for function in graph.functions.values()
        if function.kind in ("def", "defp") and function.name not in ("init", "terminate")
        for clause in function.clauses
        if _may_bound(source, function, clause, field)
    )


def _may_add(source: Source, clause: Clause) -> bool:
    text = source.content[clause.span.start : clause.span.end]
    return any(word in text for word in _ADDING_WORDS)


def _may_bound(source: Source, function: Function, clause: Clause, field: str) -> bool:
    """The clause names the field, or may hand the whole state to something that takes out of it."""
    text = source.content[clause.span.start : clause.span.end]
    if field and field.encode() in text:
        return True
    may_hold_the_state = not field or function.name.startswith("handle_")
    return may_hold_the_state and any(word in text for word in _BOUNDING_WORDS)


def _read(source: Source, function: Function, clause: Clause) -> _Reading:
    body = source.node_at(clause.span)
    fields = dict(pair for part in clause.head for pair in _fields_in(part))
    bound = bindings(body)
    for name, value in bound.items():
        if field := _dotted(value):
            fields.setdefault(name, field)
    last = clause.head[-1] if clause.head and function.name.startswith("handle_") else None
    return _Reading(clause, body, fields, _whole(last) if last is not None else frozenset(), bound)


def _fields_in(parameter: Term) -> Iterator[tuple[str, str]]:
    """Variables of `%{jobs: jobs}` in a head, with their fields."""
    for part in parameter.items if parameter.kind == "match" else (parameter,):
        if part.kind in ("map", "struct"):
            for key, value in part.pairs:
                if key.kind == "atom" and value.kind == "variable":
                    yield value.value, key.value


def _whole(parameter: Term) -> frozenset[str]:
    parts = parameter.items if parameter.kind == "match" else (parameter,)
    return frozenset(part.value for part in parts if part.kind == "variable")


def _added(reading: _Reading) -> Iterator[tuple[str, Node, Node]]:
    for node in syntax.below(reading.body):
        for collection in _collections(node):
            field = _field_of(reading, collection)
            if field is not None and _is_kept(reading, node, field):
                yield (
                    field,
                    node,
                    syntax.call_target(node) or collection if node.type == "call" else collection,
                )
        if field := _put_into_path(reading, node):
            yield field, node, syntax.call_target(node) or node


def _collections(node: Node) -> Iterator[Node]:
    """What the node adds something to: `events` of `[event | events]`, `jobs` of `Map.put(jobs, id, job)`."""
    if node.type == "binary_operator" and syntax.operator(node) in ("|", "++"):
        in_list = node.parent is not None and node.parent.type == "list"
        if syntax.operator(node) == "++":
            yield from (side for side in (syntax.left(node), syntax.right(node)) if side is not None)
        elif in_list and (tail := syntax.right(node)) is not None:
            yield tail
    elif node.type == "call" and (found := _adding_call(node)) is not None:
        yield found


def _adding_call(node: Node) -> Node | None:
    """The collection that a known function adds to, under a key that isn't fixed."""
    target = syntax.call_target(node)
    module = syntax.left(target) if target is not None and target.type == "dot" else None
    name = syntax.right(target) if target is not None and target.type == "dot" else None
    if module is None or name is None:
        return None
    places = _ADDS_AT.get((syntax.text(module), syntax.text(name)))
    if places is None:
        return None
    values = _values(node)
    at, key_at = places
    if len(values) <= max(at, key_at or 0):
        return None
    return None if key_at is not None and _is_fixed(values[key_at]) else values[at]


def _is_fixed(key: Node) -> bool:
    if key.type == "tuple":
        return all(map(_is_fixed, syntax.children(key)))
    is_module = key.type == "identifier" and syntax.text(key) == "__MODULE__"
    is_attribute = key.type == "unary_operator" and syntax.operator(key) == "@"
    return key.type in _LITERALS or is_module or is_attribute


def _put_into_path(reading: _Reading, node: Node) -> str:
    """`jobs` of `put_in(state.jobs[id], job)`, `update_in(state.jobs, f)`, `Map.update!(state, :jobs, f)`."""
    target = syntax.call_target(node) if node.type == "call" else None
    name = syntax.text(target).removeprefix("Map.") if target is not None else ""
    values = _values(node) if name in ("put_in", "update_in", "update", "update!") else []
    if len(values) < 2 or (name.startswith("update") and not _adds_to_argument(values[-1])):
        return ""
    path = values[0]
    if path.type == "identifier" and syntax.text(path) in reading.states:
        return _first_of_path(values[1], name)
    if path.type == "access_call":
        owner, key = path.child_by_field_name("target"), path.child_by_field_name("key")
        is_one_of_many = name == "put_in" and key is not None and not _is_fixed(key)
        return _dotted(owner) if is_one_of_many and owner is not None else ""
    return _dotted(path) if name == "update_in" else ""


def _adds_to_argument(function: Node) -> bool:
    return any(True for inner in syntax.below(function) for _ in _collections(inner))


def _first_of_path(path: Node, name: str) -> str:
    """`jobs` of `[:jobs, id]` and `:jobs`; what is put under a path that is fixed as a whole replaces it."""
    keys = syntax.children(path) if path.type == "list" else [path]
    if not keys or (name == "put_in" and (len(keys) < 2 or all(map(_is_fixed, keys)))):
        return ""
    first = keys[0]
    if first.type == "call" and syntax.text(syntax.call_target(first) or first).startswith("Access.key"):
        first = next(iter(syntax.arguments(first)), first)
    return syntax.text(first).removeprefix(":") if first.type == "atom" else ""


def _values(call: Node) -> list[Node]:
    """The arguments, what is piped in first."""
    values, parent = syntax.arguments(call), call.parent
    if parent is not None and parent.type == "binary_operator" and syntax.operator(parent) == "|>":
        before = syntax.left(parent)
        if syntax.right(parent) == call and before is not None:
            return [before, *values]
    return values


def _field_of(reading: _Reading, collection: Node) -> str | None:
    """The field that an expression stands for; None for anything else."""
    if field := _dotted(collection):
        return field
    if collection.type != "identifier":
        return None
    name = syntax.text(collection)
    if name in reading.states:
        return ""
    return reading.fields.get(name)


def _dotted(node: Node) -> str:
    """`jobs` of `state.jobs`."""
    target = syntax.call_target(node) if node.type == "call" and not syntax.has_arguments(node) else None
    if target is None or target.type != "dot":
        return ""
    owner, name = syntax.left(target), syntax.right(target)
    return syntax.text(name) if owner is not None and name is not None and owner.type == "identifier" else ""


def _is_kept(reading: _Reading, node: Node, field: str) -> bool:
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
            return pattern is not None and _is_written(reading, syntax.text(pattern), field)
        if holder.type == "call" and field and _puts_field(holder, field):
            return True
        if holder.type == "call" and not _passes_through(holder, inner):
            return False
        inner, holder = holder, holder.parent
    return False


def _is_written(reading: _Reading, name: str, field: str) -> bool:
    """`%{state | events: events}` or `{:noreply, new_state}` somewhere in the clause."""
    for node in syntax.below(reading.body):
        if node.type == "pair" and field:
            key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
            is_value = value is not None and syntax.text(value) == name
            if is_value and key is not None and syntax.keyword_name(key) == field:
                return True
        elif node.type == "tuple" and not field:
            parts = [syntax.text(part) for part in syntax.children(node)]
            if parts[:1] in ([":noreply"], [":reply"]) and name in parts[1:]:
                return True
    return False


def _puts_field(call: Node, field: str) -> bool:
    """`Map.put(state, :events, ...)`."""
    target = syntax.call_target(call)
    name = syntax.text(syntax.right(target) or target) if target is not None and target.type == "dot" else ""
    return name in ("put", "replace", "replace!") and any(
        syntax.text(argument) == f":{field}" for argument in syntax.arguments(call)
    )


def _passes_through(call: Node, inner: Node) -> bool:
    """A branch of `if` or `case`; a call that is handed the collection makes something else of it."""
    return syntax.local_name(call) in ("if", "unless", "case", "cond", "with") and inner.type in (
        "do_block",
        "arguments",
    )


def _bounds(reading: _Reading, field: str) -> bool:
    """Somewhere here the field is cut, replaced, or measured."""
    return any(
        _cuts(reading, node, field) or _replaces(reading, node, field) for node in syntax.below(reading.body)
    )


def _cuts(reading: _Reading, node: Node, field: str) -> bool:
    if node.type == "binary_operator" and syntax.operator(node) == "--":
        return _mentions(reading, _statement(reading, node), field)
    if node.type == "binary_operator" and syntax.operator(node) in _COMPARES:
        return any(
            _called(inner) in _SIZES and _mentions(reading, inner, field) for inner in syntax.below(node)
        )
    name = _called(node)
    words = name.rstrip("?!").split("_")
    if not (any(word.startswith(_SHRINKING) for word in words) or name in _SHRINKING_WORDS):
        return False
    whole = _statement(reading, node)
    return _mentions(reading, whole, field) or _hands_state_on(reading, node)


def _statement(reading: _Reading, node: Node) -> Node:
    """The statement around a node: `update_in(state.jobs, &Map.delete(&1, id))` for the `delete` in it."""
    while node != reading.body and (parent := node.parent) is not None and parent.type not in _BLOCKS:
        node = parent
    return node


def _hands_state_on(reading: _Reading, call: Node) -> bool:
    """`Shop.Log.trim(state)`: the whole state goes to something named for taking things out of it."""
    target = syntax.call_target(call) if call.type == "call" else None
    module = syntax.left(target) if target is not None and target.type == "dot" else None
    if module is None or syntax.text(module) in ("Map", "Keyword", "Enum", "List"):
        return False
    return any(
        inner.type == "identifier" and syntax.text(inner) in reading.states and _is_argument(inner)
        for inner in syntax.below(_statement(reading, call))
    )


def _is_argument(node: Node) -> bool:
    return node.parent is not None and node.parent.type in ("arguments", "binary_operator")


def _called(node: Node) -> str:
    """The name of a function called or captured here."""
    target = syntax.call_target(node) if node.type == "call" else None
    if target is None:
        return ""
    return syntax.text((syntax.right(target) or target) if target.type == "dot" else target)


def _mentions(reading: _Reading, node: Node, field: str) -> bool:
    names = {name for name, of in reading.fields.items() if of == field} | {field}
    if not field:
        names = {"", *reading.states}
    return any(_names(inner, names, field) for inner in syntax.below(node))


def _names(node: Node, names: set[str], field: str) -> bool:
    if node.type == "identifier" and syntax.text(node) in names:
        return bool(field) or _is_argument(node) or node.parent is None or node.parent.type != "dot"
    if not field:
        return False
    if node.type == "atom":
        return syntax.text(node) == f":{field}"
    return node.type == "keyword" and syntax.keyword_name(node) == field


def _replaces(reading: _Reading, node: Node, field: str) -> bool:
    """`%{state | events: []}`: the field gets a value that isn't made by adding to it."""
    if not field:
        return False
    pairs: list[tuple[str, Node]] = []
    if node.type == "map":
        updated, pairs = update_parts(node)
        if updated is None:
            pairs = list(pairs_of(node))
    elif node.type == "call" and _puts_field(node, field):
        pairs = [(field, syntax.arguments(node)[-1])]
    return any(name == field and not _grows(reading, value, field) for name, value in pairs)


def _grows(reading: _Reading, value: Node, field: str, hops: int = 3) -> bool:
    """The value holds all that the field held."""
    if _field_of(reading, value) == field:
        return True
    for node in syntax.below(value):
        if any(_field_of(reading, collection) == field for collection in _collections(node)):
            return True
        if node.type == "identifier" and hops:
            bound = reading.bound.get(syntax.text(node))
            if bound is not None and bound is not value and _grows(reading, bound, field, hops - 1):
                return True
    return False
