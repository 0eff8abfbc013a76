"""Which fields of a value code reads and writes: of the state, wherever it is handed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_WRITERS = frozenset({"put", "put_new", "put_new_lazy", "update", "update!", "replace", "replace!", "delete"})
_READERS = frozenset({"get", "get_lazy", "fetch", "fetch!", "has_key?"})
_READ_AND_WRITE = frozenset({"pop", "pop!", "pop_lazy", "get_and_update", "get_and_update!"})
_PATH_WRITERS = frozenset({"put_in", "update_in", "pop_in", "get_and_update_in"})
_LOOK_ONLY = frozenset({"Logger", "IO", "Kernel", "Process", "GenServer"})
"""What these are given of the state ties no field to another: log lines, replies, messages."""
_PREFIXES = ("new_", "updated_", "next_", "old_", "previous_", "prev_", "final_", "current_", "initial_")
_ADDS = frozenset(
    {"put", "put_new", "put_new_lazy", "update", "update!", "merge", "insert", "insert_at", "in", "append", "push"}
    | {"concat", "union", "enqueue", "add", "prepend", "into", "put_in", "update_in", "cons", "snoc"}
)


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

    def of_clause(self, function: Function, clause: Clause, position: int) -> StateUse:
        """The use of the argument at `position` by one clause, with all that it hands it to."""
        if clause.body is None or position >= len(clause.head):
            return StateUse()
        parameter = clause.head[position]
        body = self._source.node_at(clause.body)
        reading = _Reading(_names_in(parameter), _bindings(body))
        reading.reads(*_fields_matched(parameter))
        self._visit(reading, body)
        return reading.use

    def _of_function(self, function: Function, position: int) -> StateUse:
        key = (function.id, position)
        if key not in self._known:
            self._known[key] = StateUse()  # a recursive call adds nothing
            use = StateUse()
            for clause in function.clauses:
                use |= self.of_clause(function, clause, position)
            self._known[key] = use
        return self._known[key]

    def _visit(self, reading: _Reading, node: Node) -> None:
        if node.type == "binary_operator" and syntax.operator(node) == "=":
            self._match(reading, node)
        elif node.type == "binary_operator" and syntax.operator(node) == "|>":
            self._pipe(reading, node)
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

    def _match(self, reading: _Reading, node: Node) -> None:
        pattern, value = syntax.left(node), syntax.right(node)
        if pattern is None or value is None:
            return
        self._visit(reading, value)
        if _is_state(reading, value):
            if pattern.type == "identifier":
                reading.names.add(syntax.text(pattern))
            reading.reads(*_keys(pattern))

    def _map(self, reading: _Reading, node: Node) -> None:
        updated, pairs = _update_parts(node)
        if updated is None or not _is_state(reading, updated):
            self._children(reading, node)
            return
        self._visit(reading, updated)
        for key, value in pairs:
            reading.writes(key, grows=_adds(reading, value))
            self._visit(reading, value)

    def _access(self, reading: _Reading, node: Node) -> None:
        target, key = node.child_by_field_name("target"), node.child_by_field_name("key")
        if target is not None and key is not None and _is_state(reading, target):
            reading.reads(_atom(key))
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
        if target.type == "dot" and not values and _named(syntax.left(target), reading.names):
            reading.reads(syntax.text(syntax.right(target) or target))
            return
        name = syntax.text((syntax.right(target) or target) if target.type == "dot" else target)
        module = syntax.text(syntax.left(target) or target) if target.type == "dot" else ""
        if name == "case" and values and _is_state(reading, values[0]):
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
                    reading.reads(*_keys(pattern))

    def _on_fields(self, reading: _Reading, module: str, name: str, values: list[Node]) -> bool:
        """A call whose effect on the fields is known."""
        if not module and name in _PATH_WRITERS and values:
            return self._on_path(reading, values)
        if not module and name == "get_in" and len(values) == 2 and _is_state(reading, values[0]):
            reading.reads(_first_key(values[1]))
            return True
        if module not in ("Map", "Keyword", "Access", "MapSet") or not values or not _is_state(reading, values[0]):
            return False
        key = _atom(values[1]) if len(values) > 1 else ""
        if name in _WRITERS | _READ_AND_WRITE:
            grows = name != "delete" and name not in _READ_AND_WRITE and (not key or _adds(reading, values[-1]))
            reading.writes(key, grows=grows)
        elif name in _READERS:
            reading.reads(key)
        elif name == "merge" and len(values) == 2 and values[1].type == "map":
            for key, value in _pairs_of(values[1]):
                reading.writes(key, grows=_adds(reading, value))
        else:
            reading.reads("")
        return True

    def _on_path(self, reading: _Reading, values: list[Node]) -> bool:
        """`put_in(state.jobs[id], job)` and `put_in(state, [:jobs, id], job)`."""
        if _is_state(reading, values[0]) and len(values) > 1:
            reading.writes(_first_key(values[1]), grows=True)
            return True
        root = _root_of_path(values[0], reading.names)
        if root:
            reading.writes(root, grows=values[0].type == "access_call" or _adds(reading, values[-1]))
        return bool(root)

    def _handed_on(self, reading: _Reading, module: str, name: str, values: list[Node]) -> None:
        for position, value in enumerate(values):
            if not _is_state(reading, value):
                continue
            function = self._graph.named(f"{name}/{len(values)}") if not module or module == "__MODULE__" else None
            if function is not None:
                reading.use |= self._of_function(function, position)
            elif module == "Enum" and name.startswith("reduce") and position == 1:
                _bind_parameter(reading, values[-1], 1)
            elif name in ("then", "tap"):
                _bind_parameter(reading, values[-1], 0)
            elif name in _ADDS and module:
                reading.writes("", grows=True)
            elif module and module not in _LOOK_ONLY:
                reading.use = replace(reading.use, whole=True)


def _names_in(parameter: Term) -> set[str]:
    if parameter.kind == "variable":
        return {parameter.value}
    if parameter.kind == "match":
        return {item.value for item in parameter.items if item.kind == "variable"}
    return set()


def _fields_matched(parameter: Term) -> Iterator[str]:
    """The keys of `%{jobs: jobs}` in a head; those bound to a name that says it is not used don't count."""
    for item in parameter.items if parameter.kind == "match" else (parameter,):
        if item.kind in ("map", "struct"):
            for key, value in item.pairs:
                if key.kind == "atom" and not (value.kind == "variable" and value.value.startswith("_")):
                    yield key.value


