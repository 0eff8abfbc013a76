"""Keys of a map whose values the callers of a function have checked before they hand the map on."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.atoms.membership_tests import membership_tests
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes, binding_of, handed_to
from otp_genesis_analyzers.facts.model import Call, Clause, Function
from otp_genesis_analyzers.source import Source

_TAKES = frozenset({"Map.take", "Keyword.take"})
_KEEP_KEYS = frozenset(
    {"Enum.filter", "Enum.reject", "Enum.sort", "Enum.sort_by", "Enum.take", "Enum.to_list"}
)
_VALUES = frozenset({"string", "atom", "integer", "boolean"})


def key_of(pattern: Node, name: str) -> str:
    """`"type"` for the variable `kind` in `%{"type" => kind}`, as it is written; empty for any other."""
    for key, value in _text_keys(pattern):
        if value.type == "identifier" and syntax.text(value) == name:
            return syntax.text(key)
    return ""


def is_checked_by_callers(
    source: Source, graph: CallGraph, function: Function, holder: Node, key: str
) -> bool:
    """Every caller takes the value under `key` out of the map in its head, and knows which ones it lets by.

    `holder` is the map, a parameter of the function. False where others may call the function: a public
    one whose first argument the map is not may be an action.
    """
    binding = binding_of(holder) if holder.type == "identifier" else None
    if not key or binding is None or binding.way != "head":
        return False
    siblings = syntax.children(binding.pattern.parent) if binding.pattern.parent is not None else []
    position = siblings.index(binding.pattern) if binding.pattern in siblings else 0
    callers = [(clause, call) for caller, clause, call in graph.callers(function) if caller is not function]
    return (
        bool(callers)
        and (function.kind == "defp" or position == 0)
        and all(_checks(source, clause, call, position, key) for clause, call in callers)
    )


def _checks(source: Source, clause: Clause, call: Call, position: int, key: str) -> bool:
    given = argument_nodes(source, call) if call.form == "call" else []
    handed = given[position] if position < len(given) else None
    binding = binding_of(handed) if handed is not None and handed.type == "identifier" else None
    if binding is None or binding.way != "head":
        return False
    tested = {text for node, text in membership_tests(source, clause) if node.start_byte < call.head.start}
    return any(
        value.type in _VALUES or syntax.text(value) in tested
        for written, value in _text_keys(binding.pattern)
        if syntax.text(written) == key
    )


def _text_keys(pattern: Node) -> list[tuple[Node, Node]]:
    """Key and value of each `"key" => value` in a pattern."""
    return [
        (key, value)
        for node in syntax.below(pattern)
        if node.type == "binary_operator" and syntax.operator(node) == "=>"
        for key, value in [(syntax.left(node), syntax.right(node))]
        if key is not None and value is not None and key.type == "string"
    ]


def taken_keys(pattern: Node, name: str) -> Node | None:
    """`~w[a b]`, for the key of `params |> Map.take(~w[a b]) |> Enum.map(fn {key, _value} -> ... end)`."""
    parts = syntax.children(pattern) if pattern.type == "tuple" else []
    closure = pattern.parent
    while closure is not None and closure.type != "anonymous_function":
        closure = closure.parent
    if closure is None or len(parts) != 2 or syntax.text(parts[0]) != name:
        return None
    node = handed_to(closure)
    while node is not None:
        piped: Node | None = None
        if node.type == "binary_operator" and syntax.operator(node) == "|>":
            piped, node = syntax.left(node), syntax.right(node)
        target = syntax.call_target(node) if node is not None and node.type == "call" else None
        if node is None or target is None:
            return None
        called = syntax.text(target)
        given = [piped, *syntax.arguments(node)] if piped is not None else syntax.arguments(node)
        if called in _TAKES:
            return given[1] if len(given) == 2 else None
        node = given[0] if called in _KEEP_KEYS and given else None
    return None
