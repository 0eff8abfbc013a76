"""Values to call functions with: what the clauses match, the specs say, or the code does with them.

One name has one value in a module, so that what was put under a `sku` is found under it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Clause, Function
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.exunit.uses import Use, Uses
from otp_genesis_refactorers.exunit.written import Fill, keyword, written

_NUMBERS = frozenset(
    {"amount", "balance", "cents", "count", "delay", "delta", "id", "index", "interval", "level", "limit"}
    | {"max", "min", "ms", "n", "number", "offset", "port", "price", "quantity", "seconds", "size", "stock"}
    | {"timeout", "total", "ttl", "weight", "x", "y"}
)
_LISTS = frozenset({"args", "entries", "events", "ids", "items", "lines", "list", "opts", "options", "rows"})
_MAPS = frozenset({"attrs", "context", "data", "map", "meta", "metadata", "params", "payload", "properties"})
_ATOMS = frozenset({"event", "event_name", "field", "kind", "metric", "mode", "role", "status", "type"})
_FUNCTIONS = frozenset({"callback", "fun", "func", "function", "handler"})
_PIDS = frozenset({"caller", "client", "from", "pid", "subscriber"})
_TYPES = {
    **dict.fromkeys(("integer", "non_neg_integer", "pos_integer", "number", "float"), "1"),
    **dict.fromkeys(("list", "keyword", "Keyword.t"), "[]"),
    "timeout": "5_000",
    "map": "%{}",
    "boolean": "true",
    "pid": "self()",
    "nil": "nil",
}


@dataclass
class Samples:
    """For the functions of one module. Every value is Elixir text on one line."""

    source: Source
    graph: CallGraph
    specs: dict[str, list[Node]] = field(default_factory=dict[str, "list[Node]"])
    """The types of the arguments by `name/arity`."""
    guesses: dict[str, str] = field(default_factory=dict[str, str])
    """By `name/arity`, the argument for which nothing but its name speaks: code out of sight is given it."""
    _known: dict[str, str] = field(default_factory=dict[str, str])
    _guessed: set[str] = field(default_factory=set[str])
    _function: str = ""
    """For which a value is looked for."""

    @property
    def uses(self) -> Uses:
        return Uses(self.source, self.graph)

    def argument(self, function: Function, position: int) -> str | None:
        """A value that the function takes at a position; None when none can be told."""
        self._function = function.id
        for clause in function.clauses:
            if position >= len(clause.head):
                continue
            default = _default(clause.head[position])
            if default is not None:
                return default
            text = self._of_pattern(clause, function, position)
            if text is not None:
                return text
        return None

    def _filler(self, clause: Clause | None) -> Fill:
        """Values for the variables in the head of a clause."""

        def fill(name: str) -> str | None:
            if name in self._known or clause is None or name.startswith("_"):
                return self._by_name(name)
            return self._by_uses(tuple(self.uses.of_name(clause, name)), name)

        return fill

    def _of_pattern(self, clause: Clause, function: Function, position: int) -> str | None:
        pattern = clause.head[position]
        name = _name_of(pattern)
        if pattern.kind == "operator" and pattern.value == "\\\\":
            pattern = pattern.items[0]
        if pattern.kind not in ("variable", "match") or (pattern.kind == "match" and not name):
            return written(pattern, self._filler(clause))
        if name in self._known:
            return self._by_name(name)
        found = tuple(self.uses.of_parameter(function, position))
        typed = self._typed(function, position, name)
        text = typed if typed is not None else self._by_uses(found, name)
        if text is not None and name and not name.startswith("_"):
            self._known[name] = text
        return text

    def _typed(self, function: Function, position: int, name: str) -> str | None:
        types = self.specs.get(function.id, [])
        if position >= len(types):
            return None
        node = types[position]
        if node.type == "binary_operator" and syntax.operator(node) == "::":
            node = syntax.right(node) or node
        if node.type == "list":
            return "[]"
        text = syntax.text(node).removesuffix("()")
        if text in ("String.t", "binary"):
            return _string(name)
        return f":{name}" if text == "atom" and name.isidentifier() else _TYPES.get(text)

    def _by_uses(self, found: tuple[Use, ...], name: str) -> str | None:
        for use in found:
            if use.kind == "literal":
                return use.text
            if use.kind == "pattern" and use.pattern is not None:
                text = written(use.pattern, self._filler(use.clause))
                if text is not None:
                    return text
        for use in found:
            if use.kind == "function":
                return _function(int(use.text))
        for kind, opening, closing in (("field", "%{", "}"), ("key", "[", "]")):
            under = self._under(found, kind)
            if under:
                return f"{opening}{', '.join(keyword(*each) for each in under.items())}{closing}"
        kinds = {use.kind for use in found}
        for kind, text in (("number", "1"), ("keyword", "[]"), ("list", "[]"), ("map", "%{}")):
            if kind in kinds:
                return text
        if kinds == {"elsewhere"}:
            self._guessed.add(name)
        return _string(name) if "string" in kinds else self._by_name(name)

    def _under(self, found: tuple[Use, ...], kind: str) -> dict[str, str]:
        """Values for the fields or keys that are asked for."""
        uses: dict[str, list[Use]] = {}
        for use in found:
            if use.kind == kind and use.text:
                uses.setdefault(use.text, []).extend(use.inner)
        return {name: self._by_uses(tuple(inner), name) or "nil" for name, inner in uses.items()}

    def _by_name(self, name: str) -> str | None:
        """What people call so is mostly this."""
        if name in self._guessed:
            self.guesses[self._function] = name
        if name in self._known:
            return self._known[name]
        plain = name.lstrip("_").removeprefix("new_")
        last = plain.rpartition("_")[2]
        if not plain or name.startswith("_"):
            return "nil"
        if plain.endswith("?"):
            return "true"
        if plain in _NUMBERS or last in _NUMBERS:
            return "1"
        if plain in _LISTS:
            return "[]"
        if plain in _MAPS:
            return "%{}"
        if plain in _ATOMS:
            return f":{plain}"
        if plain in _PIDS:
            return "self()"
        return None if plain in _FUNCTIONS else _string(plain)


def specs_of(module_node: Node) -> dict[str, list[Node]]:
    """The types that `@spec` gives the arguments of each function, by `name/arity`."""
    block = syntax.do_block(module_node)
    found: dict[str, list[Node]] = {}
    for node in syntax.children(block) if block is not None else []:
        is_attribute = node.type == "unary_operator" and syntax.operator(node) == "@"
        spec = syntax.operand(node) if is_attribute else None
        if spec is None or syntax.local_name(spec) != "spec" or not syntax.arguments(spec):
            continue
        typed, _ = syntax.definition_head(spec)
        head = syntax.left(typed) if typed is not None and typed.type == "binary_operator" else None
        if head is not None and syntax.local_name(head):
            types = syntax.arguments(head)
            found.setdefault(f"{syntax.local_name(head)}/{len(types)}", types)
    return found


def _default(pattern: Term) -> str | None:
    if pattern.kind == "operator" and pattern.value == "\\\\":
        return written(pattern.items[1])
    return None


def _name_of(pattern: Term) -> str:
    if pattern.kind == "operator" and pattern.value == "\\\\":
        pattern = pattern.items[0]
    parts = pattern.items if pattern.kind == "match" else (pattern,)
    if pattern.kind == "match" and any(part.kind != "variable" for part in parts):
        return ""
    return next((part.value for part in parts if part.kind == "variable"), "")


def _string(name: str) -> str:
    return f'"{name.lstrip("_").replace("_", " ") or "text"}"'


def _function(arity: int) -> str:
    if arity == 0:
        return "fn -> :ok end"
    return f"fn {', '.join(['_'] * arity)} -> :ok end"
