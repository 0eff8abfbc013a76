"""Texts that may be anything by what they are: of a packet, of a pid, the keys of a map, parts of a text.

So may be what somebody chooses: what a list is sorted or filtered by.
"""

from __future__ import annotations

from typing import Literal

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.provenance import Binding, binding_of, handed_to

OpenText = Literal["packet", "process", "key", "piece", "choice"]

_PACKETS = frozenset({":udp", ":tcp", ":ssl"})
_OF_PROCESSES = frozenset({":erlang.pid_to_list", ":erlang.ref_to_list"})
_CUTS = frozenset({"String.split", "URI.parse", "String.splitter"})
_FOLLOWED = ("String.", "Enum.", "List.", "Kernel.", "URI.", "Path.")
_FOLLOWED_BY_NAME = frozenset({"hd", "elem", "to_string", "to_charlist"})
_PROCESSES = ("pid", "ref", "self()", "make_ref()")
_OWN_TEXTS = ("module", "__MODULE__", "env", "config", "node", "path", "file", "version")
"""Parts of the names of texts that the system itself brings."""
_PUTS = frozenset({"Map.put", "Map.put_new", "Keyword.put"})
_CHOICES = frozenset(
    {"sort", "sort_by", "sort_field", "sort_column", "sort_order", "sort_dir", "sort_direction", "sort_key"}
    | {"order_by", "order_dir", "order_field", "role", "tab"}
)
"""Names of parameters that a user chooses the text of."""
_CHOSEN = frozenset({"filters", "params", "query_params", "search_params", "filter_params"})
"""Names of pairs whose keys a user chooses."""
_MAX_DEPTH = 8


def open_text(value: Node, depth: int = 0) -> OpenText | None:
    """What an atom is made of, where that is one of these."""
    if depth > _MAX_DEPTH:
        return None
    match value.type:
        case "identifier":
            binding = binding_of(value)
            return _bound(binding, syntax.text(value), depth) if binding is not None else None
        case "call":
            return _given(value, syntax.arguments(value), depth)
        case "binary_operator" if syntax.operator(value) == "|>":
            before, after = syntax.left(value), syntax.right(value)
            if before is None or after is None or after.type != "call":
                return None
            return _given(after, [before, *syntax.arguments(after)], depth)
        case "string" | "quoted_atom":
            holes = [child for child in value.named_children if child.type == "interpolation"]
            parts = (open_text(part, depth + 1) for hole in holes for part in syntax.children(hole))
            return next((found for found in parts if found in ("packet", "process")), None)
        case _:
            return None


def is_made_key(value: Node, made: Node) -> bool:
    """`{String.to_atom(key), value}`, `Map.put(map, String.to_atom(key), value)`, of each pair of another.

    The pair may be what a function gets: `defp attribute({key, value}), do: {String.to_atom(key), value}`.
    """
    binding = binding_of(value) if value.type == "identifier" else None
    if binding is None or not _is_first_of_pair(binding.pattern, syntax.text(value)):
        return False
    from_each = binding.pattern.parent
    is_each = binding.way in ("closure", "head") or (
        from_each is not None and syntax.operator(from_each) == "<-"
    )
    while made.parent is not None and made.parent.type in ("call", "dot", "binary_operator"):
        if made.parent.type == "binary_operator" and syntax.operator(made.parent) != "|>":
            return False
        made = made.parent
    holder = made.parent
    if not is_each or holder is None:
        return False
    if holder.type == "tuple":
        return len(syntax.children(holder)) == 2 and syntax.children(holder)[0] == made
    target = syntax.call_target(holder.parent) if holder.type == "arguments" and holder.parent else None
    return target is not None and syntax.text(target) in _PUTS


def _is_first_of_pair(pattern: Node, name: str) -> bool:
    parts = syntax.children(pattern) if pattern.type == "tuple" else []
    return len(parts) == 2 and syntax.text(parts[0]) == name


def _bound(binding: Binding, name: str, depth: int) -> OpenText | None:
    if binding.way == "head":
        parts = syntax.children(binding.pattern) if binding.pattern.type == "tuple" else []
        is_packet = bool(parts) and syntax.text(parts[0]) in _PACKETS and name in syntax.text(parts[-1])
        is_choice = binding.pattern.type == "identifier" and name in _CHOICES
        return "packet" if is_packet else "choice" if is_choice else None
    if binding.way == "closure":
        collection = _gone_over(binding.pattern)
        if collection is None:
            return None
        if _is_first_of_pair(binding.pattern, name) and syntax.text(collection) in _CHOSEN:
            return "choice"
        return "piece" if open_text(collection, depth + 1) == "piece" else None
    if binding.way in ("match", "subject") and binding.value is not None:
        return open_text(binding.value, depth + 1)
    return None


def _gone_over(parameter: Node) -> Node | None:
    """What the `fn` of this parameter goes over: its elements come out of that."""
    closure = parameter.parent
    while closure is not None and closure.type != "anonymous_function":
        closure = closure.parent
    return handed_to(closure) if closure is not None else None


def _given(call: Node, arguments: list[Node], depth: int) -> OpenText | None:
    target = syntax.call_target(call)
    called = syntax.text(target) if target is not None else ""
    if called in _OF_PROCESSES:
        return "process"
    if called in ("inspect", "Kernel.inspect"):
        return "process" if arguments and syntax.text(arguments[0]).endswith(_PROCESSES) else None
    if called in _CUTS and arguments:
        found = open_text(arguments[0], depth + 1)
        is_own = any(word in syntax.text(arguments[0]) for word in _OWN_TEXTS)
        return found or (None if is_own else "piece")
    if arguments and (called.startswith(_FOLLOWED) or called in _FOLLOWED_BY_NAME):
        return open_text(arguments[0], depth + 1)
    if target is not None and target.type == "dot" and not arguments:
        holder = syntax.left(target)
        return open_text(holder, depth + 1) if holder is not None else None
    return None
