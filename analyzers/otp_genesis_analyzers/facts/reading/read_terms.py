"""Turns expressions into terms, with names resolved by the scope they stand in."""

from __future__ import annotations

from functools import lru_cache

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.terms import NIL, OTHER, Term, TermKind

MAX_DEPTH = 8
"""Deeper parts of an expression are `other`: no rule looks that far, and generated data is deep."""


def module_name(node: Node | None, scope: Scope) -> str:
    """The module that an expression names: "Shop.Cart", ":ets"; "" when it names none."""
    if node is None:
        return ""
    match node.type:
        case "alias":
            return scope.resolve(syntax.name(node))
        case "atom":
            return syntax.text(node)
        case "identifier":
            return scope.module if syntax.text(node) == "__MODULE__" else ""
        case "dot":
            base = module_name(syntax.left(node), scope)
            tail = syntax.right(node)
            return f"{base}.{syntax.text(tail)}" if base and tail is not None and tail.type == "alias" else ""
        case "unary_operator":
            value = read_term(node, scope)
            if value.kind == "module":
                return value.value
            return f":{value.value}" if value.kind == "atom" else ""
        case _:
            return ""


def read_term(node: Node | None, scope: Scope, depth: int = 0) -> Term:
    if node is None or depth > MAX_DEPTH:
        return OTHER
    reader = _READERS.get(node.type)
    return reader(node, scope, depth) if reader else OTHER


@lru_cache(maxsize=10_000)
def _plain(kind: TermKind, value: str) -> Term:
    """The same few names stand everywhere: each is made once."""
    return Term(kind, value)


def _alias(node: Node, scope: Scope, _: int) -> Term:
    return _plain("module", module_name(node, scope))


def _identifier(node: Node, scope: Scope, _: int) -> Term:
    name = syntax.text(node)
    return _plain("module", scope.module) if name == "__MODULE__" else _plain("variable", name)


def _atom(node: Node, _scope: Scope, _: int) -> Term:
    return _plain("atom", syntax.text(node)[1:])


def _word(node: Node, _scope: Scope, _: int) -> Term:
    return _plain("atom", syntax.text(node))


def _nil(_node: Node, _scope: Scope, _: int) -> Term:
    return NIL


def _quoted_atom(node: Node, scope: Scope, depth: int) -> Term:
    inner = _string(node, scope, depth)
    return Term("atom", inner.value) if inner.kind == "string" else inner


def _number(node: Node, _scope: Scope, _: int) -> Term:
    return Term("int" if node.type == "integer" else "float", syntax.text(node).replace("_", ""))


def _string(node: Node, _scope: Scope, _: int) -> Term:
    if any(child.type == "interpolation" for child in node.named_children):
        return Term("interpolation")
    return Term("string", "".join(syntax.text(child) for child in node.named_children))


def _items(nodes: list[Node], scope: Scope, depth: int) -> tuple[Term, ...]:
    items: list[Term] = []
    for node in nodes:
        if node.type == "keywords":
            items += _keywords(node, scope, depth).items
        else:
            items.append(read_term(node, scope, depth + 1))
    return tuple(items)


def _tuple(node: Node, scope: Scope, depth: int) -> Term:
    return Term("tuple", "", _items(syntax.children(node), scope, depth))


def _list(node: Node, scope: Scope, depth: int) -> Term:
    nodes = syntax.children(node)
    if nodes and nodes[-1].type == "binary_operator" and syntax.operator(nodes[-1]) == "|":
        head, tail = syntax.left(nodes[-1]), syntax.right(nodes[-1])
        items = _items([*nodes[:-1], *([head] if head is not None else [])], scope, depth)
        return Term("list", "", (*items, Term("tail", "", (read_term(tail, scope, depth + 1),))))
    return Term("list", "", _items(nodes, scope, depth))


