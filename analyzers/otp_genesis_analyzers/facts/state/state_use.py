"""Which fields of a value code reads and writes: of the state, wherever it is handed to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.facts.state.state_shapes import (
    ADDING,
    WRITERS,
    adds,
    atom,
    bindings,
    fields_matched,
    first_key,
    is_state,
    keys,
    named,
    names_in,
    pairs_of,
    root_of_path,
    update_parts,
)
from otp_genesis_analyzers.source import Source

_READERS = frozenset({"get", "get_lazy", "fetch", "fetch!", "has_key?"})
_READ_AND_WRITE = frozenset({"pop", "pop!", "pop_lazy", "get_and_update", "get_and_update!"})
_PATH_WRITERS = frozenset({"put_in", "update_in", "pop_in", "get_and_update_in"})
_MAPS = frozenset({"Map", "Keyword", "Access", "MapSet"})
_LOOKING = frozenset(
    {"case", "cond", "elem", "for", "get_in", "if", "inspect", "is_list", "is_map", "is_nil"}
    | {"is_struct", "is_tuple", "length", "map_size", "match?", "pop_in", "put_in", "raise", "send"}
    | {"struct", "struct!", "tap", "then", "to_string", "unless", "update_in", "with"}
)
_LOOK_ONLY = frozenset({"Logger", "IO", "Kernel", "Process", "GenServer"})
"""What these are given of the state ties no field to another: log lines, replies, messages."""


@dataclass(frozen=True)
class StateUse:
    """Fields by name. The empty name stands for the state itself, used as a collection.

    `grows` are the written fields that are given more than they held. `whole` is true when the
    state goes to code out of sight, which may touch anything.
    """

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    grows: frozenset[str] = frozenset()
    whole: bool = False

    def __or__(self, other: StateUse) -> StateUse:
        return StateUse(
            self.reads | other.reads,
            self.writes | other.writes,
            self.grows | other.grows,
            self.whole or other.whole,
        )


@dataclass
class _Reading:
    """One clause being read: the names that stand for the state, and what was found so far."""

    names: set[str]
    bindings: dict[str, Node]
    use: StateUse = field(default_factory=StateUse)
    depth: int = 0

    def reads(self, *fields: str) -> None:
        self.use |= StateUse(reads=frozenset(fields))

    def writes(self, name: str, *, grows: bool) -> None:
        names = frozenset({name})
        self.use |= StateUse(writes=names, grows=names if grows else frozenset())


class StateUses:
    """Reads the functions of one module, each once for every position that the state comes in at."""

    def __init__(self, source: Source, graph: CallGraph) -> None:
        self._source = source
        self._graph = graph
        self._known: dict[tuple[str, int], StateUse] = {}
        self._open: list[tuple[str, int]] = []

    def of_clause(self, clause: Clause, position: int) -> StateUse:
        """The use of the argument at `position` by one clause, with all that it hands it to."""
        if clause.body is None or position >= len(clause.head):
            return StateUse()
        parameter = clause.head[position]
        body = self._source.node_at(clause.body)
        reading = _Reading(names_in(parameter), bindings(body))
        reading.reads(*fields_matched(parameter))
        self._visit(reading, body)
        return reading.use

    def _of_function(self, function: Function, position: int) -> StateUse:
        key = (function.id, position)
        if key in self._open:  # a function that calls itself adds nothing; of two, the half read is not known
            return StateUse(whole=key != self._open[-1])
        if key not in self._known:
            self._open.append(key)
            use = StateUse()
            for clause in function.clauses:
                use |= self.of_clause(clause, position)
            self._open.pop()
            self._known[key] = use
        return self._known[key]

    def _visit(self, reading: _Reading, node: Node) -> None:
        if reading.depth < syntax.MAX_DEPTH:
            reading.depth += 1
            self._visit_by_type(reading, node)
            reading.depth -= 1

    def _visit_by_type(self, reading: _Reading, node: Node) -> None:
        if node.type == "binary_operator" and syntax.operator(node) == "=":
            self._match(reading, node)
        elif node.type == "binary_operator" and syntax.operator(node) == "|>":
            self._pipe(reading, node)
        elif node.type == "binary_operator" and syntax.operator(node) in ("|", "++"):
            self._longer(reading, node)
        elif node.type == "call":
            self._call(reading, node, None)
        elif node.type == "map":
            self._map(reading, node)
        elif node.type == "access_call":
            self._access(reading, node)
        else:
            self._children(reading, node)

    def _children(self, reading: _Reading, node: Node) -> None:
        for child in syntax.children(node):
            self._visit(reading, child)

    def _longer(self, reading: _Reading, node: Node) -> None:
        """`[order | state]`, `state ++ orders`."""
        sides = (syntax.left(node), syntax.right(node))
        if any(side is not None and is_state(reading.names, side) for side in sides):
            reading.writes("", grows=True)
        self._children(reading, node)

    def _match(self, reading: _Reading, node: Node) -> None:
        pattern, value = syntax.left(node), syntax.right(node)
        if pattern is None or value is None:
            return
        self._visit(reading, value)
        if is_state(reading.names, value):
            if pattern.type == "identifier":
                reading.names.add(syntax.text(pattern))
            reading.reads(*keys(pattern))

    def _map(self, reading: _Reading, node: Node) -> None:
        updated, pairs = update_parts(node)
        if updated is None or not is_state(reading.names, updated):
            self._children(reading, node)
            return
        self._visit(reading, updated)
        for key, value in pairs:
            reading.writes(key, grows=adds(reading.bindings, value))
            self._visit(reading, value)

    def _access(self, reading: _Reading, node: Node) -> None:
        target, key = node.child_by_field_name("target"), node.child_by_field_name("key")
        if target is not None and key is not None and is_state(reading.names, target):
            reading.reads(atom(key))
        self._children(reading, node)

    def _pipe(self, reading: _Reading, node: Node) -> None:
        before, after = syntax.left(node), syntax.right(node)
        if before is None or after is None:
            return
        self._visit(reading, before)
        if after.type == "call":
            self._call(reading, after, before)

    def _call(self, reading: _Reading, node: Node, piped: Node | None) -> None:
        target = syntax.call_target(node)
        arguments = syntax.arguments(node)
        values = [piped, *arguments] if piped is not None else arguments
        if target is None:
            return
        if target.type == "dot" and not values and named(syntax.left(target), reading.names):
            reading.reads(syntax.text(syntax.right(target) or target))
            return
        name = syntax.text((syntax.right(target) or target) if target.type == "dot" else target)
        module = syntax.text(syntax.left(target) or target) if target.type == "dot" else ""
        if name == "case" and values and is_state(reading.names, values[0]):
            self._clauses_of_case(reading, node)
        if not self._on_fields(reading, module, name, values):
            self._handed_on(reading, module, name, values)
        for child in syntax.children(node):
            self._visit(reading, child)

    def _clauses_of_case(self, reading: _Reading, node: Node) -> None:
        block = syntax.do_block(node)
        for clause in syntax.children(block) if block is not None else []:
            if clause.type == "stab_clause":
                for pattern in syntax.stab_parts(clause)[0]:
                    reading.reads(*keys(pattern))

    def _on_fields(self, reading: _Reading, module: str, name: str, values: list[Node]) -> bool:
        """A call whose effect on the fields is known."""
        if not module and name in _PATH_WRITERS and values:
            return self._on_path(reading, values)
        if not module and name == "get_in" and len(values) == 2 and is_state(reading.names, values[0]):
            reading.reads(first_key(values[1]))
            return True
        if module not in _MAPS or not values or not is_state(reading.names, values[0]):
            return False
        key = atom(values[1]) if len(values) > 1 else ""
        if name in WRITERS | _READ_AND_WRITE:
            keeps = name == "delete" or name in _READ_AND_WRITE
            reading.writes(key, grows=not keeps and (not key or adds(reading.bindings, values[-1])))
        elif name in _READERS:
            reading.reads(key)
        elif name == "merge" and len(values) == 2 and values[1].type == "map":
            for key, value in pairs_of(values[1]):
                reading.writes(key, grows=adds(reading.bindings, value))
        else:
            reading.reads("")
        return True

    def _on_path(self, reading: _Reading, values: list[Node]) -> bool:
        """`put_in(state.jobs[id], job)` and `put_in(state, [:jobs, id], job)`."""
        if is_state(reading.names, values[0]) and len(values) > 1:
            reading.writes(first_key(values[1]), grows=True)
            return True
        root = root_of_path(values[0], reading.names)
        if root:
            reading.writes(root, grows=values[0].type == "access_call" or adds(reading.bindings, values[-1]))
        return bool(root)

    def _handed_on(self, reading: _Reading, module: str, name: str, values: list[Node]) -> None:
        for position, value in enumerate(values):
            if not is_state(reading.names, value):
                continue
            is_local = module in ("", "__MODULE__")
            function = self._graph.named(f"{name}/{len(values)}") if is_local else None
            if function is not None:
                reading.use |= self._of_function(function, position)
            elif module == "Enum" and name.startswith("reduce") and position == 1:
                _bind_parameter(reading, values[-1], 1)
            elif name in ("then", "tap"):
                _bind_parameter(reading, values[-1], 0)
            elif name in ADDING and module:
                reading.writes("", grows=True)
            elif module not in _LOOK_ONLY if module else name not in _LOOKING:
                reading.use = replace(reading.use, whole=True)


def _bind_parameter(reading: _Reading, function: Node, position: int) -> None:
    """The parameter of a `fn` that the state comes in at is a name of it."""
    for clause in syntax.children(function) if function.type == "anonymous_function" else []:
        patterns = syntax.stab_parts(clause)[0] if clause.type == "stab_clause" else []
        if len(patterns) > position and patterns[position].type == "identifier":
            reading.names.add(syntax.text(patterns[position]))
