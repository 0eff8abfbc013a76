"""The shapes in which code takes a state apart and builds a changed copy of it.

A state is known by its names: variables that stand for it in one clause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.terms import Term

WRITERS = frozenset({"put", "put_new", "put_new_lazy", "update", "update!", "replace", "replace!", "delete"})
"""Functions of `Map` that give a changed copy."""
ADDING = frozenset(
    {"add", "append", "concat", "cons", "enqueue", "in", "insert", "insert_at", "into", "merge"}
    | {"prepend", "push", "put", "put_in", "put_new", "put_new_lazy", "snoc", "union", "update"}
    | {"update!", "update_in"}
)
"""Functions, of whatever module, that put something into a collection."""
_PREFIXES = ("new_", "updated_", "next_", "old_", "previous_", "prev_", "final_", "current_", "initial_")


def names_in(parameter: Term) -> set[str]:
    """The variables that a parameter gives to the whole of its argument."""
    if parameter.kind == "variable":
        return {parameter.value}
    if parameter.kind == "match":
        return {item.value for item in parameter.items if item.kind == "variable"}
    return set()


def fields_matched(parameter: Term) -> Iterator[str]:
    """The keys of `%{jobs: jobs}` in a head; those bound to a name that says it is not used don't count."""
    for item in parameter.items if parameter.kind == "match" else (parameter,):
        if item.kind in ("map", "struct"):
            for key, value in item.pairs:
                if key.kind == "atom" and not (value.kind == "variable" and value.value.startswith("_")):
                    yield key.value


def bindings(body: Node) -> dict[str, Node]:
    """What each plain variable is bound to; the last binding counts."""
    found: dict[str, Node] = {}
    for node in syntax.below(body):
        if node.type == "binary_operator" and syntax.operator(node) == "=":
            pattern, value = syntax.left(node), syntax.right(node)
            if pattern is not None and value is not None and pattern.type == "identifier":
                found[syntax.text(pattern)] = value
    return found


def is_state(names: set[str], node: Node) -> bool:
    """The state itself or a changed copy of it."""
    if node.type == "identifier":
        return named(node, names)
    if node.type == "map":
        updated, _ = update_parts(node)
        return updated is not None and is_state(names, updated)
    if node.type == "binary_operator" and syntax.operator(node) == "|>":
        before, after = syntax.left(node), syntax.right(node)
        gives_state = after is not None and after.type == "call" and _gives_state(after)
        return before is not None and gives_state and is_state(names, before)
    if node.type == "call" and _gives_state(node):
        arguments = syntax.arguments(node)
        if not arguments:
            return False
        return is_state(names, arguments[0]) or bool(root_of_path(arguments[0], names))
    return False


def _gives_state(call: Node) -> bool:
    """`Map.put(state, ...)`, `put_in(state.a, ...)`: the whole comes back; from a local function it may."""
    target = syntax.call_target(call)
    if target is None:
        return False
    if target.type == "identifier":
        return syntax.text(target) not in ("get_in", "pop_in", "inspect")
    module, name = syntax.left(target), syntax.right(target)
    if module is None or name is None or target.type != "dot":
        return False
    return syntax.text(module) in ("Map", "Keyword") and syntax.text(name) in WRITERS | {"merge"}


def named(node: Node | None, names: set[str]) -> bool:
    """A variable of one of the names, or of one that is made of it (`new_state`, `state2`)."""
    if node is None or node.type != "identifier":
        return False
    name = syntax.text(node)
    return (
        name in names
        or any(name == f"{prefix}{known}" for known in names for prefix in _PREFIXES)
        or name.rstrip("0123456789") in names
    )


def update_parts(node: Node) -> tuple[Node | None, list[tuple[str, Node]]]:
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


def pairs_of(node: Node) -> Iterator[tuple[str, Node]]:
    """The pairs with atom keys of a map."""
    for content in node.named_children:
        for child in syntax.children(content) if content.type == "map_content" else []:
            if child.type == "keywords":
                yield from syntax.pairs(child)


def keys(pattern: Node) -> Iterator[str]:
    """The fields that a pattern takes out of the state."""
    if pattern.type == "map":
        yield from (key for key, _ in pairs_of(pattern))
    elif pattern.type == "binary_operator" and syntax.operator(pattern) == "=":
        for side in (syntax.left(pattern), syntax.right(pattern)):
            if side is not None:
                yield from keys(side)


def root_of_path(node: Node, names: set[str]) -> str:
    """`jobs` of `state.jobs[id].tries`."""
    while True:
        if node.type == "access_call":
            target = node.child_by_field_name("target")
            if target is not None and named(target, names):
                key = node.child_by_field_name("key")
                return atom(key) if key is not None else ""
        elif node.type == "call":
            dot = syntax.call_target(node)
            if dot is None or dot.type != "dot":
                return ""
            target = syntax.left(dot)
            if target is not None and named(target, names):
                return syntax.text(syntax.right(dot) or dot)
        else:
            return ""
        if target is None:
            return ""
        node = target


def first_key(path: Node) -> str:
    inner = syntax.children(path) if path.type == "list" else []
    return atom(inner[0]) if inner else ""


def atom(node: Node) -> str:
    return syntax.text(node).removeprefix(":") if node.type == "atom" else ""


def adds(bindings: Mapping[str, Node], value: Node, depth: int = 0) -> bool:
    """The value is a collection with something put into it, as far as its expression shows."""
    for node in syntax.below(value):
        if node.type == "binary_operator" and syntax.operator(node) in ("|", "++", "<>"):
            return True
        if node.type == "call":
            target = syntax.call_target(node)
            name = syntax.right(target) if target is not None and target.type == "dot" else target
            if name is not None and syntax.text(name) in ADDING:
                return True
        if node.type == "unary_operator" and syntax.text(node).startswith(("&Map.put", "&[")):
            return True
        if node.type == "identifier" and depth < 3:
            bound = bindings.get(syntax.text(node))
            if bound is not None and bound is not value and adds(bindings, bound, depth + 1):
                return True
    return False