def _bindings(body: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for node in _below(body):
        if node.type == "binary_operator" and syntax.operator(node) == "=":
            pattern, value = syntax.left(node), syntax.right(node)
            if pattern is not None and value is not None and pattern.type == "identifier":
                found[syntax.text(pattern)] = value
    return found


def _below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.named_children:
        yield from _below(child)


def _is_state(reading: _Reading, node: Node) -> bool:
    """The state itself or a changed copy of it."""
    if node.type == "identifier":
        return _named(node, reading.names)
    if node.type == "map":
        updated, _ = _update_parts(node)
        return updated is not None and _is_state(reading, updated)
    if node.type == "binary_operator" and syntax.operator(node) == "|>":
        before, after = syntax.left(node), syntax.right(node)
        gives_state = after is not None and after.type == "call" and _gives_state(after)
        return before is not None and gives_state and _is_state(reading, before)
    if node.type == "call" and _gives_state(node):
        arguments = syntax.arguments(node)
        if not arguments:
            return False
        return _is_state(reading, arguments[0]) or bool(_root_of_path(arguments[0], reading.names))
    return False


def _gives_state(call: Node) -> bool:
    """`Map.put(state, ...)`, `put_in(state.a, ...)`: the whole comes back. A local function is taken to as well."""
    target = syntax.call_target(call)
    if target is None:
        return False
    if target.type == "identifier":
        name = syntax.text(target)
        return name in ("put_in", "update_in", "then", "tap") or name not in ("get_in", "pop_in", "inspect")
    module, name = syntax.left(target), syntax.right(target)
    if module is None or name is None or target.type != "dot":
        return False
    return syntax.text(module) in ("Map", "Keyword") and syntax.text(name) in _WRITERS | {"merge"}


def _named(node: Node | None, names: set[str]) -> bool:
    if node is None or node.type != "identifier":
        return False
    name = syntax.text(node)
    return name in names or any(
        name == f"{prefix}{known}" for known in names for prefix in _PREFIXES
    ) or name.rstrip("0123456789") in names


def _update_parts(node: Node) -> tuple[Node | None, list[tuple[str, Node]]]:
    """Base and pairs of `%{base | key: value}`; no base for a map that is built anew."""
    content = next((child for child in node.named_children if child.type == "map_content"), None)
    inner = syntax.children(content) if content is not None else []
    if len(inner) != 1 or inner[0].type != "binary_operator" or syntax.operator(inner[0]) != "|":
        return None, []
    pairs = syntax.right(inner[0])
    if pairs is None:
        return syntax.left(inner[0]), []
    if pairs.type == "keywords":
        return syntax.left(inner[0]), list(syntax.pairs(pairs))
    return syntax.left(inner[0]), [("", pairs)]


def _pairs_of(node: Node) -> Iterator[tuple[str, Node]]:
    for content in node.named_children:
        for child in syntax.children(content) if content.type == "map_content" else []:
            if child.type == "keywords":
                yield from syntax.pairs(child)


def _keys(pattern: Node) -> Iterator[str]:
    """The fields that a pattern takes out of the state."""
    if pattern.type == "map":
        yield from (key for key, _ in _pairs_of(pattern))
    elif pattern.type == "binary_operator" and syntax.operator(pattern) == "=":
        for side in (syntax.left(pattern), syntax.right(pattern)):
            if side is not None:
                yield from _keys(side)


def _root_of_path(node: Node, names: set[str]) -> str:
    """`jobs` of `state.jobs[id].tries`."""
    while True:
        if node.type == "access_call":
            target = node.child_by_field_name("target")
            if target is not None and _named(target, names):
                key = node.child_by_field_name("key")
                return _atom(key) if key is not None else ""
        elif node.type == "call":
            dot = syntax.call_target(node)
            if dot is None or dot.type != "dot":
                return ""
            target = syntax.left(dot)
            if target is not None and _named(target, names):
                return syntax.text(syntax.right(dot) or dot)
        else:
            return ""
        if target is None:
            return ""
        node = target


def _first_key(path: Node) -> str:
    inner = syntax.children(path) if path.type == "list" else []
    return _atom(inner[0]) if inner else ""


def _atom(node: Node) -> str:
    return syntax.text(node).removeprefix(":") if node.type == "atom" else ""


def _adds(reading: _Reading, value: Node, depth: int = 0) -> bool:
    """The value is a collection with something put into it, as far as its expression shows."""
    for node in _below(value):
        if node.type == "binary_operator" and syntax.operator(node) in ("|", "++", "<>"):
            return True
        if node.type == "call":
            target = syntax.call_target(node)
            name = syntax.right(target) if target is not None and target.type == "dot" else target
            if name is not None and syntax.text(name) in _ADDS:
                return True
        if node.type == "unary_operator" and syntax.text(node).startswith(("&Map.put", "&[")):
            return True
        if node.type == "identifier" and depth < 3:
            bound = reading.bindings.get(syntax.text(node))
            if bound is not None and bound is not value and _adds(reading, bound, depth + 1):
                return True
    return False


def _bind_parameter(reading: _Reading, function: Node, position: int) -> None:
    """The parameter of a `fn` that the state comes in at is a name of it."""
    for clause in syntax.children(function) if function.type == "anonymous_function" else []:
        patterns = syntax.stab_parts(clause)[0] if clause.type == "stab_clause" else []
        if len(patterns) > position and patterns[position].type == "identifier":
            reading.names.add(syntax.text(patterns[position]))
