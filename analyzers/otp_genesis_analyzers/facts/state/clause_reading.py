"""What the names of one clause stand for, and which collections it adds to: fields of the state, mostly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.facts.state.state_shapes import bindings
from otp_genesis_analyzers.source import Source
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
_STATE_NAMES = frozenset({"state", "new_state"})
_LITERALS = frozenset({"atom", "string", "integer", "boolean", "nil", "alias", "charlist", "quoted_atom"})


@dataclass(frozen=True)
class ClauseReading:
    """One clause. What is read of it is read once, however many fields are asked after."""

    source: Source
    function: Function
    clause: Clause

    @cached_property
    def text(self) -> bytes:
        return self.source.content[self.clause.span.start : self.clause.span.end]

    @cached_property
    def body(self) -> Node:
        return self.source.node_at(self.clause.span)

    @cached_property
    def nodes(self) -> list[tuple[str, Node]]:
        """Every node with its type."""
        return [(node.type, node) for node in syntax.below(self.body)]

    @cached_property
    def bound(self) -> Mapping[str, Node]:
        return bindings(self.body)

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """Variables that hold a field."""
        fields = dict(pair for part in self.clause.head for pair in _fields_in(part))
        for name, value in self.bound.items():
            if field := dotted(value):
                fields.setdefault(name, field)
        return fields

    @cached_property
    def states(self) -> frozenset[str]:
        """Variables that hold the whole state: the last of a callback, what a helper calls so."""
        if not self.clause.head:
            return frozenset()
        if self.function.name.startswith("handle_"):
            return _whole(self.clause.head[-1])
        names = frozenset[str]().union(*(_whole(parameter) for parameter in self.clause.head))
        return names & _STATE_NAMES


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


def field_of(reading: ClauseReading, collection: Node) -> str | None:
    """The field that an expression stands for; None for anything else."""
    if field := dotted(collection):
        return field
    if collection.type != "identifier":
        return None
    name = syntax.text(collection)
    if name in reading.states:
        return ""
    return reading.fields.get(name)


def dotted(node: Node) -> str:
    """`jobs` of `state.jobs`."""
    target = syntax.call_target(node) if node.type == "call" and not syntax.has_arguments(node) else None
    if target is None or target.type != "dot":
        return ""
    owner, name = syntax.left(target), syntax.right(target)
    return syntax.text(name) if owner is not None and name is not None and owner.type == "identifier" else ""


def collections(node: Node) -> Iterator[Node]:
    """What the node adds something to: `events` of `[event | events]`, `jobs` of `Map.put(jobs, id, job)`."""
    operator = syntax.operator(node) if node.type == "binary_operator" else ""
    if operator == "++":
        yield from (side for side in (syntax.left(node), syntax.right(node)) if side is not None)
    elif operator == "|":
        tail = syntax.right(node)
        # The parent is asked for last: that takes as long as the node is deep.
        if (
            tail is not None
            and tail.type != "list"
            and node.parent is not None
            and node.parent.type == "list"
        ):
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
    values = all_arguments(node)
    at, key_at = places
    if len(values) <= max(at, key_at or 0):
        return None
    return None if key_at is not None and is_fixed(values[key_at]) else values[at]


def is_fixed(key: Node) -> bool:
    if key.type == "tuple":
        return all(map(is_fixed, syntax.children(key)))
    is_module = key.type == "identifier" and syntax.text(key) == "__MODULE__"
    is_attribute = key.type == "unary_operator" and syntax.operator(key) == "@"
    return key.type in _LITERALS or is_module or is_attribute


def all_arguments(call: Node) -> list[Node]:
    """The arguments, what is piped in first."""
    values, parent = syntax.arguments(call), call.parent
    if parent is not None and parent.type == "binary_operator" and syntax.operator(parent) == "|>":
        before = syntax.left(parent)
        if syntax.right(parent) == call and before is not None:
            return [before, *values]
    return values


def fields_put(call: Node) -> tuple[str, ...]:
    """`Map.put(state, :events, ...)`."""
    target = syntax.call_target(call)
    name = syntax.text(syntax.right(target) or target) if target is not None and target.type == "dot" else ""
    if name not in ("put", "replace", "replace!"):
        return ()
    return tuple(syntax.text(key)[1:] for key in syntax.arguments(call) if key.type == "atom")
