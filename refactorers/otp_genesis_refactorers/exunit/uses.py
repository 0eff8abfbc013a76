"""What the value behind a name must be, by what code does with it: added to, looked up in, called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.messages.shapes import may_match, sent_by, taken
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.facts.state.server_returns import tag_of
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

UseKind = Literal[
    "literal",
    "pattern",
    "function",
    "key",
    "field",
    "map",
    "list",
    "keyword",
    "string",
    "number",
    "elsewhere",
]


class Use(NamedTuple):
    """`text` is the literal, the name of the field or key, the arity of the function.

    `elsewhere` says that code out of sight is given the value, which may want anything of it.
    """

    kind: UseKind
    text: str = ""
    pattern: Term | None = None
    """For `pattern`: what the value is matched with where it arrives, at the head of `clause`."""
    clause: Clause | None = None
    inner: tuple[Use, ...] = ()
    """For a field or a key: what is done with what is under it."""


_MOST_HOPS = 4
_NUMBERS = frozenset({"+", "-", "*", "/", "<", ">", "<=", ">=", ".."})
_OF_MODULES: dict[str, UseKind] = {
    "String": "string",
    "Enum": "list",
    "List": "list",
    "Stream": "list",
    "Map": "map",
    "Keyword": "keyword",
    "Integer": "number",
    "Path": "string",
    "File": "string",
    "URI": "string",
}
_OF_FUNCTIONS: dict[str, UseKind] = {
    "is_integer": "number",
    "is_number": "number",
    "is_binary": "string",
    "is_list": "list",
    "is_map": "map",
    "abs": "number",
    "div": "number",
    "rem": "number",
    "byte_size": "string",
    "map_size": "map",
    "length": "list",
    "hd": "list",
}
_REQUIRED = frozenset({"fetch!", "pop!"})
_LITERALS = frozenset({"integer", "float", "atom", "boolean", "nil"})
_STARTING = frozenset({"GenServer", "Agent"})
_INDIFFERENT = frozenset(
    {"Registry", "Process", "Logger", "IO", "Kernel", ":ets", "Phoenix.PubSub", "inspect"}
)
"""What takes any value as it is."""
_STARTS = frozenset({"start_link", "start"})


@dataclass
class Uses:
    """Reads one module, for one question: what was looked at once is not looked at again."""

    source: Source
    graph: CallGraph
    _seen: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def of_parameter(self, function: Function, position: int, hops: int = 0) -> Iterator[Use]:
        """What the clauses of a function do with an argument, and those that it is handed on to."""
        if hops <= _MOST_HOPS:
            for clause in function.clauses:
                if position < len(clause.head):
                    yield from self._of_pattern(clause, clause.head[position], hops)

    def of_name(self, clause: Clause, name: str, hops: int = 0) -> Iterator[Use]:
        """What a clause does with the value behind a name."""
        if (name, clause.span.start) in self._seen or hops > _MOST_HOPS:
            return
        self._seen.add((name, clause.span.start))
        for place in (clause.guard, clause.body):
            for node in syntax.below(self.source.node_at(place)) if place is not None else ():
                if node.type == "identifier" and syntax.text(node) == name:
                    yield from self._at(node, clause, hops)
        yield from self._as_message(clause, name, hops)

    def _of_pattern(self, clause: Clause, pattern: Term, hops: int) -> Iterator[Use]:
        if pattern.kind == "operator" and pattern.value == "\\\\":
            pattern = pattern.items[0]
        for part in pattern.items if pattern.kind == "match" else (pattern,):
            if part.kind == "variable":
                yield from self.of_name(clause, part.value, hops)
            else:
                yield Use("pattern", pattern=part, clause=clause)

    def _at(self, node: Node, clause: Clause, hops: int) -> Iterator[Use]:
        """What is done with the value of an expression, by where it stands."""
        parent = node.parent
        if parent is None or hops > _MOST_HOPS:
            return
        match parent.type:
            case "binary_operator":
                yield from self._operand(node, parent, clause, hops)
            case "dot" if syntax.left(parent) == node:
                yield from self._accessed(parent, clause, hops)
            case "arguments" if parent.parent is not None and parent.parent.type == "call":
                position = next(i for i, each in enumerate(syntax.children(parent)) if each == node)
                yield from self._argument(parent.parent, position, clause, hops)
            case "access_call" if parent.child_by_field_name("target") == node:
                yield Use("keyword")
            case "pair" if parent.child_by_field_name("value") == node:
                key = parent.child_by_field_name("key")
                yield from self._of_field(syntax.keyword_name(key) if key is not None else "", hops)
            case "tuple" if tag_of(parent) == "ok" and syntax.children(parent)[1:2] == [node]:
                yield from self._of_state(clause, hops)
            case _:
                pass

    def _operand(self, node: Node, parent: Node, clause: Clause, hops: int) -> Iterator[Use]:
        before, name, after = syntax.operation(parent)
        other = after if before == node else before
        if name in _NUMBERS:
            yield Use("number")
        elif name == "<>":
            yield Use("string")
        elif name in ("++", "--"):
            yield Use("list")
        elif name == "|" and parent.parent is not None:
            is_list = parent.parent.type == "list"
            if is_list == (after == node):
                yield Use("list" if is_list else "map")
        elif name in ("==", "===") and other is not None and other.type in _LITERALS:
            yield Use("literal", syntax.text(other))
        elif name == "<-" and after == node and _is_generator(parent):
            yield Use("list")
        elif name == "|>" and before == node and after is not None and after.type == "call":
            yield from self._argument(after, 0, clause, hops, piped=True)
        elif name == "=" and after == node and before is not None:
            if before.type == "identifier":
                yield from self.of_name(clause, syntax.text(before), hops + 1)
            for key in _keys(before) if before.type == "map" else ():
                yield Use("field", key)

    def _argument(
        self, call: Node, position: int, clause: Clause, hops: int, *, piped: bool = False
    ) -> Iterator[Use]:
        target = syntax.call_target(call)
        arguments = syntax.arguments(call)
        if target is None:
            return
        if target.type == "identifier":
            name = syntax.text(target)
            if name in _OF_FUNCTIONS:
                yield Use(_OF_FUNCTIONS[name])
            function = self.graph.named(f"{name}/{len(arguments) + piped}")
            if function is not None:
                yield from self.of_parameter(function, position, hops + 1)
            return
        module, name = syntax.left(target), syntax.right(target)
        if module is None or name is None:
            return
        keys = arguments if piped else arguments[1:]
        yield from self._remote(call, syntax.text(module), syntax.text(name), keys, position, clause, hops)

    def _remote(
        self, call: Node, module: str, name: str, keys: list[Node], position: int, clause: Clause, hops: int
    ) -> Iterator[Use]:
        if module in _STARTING:
            init = self.graph.named("init/1")
            if name in _STARTS and position == 1 and init is not None:
                yield from self.of_parameter(init, 0, hops + 1)
        elif module not in _OF_MODULES:
            if module not in _INDIFFERENT:
                yield Use("elsewhere")
        elif position == 0:
            if name in _REQUIRED and keys and keys[0].type == "atom":
                inner = tuple(self._at(call, clause, hops + 1))
                kind = "key" if module == "Keyword" else "field"
                yield Use(kind, syntax.text(keys[0])[1:], inner=inner)
            yield Use(_OF_MODULES[module])

    def _accessed(self, dot: Node, clause: Clause, hops: int) -> Iterator[Use]:
        """`value.field`, `value.(argument)`."""
        name, call = syntax.right(dot), dot.parent
        if call is None:
            return
        if name is not None:
            yield Use("field", syntax.text(name), inner=tuple(self._at(call, clause, hops + 1)))
        elif call.type == "call":
            yield Use("function", str(len(syntax.arguments(call))))

    def _of_field(self, name: str, hops: int) -> Iterator[Use]:
        """What the module does with the field under which it has put the value: `state.name`."""
        if not name or ("." + name, 0) in self._seen:
            return
        self._seen.add(("." + name, 0))
        for function in self.graph.module.functions:
            for clause in function.clauses if function.kind in ("def", "defp") else ():
                body = self.source.node_at(clause.body) if clause.body is not None else None
                for node in syntax.below(body) if body is not None else ():
                    if node.type == "call" and _reads_field(node, name):
                        yield from self._at(node, clause, hops + 1)

    def _of_state(self, clause: Clause, hops: int) -> Iterator[Use]:
        """What the callbacks do with the state that `init/1` has made of the value."""
        init = self.graph.named("init/1")
        if init is None or clause not in init.clauses or ("", 0) in self._seen:
            return
        self._seen.add(("", 0))
        for handler in taken(self.graph.module):
            yield from self._of_pattern(handler.clause, handler.clause.head[-1], hops + 1)

    def _as_message(self, clause: Clause, name: str, hops: int) -> Iterator[Use]:
        """Where it is part of a message, what the clauses that take this message do with it."""
        for call in clause.calls:
            sent = sent_by(call)
            if sent is None or hops >= _MOST_HOPS:
                continue
            way, _, message = sent
            for handler in taken(self.graph.module):
                if handler.way == way and may_match(handler.pattern, message):
                    for pattern in _same_place(message, handler.pattern, name):
                        yield from self._of_pattern(handler.clause, pattern, hops + 1)


def _same_place(message: Term, pattern: Term, name: str) -> Iterator[Term]:
    """What in the pattern stands where the variable stands in the message."""
    if message.kind == "variable" and message.value == name:
        yield pattern
        return
    if pattern.kind == "match":
        for part in pattern.items:
            yield from _same_place(message, part, name)
    elif message.kind == pattern.kind == "tuple" and len(message.items) == len(pattern.items):
        for inner, own in zip(message.items, pattern.items, strict=True):
            yield from _same_place(inner, own, name)


def _reads_field(call: Node, name: str) -> bool:
    target = syntax.call_target(call)
    if target is None or target.type != "dot" or syntax.has_arguments(call):
        return False
    owner, own_name = syntax.left(target), syntax.right(target)
    is_variable = owner is not None and owner.type == "identifier"
    return is_variable and own_name is not None and syntax.text(own_name) == name


def _is_generator(arrow: Node) -> bool:
    call = arrow.parent.parent if arrow.parent is not None else None
    return call is not None and syntax.local_name(call) == "for"


def _keys(pattern: Node) -> Iterator[str]:
    for content in pattern.named_children:
        for child in syntax.children(content) if content.type == "map_content" else []:
            if child.type == "keywords":
                for key, _ in syntax.pairs(child):
                    yield key
