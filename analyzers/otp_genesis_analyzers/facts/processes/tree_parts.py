"""What a piece of code says of a supervision tree: which children it names, which limits it sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

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


class Limit(NamedTuple):
    """An option of a supervisor, or of the child specification with the id `child`, and its value's text."""

    name: str
    child: str
    value: str


def limits_that_differ(branches: Sequence[Sequence[Node]]) -> Iterator[str]:
    """The names of the options to which the branches of a choice give different values.

    A child that only one of them has brings its options along; those are not decided over.
    """
    found = [{limit for node in branch for limit in _limits_in(node)} for branch in branches]
    same = set(found[0]).intersection(*found[1:]) if len(found) > 1 else set[Limit]()
    for limits in found:
        for limit in limits - same:
            of_child = [other for other in found if any(_is_of_same(limit, known) for known in other)]
            if not limit.child or len(of_child) > 1:
                yield limit.name


def _is_of_same(limit: Limit, other: Limit) -> bool:
    return (limit.name, limit.child) == (other.name, other.child)


def _limits_in(node: Node) -> Iterator[Limit]:
    """The options of supervisors that the code sets or is the value of: `strategy`, `max_restarts`."""
    around = _set_by(node)
    if around:
        yield Limit(around, "", syntax.text(node))
    for part in syntax.below(node):
        key = part.child_by_field_name("key") if part.type == "pair" else None
        name = syntax.keyword_name(key) if key is not None else ""
        if name in _LIMITS:
            value = part.child_by_field_name("value")
            yield Limit(name, _child_around(part), syntax.text(value) if value is not None else "")
        elif part.type == "atom" and syntax.text(part) in _STRATEGIES and _is_no_value(part):
            yield Limit("strategy", "", syntax.text(part))


def _child_around(pair: Node) -> str:
    """The `id:` beside an option, or the module of `{DynamicSupervisor, strategy: ...}`; empty without."""
    for other in pair.parent.named_children if pair.parent is not None else ():
        key = other.child_by_field_name("key") if other.type == "pair" else None
        if key is not None and syntax.keyword_name(key) == "id":
            return syntax.text(other)
    around = pair.parent.parent if pair.parent is not None else None
    if around is not None and around.type == "list":
        around = around.parent
    first = syntax.children(around)[0] if around is not None and around.type == "tuple" else None
    return syntax.text(first) if first is not None and first.type == "alias" else ""


def _is_no_value(atom: Node) -> bool:
    return atom.parent is None or atom.parent.type != "pair"


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
    if node.type == "map":
        yield from _id_of_specification(node)
        return
    if node.type in ("unary_operator", "anonymous_function"):
        return
    if node.type == "binary_operator" and syntax.operator(node) in ("=", "<-"):
        right = syntax.right(node)
        yield from children_in(right) if right is not None else ()
        return
    for child in syntax.children(node):
        yield from children_in(child)


def _id_of_specification(specification: Node) -> Iterator[str]:
    """The id of `%{id: :clock, start: {Shop.Clock, :start_link, []}}`; nothing for any other map."""
    pairs = {
        syntax.keyword_name(key): part.child_by_field_name("value")
        for part in syntax.below(specification)
        if part.type == "pair" and (key := part.child_by_field_name("key")) is not None
    }
    child = pairs.get("id") if "start" in pairs else None
    if child is not None:
        yield syntax.text(child)


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
