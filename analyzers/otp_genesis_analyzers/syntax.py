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
MAX_DEPTH = 100
"""Nesting beyond which code is left unread: only generated data goes deeper, and Python's stack ends."""


def children(node: Node) -> list[Node]:
    """The named children without comments."""
    return [child for child in node.named_children if child.type != "comment"]


def below(node: Node) -> Iterator[Node]:
    """The node and every named node in it, in the order of the text."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.named_children))


def text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def name(node: Node) -> str:
    """The text of a name; `Shop . Cart` is `Shop.Cart`."""
    return written_name(text(node))


def written_name(written: str) -> str:
    """`name`, of the text of its node."""
    return written if written.isidentifier() else "".join(written.split())


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


def call_parts(call: Node) -> tuple[Node | None, list[Node], Node | None]:
    """Target, arguments and do block of a call, read in one go."""
    target: Node | None = None
    args: list[Node] = []
    block: Node | None = None
    for child in call.named_children:
        match child.type:
            case "arguments":
                args = children(child)
            case "do_block":
                block = child
            case "comment":
                pass
            case _:
                target = target or child
    return target, args, block


def has_arguments(call: Node) -> bool:
    """Whether a call has an argument list, be it an empty one: `x.name()`, not `x.name`."""
    return any(child.type == "arguments" for child in call.named_children)


def do_block(call: Node) -> Node | None:
    for child in reversed(call.named_children):  # nearly always the last
        if child.type == "do_block":
            return child
    return None


def operator(node: Node) -> str:
    """The operator of a unary or binary operation: `|>`, `=`, `&`."""
    parts = node.children
    if len(parts) == 3 and node.type == "binary_operator":
        return parts[1].type
    child = node.child_by_field_name("operator")
    return child.type if child is not None else ""


def operation(node: Node) -> tuple[Node | None, str, Node | None]:
    """Left side, operator and right side of a binary operation, read in one go."""
    parts = node.children
    if len(parts) == 3:
        return parts[0], parts[1].type, parts[2]
    return left(node), operator(node), right(node)


def left(node: Node) -> Node | None:
    return node.child_by_field_name("left")


def right(node: Node) -> Node | None:
    return node.child_by_field_name("right")


def operand(node: Node) -> Node | None:
    """What a unary operator stands in front of; of `&(name/1)` without the parentheses."""
    inner = node.child_by_field_name("operand")
    if inner is None or inner.is_named:
        return inner
    return next((child for child in node.children_by_field_name("operand") if child.is_named), None)


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


def first_error(root: Node) -> int | None:
    """Up to which byte a broken tree can be believed; None for a healthy tree.

    Behind the first error strings may be taken for code and code for strings, so nothing
    there is evidence. An `end` too many is no error to the grammar: it closes a block too
    early, and what it leaves over stands at the end of the file as a name.
    """
    if root.has_error:
        return _first_error(root)
    stray = (child for child in root.children if child.type == "identifier" and child.text in _BLOCK_WORDS)
    return next((child.start_byte for child in stray), None)


_BLOCK_WORDS = frozenset({b"end", b"do", b"else", b"rescue", b"catch", b"after"})


def _first_error(node: Node) -> int:
    """Of a node with an error. A loop, since errors may lie deeper than Python's stack reaches."""
    while not node.is_missing:
        for child in node.children:
            if child.has_error or child.is_missing:
                node = child
                break
            if node.type == "ERROR" and child.child_count == 0 and child.type not in ("comment", "do"):
                return child.start_byte
        else:
            return node.end_byte if node.type == "ERROR" else node.start_byte
    return node.start_byte
