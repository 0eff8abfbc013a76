"""What a piece of code says of a supervision tree: which children it names, which limits it sets."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax

_LIMITS = frozenset({"strategy", "max_restarts", "max_seconds", "restart"})
_STRATEGIES = frozenset({":one_for_one", ":one_for_all", ":rest_for_one"})
_WORDS_FOR_CHILDREN = frozenset(
    {"child", "children", "spec", "specs", "worker", "workers", "supervisor", "supervisors"}
)
_HANDS_ON = frozenset({"if", "unless", "case", "cond", "with", "for", "worker", "supervisor", "then"})
_TREE_MODULES = frozenset({"Supervisor", "Supervisor.Spec", "DynamicSupervisor", "Enum", "List", "Kernel"})
_DEFAULT_SECONDS = 5
"""What `max_seconds` is where nothing is said."""
_DYNAMIC = frozenset({"DynamicSupervisor", "Task.Supervisor", "PartitionSupervisor", "ConsumerSupervisor"})


def limits_in(node: Node) -> Iterator[str]:
    """The options of supervisors that the code sets or is the value of: `strategy`, `max_restarts`."""
    around = _set_by(node)
    if around:
        yield around
    for part in _below(node):
        key = part.child_by_field_name("key") if part.type == "pair" else None
        name = syntax.keyword_name(key) if key is not None else ""
        if name in _LIMITS:
            yield name
        if part.type == "atom" and syntax.text(part) in _STRATEGIES:
            yield "strategy"


def _set_by(node: Node) -> str:
    """The option, or the variable named for one, whose value a branch of a choice is."""
    parent = node.parent
    while parent is not None and parent.type not in ("stab_clause", "tuple", "list", "source"):
        name = ""
        if parent.type == "pair":
            key = parent.child_by_field_name("key")
            name = syntax.keyword_name(key) if key is not None else ""
        elif parent.type == "binary_operator" and syntax.operator(parent) == "=":
            left = syntax.left(parent)
            name = syntax.text(left) if left is not None else ""
        if name in _LIMITS:
            return name
        if name not in ("", "do", "else") or syntax.local_name(parent) in syntax.DEFINITIONS:
            return ""
        parent = parent.parent
    return ""


def children_in(node: Node) -> Iterator[str]:
    """The modules that the code names as children, and the local functions that give some, as written."""
    if node.type == "call":
        yield from _in_call(node)
        return
    if node.type == "alias" or (node.type == "dot" and _is_alias(node)):
        yield syntax.text(node)
        return
    if node.type == "tuple":
        parts = syntax.children(node)
        if len(parts) == 2:
            yield from children_in(parts[0])
        return
    if node.type == "stab_clause":
        for part in syntax.stab_parts(node)[2]:
            yield from children_in(part)
        return
    if node.type in ("map", "unary_operator", "anonymous_function"):
        return
    if node.type == "binary_operator" and syntax.operator(node) in ("=", "<-"):
        right = syntax.right(node)
        yield from children_in(right) if right is not None else ()
        return
    for child in syntax.children(node):
        yield from children_in(child)


def defines_children(node: Node) -> bool:
    """Holds a function that is named for the children it gives."""
    if syntax.local_name(node) in ("def", "defp"):
        head, _ = syntax.definition_head(node)
        name = syntax.text(head).partition("(")[0] if head is not None else ""
        return _gives_children(name)
    return any(defines_children(child) for child in node.named_children)


def is_list_of_children(node: Node) -> bool:
    """Stands in the value of an attribute that is named for the children it holds."""
    above = node.parent
    while above is not None and not (above.type == "unary_operator" and syntax.operator(above) == "@"):
        above = above.parent
    inner = syntax.operand(above) if above is not None else None
    return inner is not None and _gives_children(syntax.local_name(inner))


def high_limits(node: Node, at_least: int) -> Iterator[tuple[Node, int, int]]:
    """Each `max_restarts: N` of a supervisor with fixed children: the pair, N, and the seconds it holds for.

    One of many like children that come and go needs a high limit, so those are left out.
    """
    if node.type == "call":
        target = syntax.call_target(node)
        owner = syntax.left(target) if target is not None and target.type == "dot" else None
        if owner is not None and _is_dynamic(owner):
            return
    if node.type == "tuple" and node.named_children and _is_dynamic(node.named_children[0]):
        return
    if node.type == "keywords":
        values = dict(syntax.pairs(node))
        restarts, seconds = _number(values.get("max_restarts")), _number(values.get("max_seconds"))
        written = values.get("max_restarts")
        if restarts is not None and restarts >= at_least and written is not None and written.parent:
            yield written.parent, restarts, seconds or _DEFAULT_SECONDS
    for child in node.named_children:
        yield from high_limits(child, at_least)


def _is_dynamic(supervisor: Node) -> bool:
    name = syntax.text(supervisor)
    return name in _DYNAMIC or name.endswith(".DynamicSupervisor")


def _number(node: Node | None) -> int | None:
    digits = syntax.text(node).replace("_", "") if node is not None else ""
    return int(digits) if digits.isdigit() else None


def _below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.named_children:
        yield from _below(child)


def _in_call(call: Node) -> Iterator[str]:
    name = syntax.local_name(call)
    if name in syntax.DEFINITIONS:
        block = syntax.do_block(call)
        inner = [block] if block is not None else list(syntax.body_keywords(call).values())
        for node in inner:
            yield from children_in(node)
        return
    if name and name not in _HANDS_ON:
        if _gives_children(name):
            yield name
        return
    target = syntax.call_target(call)
    owner = syntax.left(target) if target is not None and target.type == "dot" else None
    if owner is not None and syntax.text(owner) not in _TREE_MODULES:
        called = syntax.right(target) if target is not None else None
        if called is not None and syntax.text(called) == "child_spec":
            yield syntax.text(owner)
        return
    for child in syntax.children(call):
        if child != target:
            yield from children_in(child)


def _gives_children(name: str) -> bool:
    return not _WORDS_FOR_CHILDREN.isdisjoint(name.rstrip("?!").split("_"))


def _is_alias(node: Node) -> bool:
    return syntax.text(node).startswith("__MODULE__")