def _keywords(node: Node, scope: Scope, depth: int) -> Term:
    return Term(
        "list",
        "",
        tuple(
            Term("pair", "", (_plain("atom", key), read_term(value, scope, depth + 1)))
            for key, value in syntax.pairs(node)
        ),
    )


def _map(node: Node, scope: Scope, depth: int) -> Term:
    struct, entries = "", list[Term]()
    for child in syntax.children(node):
        if child.type == "struct":
            struct = next((module_name(name, scope) for name in syntax.children(child)), "")
        elif child.type == "map_content":
            entries += _map_entries(child, scope, depth)
    is_struct = any(child.type == "struct" for child in node.named_children)
    return Term("struct" if is_struct else "map", struct, tuple(entries))


def _map_entries(content: Node, scope: Scope, depth: int) -> list[Term]:
    entries: list[Term] = []
    for child in syntax.children(content):
        if child.type == "keywords":
            entries += _keywords(child, scope, depth).items
        elif child.type == "binary_operator" and syntax.operator(child) == "=>":
            key = read_term(syntax.left(child), scope, depth + 1)
            entries.append(Term("pair", "", (key, read_term(syntax.right(child), scope, depth + 1))))
        else:
            entries.append(read_term(child, scope, depth + 1))
    return entries


def _binary(node: Node, scope: Scope, depth: int) -> Term:
    name = syntax.operator(node)
    items = (
        read_term(syntax.left(node), scope, depth + 1),
        read_term(syntax.right(node), scope, depth + 1),
    )
    return Term("match", "", items) if name == "=" else Term("operator", name, items)


def _unary(node: Node, scope: Scope, depth: int) -> Term:
    inner, name = syntax.operand(node), syntax.operator(node)
    if inner is None:
        return OTHER
    if name == "@":
        attribute = syntax.text(inner)
        return scope.attributes.get(attribute, Term("attribute", attribute))
    if name == "&":
        return Term("capture", _captured(node, scope))
    if name == "^" and inner.type == "identifier":
        return Term("pin", syntax.text(inner))
    return Term("operator", name, (read_term(inner, scope, depth + 1),))


def _captured(node: Node, scope: Scope) -> str:
    captured = syntax.captured_function(node)
    if captured is None:
        return ""
    function, arity = captured
    target = syntax.call_target(function) if function.type == "call" else function
    if target is None:
        return ""
    if target.type == "dot":
        name = syntax.right(target)
        return (
            f"{module_name(syntax.left(target), scope) or '?'}.{syntax.text(name) if name else '?'}/{arity}"
        )
    return f"{syntax.text(target)}/{arity}"


def _call(node: Node, scope: Scope, depth: int) -> Term:
    target = syntax.call_target(node)
    items = _items(syntax.arguments(node), scope, depth)
    if target is None:
        return OTHER
    if target.type == "identifier":
        return Term("call", syntax.text(target), items)
    name = syntax.right(target) if target.type == "dot" else None
    if name is None:
        return Term("call", "?", items)
    return Term("call", f"{module_name(syntax.left(target), scope) or '?'}.{syntax.text(name)}", items)


def _block(node: Node, scope: Scope, depth: int) -> Term:
    inner = syntax.children(node)
    return read_term(inner[0], scope, depth) if len(inner) == 1 else OTHER


def _fn(_node: Node, _scope: Scope, _: int) -> Term:
    return Term("fn")


def _dot(node: Node, scope: Scope, _: int) -> Term:
    name = module_name(node, scope)
    return Term("module", name) if name else OTHER


_READERS = {
    "alias": _alias,
    "identifier": _identifier,
    "atom": _atom,
    "quoted_atom": _quoted_atom,
    "boolean": _word,
    "nil": _nil,
    "integer": _number,
    "float": _number,
    "string": _string,
    "tuple": _tuple,
    "list": _list,
    "keywords": _keywords,
    "map": _map,
    "binary_operator": _binary,
    "unary_operator": _unary,
    "call": _call,
    "block": _block,
    "anonymous_function": _fn,
    "dot": _dot,
}
