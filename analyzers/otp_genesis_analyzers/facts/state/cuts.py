"""Where a clause takes something out of a field of the state, replaces it, or looks at how large it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.state.clause_reading import ClauseReading, collections, field_of, fields_put
from otp_genesis_analyzers.facts.state.state_shapes import pairs_of, update_parts

_SHRINKING = (
    *("cap", "clean", "clear", "collect", "compact", "delete", "dequeue", "discard", "drain", "drop"),
    *("evict", "expire", "filter", "flush", "forget", "keep", "limit", "pop", "prune", "purge", "reject"),
    *("remove", "reset", "rotate", "slice", "split", "subtract", "sweep", "take", "trim", "truncate"),
    *("uniq", "without"),
)
"""What the words of a name begin with that takes something out."""
_LIMITING = ("bound", "cap", "full", "keep", "limit", "max", "reach", "trim")
"""What the words of a question begin with that asks how large something is; other questions take nothing."""
_SHRINKING_WORDS = frozenset(
    {"out", "out_r", "tl", "difference", "hd", "partition", "gc", "release", "max", "bound"}
)
_SIZES = frozenset({"length", "map_size", "size", "count", "len", "tuple_size"})
_BOUNDING_WORDS = tuple(word.encode() for word in ("--", *_SHRINKING, *_SHRINKING_WORDS, *_SIZES))
"""Without one of these no clause takes anything out of the whole state, nor measures it."""
_HOPS = 3
"""Variables by way of which a value is followed."""
_COMPARES = frozenset({">", ">=", "<", "<=", "==", "!=", "==="})
_MAP_CONTENTS = frozenset({"map_content", "binary_operator"})
_BLOCKS = frozenset(
    {"body", "block", "do_block", "else_block", "rescue_block", "catch_block", "after_block", "source"}
)


@dataclass(frozen=True)
class Cuts:
    """What one clause does to keep collections small, read once for whatever field is asked after."""

    reading: ClauseReading

    def bounds(self, field: str) -> bool:
        """Somewhere here the field is cut, replaced, or measured; the field "" is the state itself."""
        if not field and any(map(_is_emptied, self.reading.nodes)):
            return True
        if not self._may_bound(field):
            return False
        return any(_is_cut(self.reading, cut, field) for cut in self._cuts) or any(
            not self._grows(value, field) for value in self._replaced.get(field, ())
        )

    def _may_bound(self, field: str) -> bool:
        """The clause names the field, or may hand the whole state to something that takes out of it."""
        if field and field.encode() in self.reading.text:
            return True
        may_hold_the_state = not field or self.reading.function.name.startswith("handle_")
        return may_hold_the_state and self._speaks_of_it

    @cached_property
    def _speaks_of_it(self) -> bool:
        return any(word in self.reading.text for word in _BOUNDING_WORDS)

    @cached_property
    def _cuts(self) -> tuple[_Cut, ...]:
        return tuple(_cuts(self.reading))

    @cached_property
    def _replaced(self) -> Mapping[str, list[Node]]:
        return _replaced(self.reading)

    def _grows(self, value: Node, field: str) -> bool:
        """The value holds all that the field held, perhaps by way of a few variables."""
        seen: set[int] = set()
        values = [value]
        for _ in range(_HOPS + 1):
            read = [self._contents_of(value) for value in values]
            if any(field in contents.fields for contents in read):
                return True
            seen.update(value.id for value in values)
            names = {name for contents in read for name in contents.variables}
            bound = [self.reading.bound[name] for name in names if name in self.reading.bound]
            values = list({one.id: one for one in bound if one.id not in seen}.values())
        return False

    def _contents_of(self, value: Node) -> _Contents:
        if value.id not in self._contents:
            self._contents[value.id] = _contents(self.reading, value)
        return self._contents[value.id]

    @cached_property
    def _contents(self) -> dict[int, _Contents]:
        return {}


class _Named(NamedTuple):
    """What is named in a statement."""

    variables: frozenset[str]
    plain: frozenset[str]
    """The variables that stand for themselves, not in front of a dot."""
    handed: frozenset[str]
    """The variables that are an argument or an operand."""
    keys: frozenset[str]
    """Atoms and keywords."""


class _Cut(NamedTuple):
    named: _Named
    """In the whole statement."""
    keys: frozenset[str] = frozenset()
    """The keys of the maps in which it stands: what is cut there goes to these fields alone."""
    hands_state_on: bool = False
    """The whole state goes to what takes something out of it."""


class _Contents(NamedTuple):
    """An expression: the fields that it is, or adds to, and the variables in it."""

    fields: frozenset[str]
    variables: frozenset[str]


def _is_cut(reading: ClauseReading, cut: _Cut, field: str) -> bool:
    named = cut.named
    if field and cut.keys and field not in cut.keys:
        return False
    if cut.hands_state_on:
        return True
    if not field:
        return not named.plain.isdisjoint(reading.states)
    if field in named.variables or field in named.keys:
        return True
    return any(of == field and name in named.variables for name, of in reading.fields.items())


def _is_emptied(reading: tuple[str, Node]) -> bool:
    """`{:reply, state, %{}}`, `{:noreply, []}`: the server begins again with nothing."""
    kind, node = reading
    parts = syntax.children(node) if kind == "tuple" else []
    if len(parts) < 2 or syntax.text(parts[0]) not in (":noreply", ":reply"):
        return False
    return syntax.text(parts[-1]) in ("%{}", "[]")


def _cuts(reading: ClauseReading) -> Iterator[_Cut]:
    known: dict[int, _Named] = {}
    measured_to = 0
    head = reading.clause.name_span
    for kind, node in reading.nodes:
        if node.start_byte == head.start:
            continue  # how the function is called itself: what it takes out stands in its body
        operator = syntax.operator(node) if kind == "binary_operator" else ""
        if operator in _COMPARES and node.end_byte > measured_to:
            measured_to = node.end_byte
            yield from (_Cut(_named_in(inner)) for inner in syntax.below(node) if _called(inner) in _SIZES)
        elif (operator == "--" or kind == "call") and takes_out(node):
            holders = _holders(reading, node)
            if any(map(_only_answers, holders, holders[1:])):
                continue
            whole, asked = holders[-1], _functions_given(node)
            if asked or whole.id not in known:
                known[whole.id] = _named_in(whole, asked)
            named = known.pop(whole.id) if asked else known[whole.id]
            hands_on = kind == "call" and _hands_state_on(reading, node, named.handed)
            yield _Cut(named, _map_keys(holders), hands_on)


def takes_out(node: Node) -> bool:
    """`--`, or a call of something that is named for taking things out."""
    if node.type == "binary_operator":
        return syntax.operator(node) == "--"
    return node.type == "call" and _shrinks(_called(node))


def _shrinks(name: str) -> bool:
    words = name.rstrip("?!").split("_")
    if name.endswith("?"):
        return any(word.startswith(_LIMITING) for word in words)
    return name in _SHRINKING_WORDS or any(word.startswith(_SHRINKING) for word in words)


def _holders(reading: ClauseReading, node: Node) -> list[Node]:
    """The node and what it stands in, up to its statement.

    That is `update_in(state.jobs, &Map.delete(&1, id))` for the `delete` in it.
    """
    holders = [node]
    while node != reading.body and (parent := node.parent) is not None and parent.type not in _BLOCKS:
        node = parent
        holders.append(node)
    return holders


def _only_answers(value: Node, holder: Node) -> bool:
    """The answer of `{:reply, Enum.take(state.log, 5), state}`: the state keeps all of it."""
    parts = syntax.children(holder) if holder.type == "tuple" else []
    return len(parts) > 2 and syntax.text(parts[0]) == ":reply" and parts[1] == value


def _map_keys(holders: list[Node]) -> frozenset[str]:
    """`recent` for `Enum.take(state.log, 5)` in `%{recent: Enum.take(state.log, 5)}`."""
    keys = (
        pair.child_by_field_name("key")
        for pair, keywords, content in zip(holders, holders[1:], holders[2:], strict=False)
        if pair.type == "pair" and keywords.type == "keywords" and content.type in _MAP_CONTENTS
    )
    return frozenset(syntax.keyword_name(key) for key in keys if key is not None)


def _functions_given(call: Node) -> tuple[Node, ...]:
    """What is asked of each element (`&MapSet.member?(state.gone, &1)`) is not what is taken from."""
    target = syntax.call_target(call) if call.type == "call" else None
    module = syntax.left(target) if target is not None and target.type == "dot" else None
    if module is None or syntax.text(module) not in ("Enum", "Stream", "Map", "Keyword", "MapSet", "List"):
        return ()
    given = syntax.arguments(call)
    return tuple(one for one in given if one.type == "anonymous_function" or syntax.operator(one) == "&")


def _hands_state_on(reading: ClauseReading, call: Node, handed: frozenset[str]) -> bool:
    """`Shop.Log.trim(state)`: the whole state goes to something named for taking things out of it."""
    target = syntax.call_target(call)
    module = syntax.left(target) if target is not None and target.type == "dot" else None
    if module is None or syntax.text(module) in ("Map", "Keyword", "Enum", "List"):
        return False
    return not handed.isdisjoint(reading.states)


def _called(node: Node) -> str:
    """The name of a function called or captured here."""
    target = syntax.call_target(node) if node.type == "call" else None
    if target is None:
        return ""
    return syntax.text((syntax.right(target) or target) if target.type == "dot" else target)


def _named_in(whole: Node, without: tuple[Node, ...] = ()) -> _Named:
    variables: set[str] = set()
    plain: set[str] = set()
    handed: set[str] = set()
    keys: set[str] = set()
    stack = [(whole, "")]
    while stack:
        node, holder = stack.pop()
        if node in without:
            continue
        kind = node.type
        if kind == "identifier":
            name = syntax.text(node)
            variables.add(name)
            if holder != "dot":
                plain.add(name)
            if holder in ("arguments", "binary_operator"):
                handed.add(name)
        elif kind == "atom":
            keys.add(syntax.text(node).removeprefix(":"))
        elif kind == "keyword":
            keys.add(syntax.keyword_name(node))
        else:
            stack.extend((child, kind) for child in node.named_children)
    return _Named(frozenset(variables), frozenset(plain), frozenset(handed), frozenset(keys))


def _replaced(reading: ClauseReading) -> dict[str, list[Node]]:
    """`%{state | events: []}`, `Map.put(state, :events, [])`: what each field gets for a value."""
    found: dict[str, list[Node]] = {}
    for kind, node in reading.nodes:
        pairs: list[tuple[str, Node]] = []
        if kind == "map":
            updated, pairs = update_parts(node)
            if updated is None:
                pairs = list(pairs_of(node))
        elif kind == "call" and (fields := fields_put(node)):
            value = syntax.arguments(node)[-1]
            pairs = [(field, value) for field in fields]
        for field, value in pairs:
            if field:
                found.setdefault(field, []).append(value)
    return found


def _contents(reading: ClauseReading, value: Node) -> _Contents:
    fields = {field_of(reading, value)}
    variables: set[str] = set()
    for node in syntax.below(value):
        if node.type == "identifier":
            variables.add(syntax.text(node))
        else:
            fields.update(field_of(reading, collection) for collection in collections(node))
    return _Contents(frozenset(field for field in fields if field), frozenset(variables))
