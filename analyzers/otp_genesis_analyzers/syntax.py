"""Reading Elixir out of a tree-sitter tree: calls and their parts, blocks, keywords, captures.

Only this file and `facts/` know the names of node kinds. Comments may stand between any two
nodes; every function here leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

DEFINITIONS = frozenset({"def", "defp", "defmacro", "defmacrop", "defdelegate", "defguard", "defguardp"})
MODULE_DEFINITIONS = frozenset({"defmodule", "defimpl", "defprotocol"})
SECTIONS = frozenset({"rescue_block", "catch_block", "after_block", "else_block"})


def children(node: Node) -> list[Node]:
    """The named children without comments."""
    return [child for child in node.named_children if child.type != "comment"]


def text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def call_target(call: Node) -> Node | None:
    return call.child_by_field_name("target")


def local_name(call: Node) -> str:
    """The name of a call without receiver (`spawn`, `def`); empty for any other node."""
    if call.type != "call":
        return ""
    target = call_target(call)
    return text(target) if target is not None and target.type == "identifier" else ""


def arguments(call: Node) -> list[Node]:
    """The argument nodes; trailing keywords are one node of type `keywords`."""
    for child in call.named_children:
        if child.type == "arguments":
            return children(child)
    return []


def do_block(call: Node) -> Node | None:
    return next((child for child in call.named_children if child.type == "do_block"), None)


def operator(node: Node) -> str:
    """The operator of a unary or binary operation: `|>`, `=`, `&`."""
    child = node.child_by_field_name("operator")
    return child.type if child is not None else ""


def left(node: Node) -> Node | None:
    return node.child_by_field_name("left")


def right(node: Node) -> Node | None:
    return node.child_by_field_name("right")


def operand(node: Node) -> Node | None:
    return node.child_by_field_name("operand")


def pairs(node: Node) -> Iterator[tuple[str, Node]]:
    """Key (without colon) and value node of each pair of a `keywords` node or keyword list."""
    holder = node
    if node.type == "list":
        inner = children(node)
        if not inner or inner[-1].type != "keywords":
            return
        holder = inner[-1]
    for pair in children(holder):
        key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
        if pair.type == "pair" and key is not None and value is not None:
            yield keyword_name(key), value


def keyword_name(key: Node) -> str:
    return text(key).strip().removesuffix(":").strip('"')


def keyword(node: Node | None, name: str) -> Node | None:
    """The value node under `name:`."""
    if node is None:
        return None
    return next((value for key, value in pairs(node) if key == name), None)


def body_keywords(call: Node) -> dict[str, Node]:
    """`do:`, `else:` and the like of a one-line call: `if x, do: a, else: b`."""
    args = arguments(call)
    if not args or args[-1].type not in ("keywords", "list"):
        return {}
    return {key: value for key, value in pairs(args[-1]) if key in ("do", "else", "rescue", "catch", "after")}


def sections(block: Node) -> tuple[list[Node], dict[str, list[Node]]]:
    """The statements (or clauses) of a do block, and those of each `else`, `rescue`, `catch`, `after`."""
    body: list[Node] = []
    parts: dict[str, list[Node]] = {}
    for child in children(block):
        if child.type in SECTIONS:
            parts[child.type.removesuffix("_block")] = children(child)
        else:
            body.append(child)
    return body, parts


def definition_head(call: Node) -> tuple[Node | None, Node | None]:
    """Head (`store(user, file)`) and guard of a `def`-like call."""
    args = arguments(call)
    if not args:
        return None, None
    head = args[0]
    if head.type == "binary_operator" and operator(head) == "when":
        return left(head), right(head)
    return head, None


def stab_parts(clause: Node) -> tuple[list[Node], Node | None, list[Node]]:
    """Patterns, guard and body statements of a clause `pattern when guard -> body`."""
    head, guard = clause.child_by_field_name("left"), None
    if head is not None and head.type == "binary_operator" and operator(head) == "when":
        head, guard = left(head), right(head)
    patterns = [] if head is None else children(head) if head.type == "arguments" else [head]
    body = clause.child_by_field_name("right")
    return patterns, guard, [] if body is None else children(body) if body.type == "body" else [body]


def captured_function(node: Node) -> tuple[Node, int] | None:
    """The function node and arity of `&name/1` or `&Module.name/1`, given the `&` node."""
    inner = operand(node)
    if inner is None or inner.type != "binary_operator" or operator(inner) != "/":
        return None
    function, arity = left(inner), right(inner)
    if function is None or arity is None or arity.type != "integer" or not text(arity).isdigit():
        return None
    return (function, int(text(arity))) if function.type in ("identifier", "call", "dot") else None


def trusted_until(root: Node) -> int:
    """Up to which byte a broken tree can be believed; the file's end for a healthy one.

    Behind the first error strings may be taken for code and code for strings, so nothing
    there is evidence.
    """
    return min(_first_error(root), root.end_byte)


def _first_error(node: Node) -> int:
    if node.is_missing:
        return node.start_byte
    if not node.has_error:
        return node.end_byte + 1
    if node.type != "ERROR":
        return min((_first_error(child) for child in node.children), default=node.start_byte)
    for child in node.children:
        if child.type in ("comment", "do"):
            continue
        if child.has_error or child.child_count == 0:
            return min(_first_error(child), child.start_byte) if child.has_error else child.start_byte
    return node.end_byte
