"""Telemetry handlers: where they are attached and detached, under which id, and what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.provenance import binding_of, handed_to
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, Clause, Module
from otp_genesis_analyzers.source import Source, Span

Identity = Literal["constant", "unique", "unknown"]
"""Of a handler id: one and the same at each run, another one at each, or only known at run time."""

_NEVER_THE_SAME = frozenset(
    {"self", "make_ref", "unique_integer", "uuid4", "generate", "now", "utc_now", "rand", "uniform"}
    | {"monotonic_time", "system_time", "strong_rand_bytes"}
)
_ALWAYS_THE_SAME = frozenset({"join", "to_string", "inspect", "concat"})
"""What these give of the same arguments."""
_LITERALS = frozenset({"string", "atom", "quoted_atom", "alias", "integer", "charlist", "boolean", "nil"})
_CONTAINERS = frozenset({"tuple", "list", "interpolation", "keywords", "pair", "dot"})


def is_attach(call: Call) -> bool:
    return call.form == "call" and call.is_to(":telemetry", "attach", "attach_many") and len(call.args) == 4


def is_detach(call: Call) -> bool:
    return call.is_to(":telemetry", "detach")


def attaches(module: Module) -> Iterator[Site]:
    """Where a module attaches handlers; what its macros and its body do is left out."""
    for function in module.functions:
        if function.kind in ("def", "defp", "test"):
            for clause in function.clauses:
                for call in clause.calls:
                    if is_attach(call):
                        yield Site(module, function, clause, call)


def detaches(source: Source, clause: Clause, attach: Site) -> bool:
    """The clause takes a handler away again, now or in a closure such as that of `on_exit`.

    Ids are compared by their text, variables followed to where they are bound. One that only run time
    shows may be any, and a local function named after detaching may detach all.
    """
    attached = _id_text(source, attach.clause, attach.call)
    for call in clause.calls:
        if not call.module and "detach" in call.name:
            return True
        if is_detach(call):
            detached = _id_text(source, clause, call)
            is_any = detached.endswith(".id")  # of one that `:telemetry.list_handlers/1` gave
            if not attached or not detached or is_any or detached == attached:
                return True
    return False


def identity(source: Source, clause: Clause, attach: Call) -> Identity:
    """What the id of a handler is. A variable is followed to where the clause binds it."""
    node = id_node(source, attach)
    return _identity(source, clause, node) if node is not None else "unknown"


def id_node(source: Source, call: Call) -> Node | None:
    """The expression of the id that a handler is attached or detached under; None when it is piped in."""
    return None if call.piped else next(iter(syntax.arguments(source.node_at(call.span))), None)


def keeps_something_of_its_process(source: Source, clause: Clause, attach: Call) -> bool:
    """Its configuration is made at run time, or its `fn` uses a variable of the clause around it."""
    if any(part.kind in ("variable", "call", "interpolation", "other") for part in attach.args[3].walk()):
        return True
    closures = [
        c.span for c in clause.closures if attach.span.contains(c.span) and c.parent == attach.closure
    ]
    if not closures or clause.body is None:
        return False
    bound = {name.value for term in clause.head for name in term.walk() if name.kind == "variable"}
    bound |= set(_bound(source.node_at(clause.body), closures))
    return any(name in bound for span in closures for name in _identifiers(source.node_at(span)))


def _id_text(source: Source, clause: Clause, call: Call) -> str:
    """The id that a handler is attached or detached under; empty where the clause does not show it."""
    node = id_node(source, call) if call.form == "call" else None
    if node is not None and node.type == "identifier":
        node = value_of(source, clause, syntax.text(node))
    return syntax.text(node) if node is not None else ""


def _identity(source: Source, clause: Clause, node: Node) -> Identity:
    if node.type == "identifier":
        name = syntax.text(node)
        if name == "__MODULE__":
            return "constant"
        value = value_of(source, clause, name) or _gone_over(node)
        return _identity(source, clause, value) if value is not None else "unknown"
    if node.type == "call":
        target = syntax.call_target(node)
        name = syntax.text(target).rpartition(".")[2] if target is not None else ""
        parts = syntax.arguments(node)
        if name in _NEVER_THE_SAME:
            return "unique"
        otherwise: Identity = "constant" if parts and name in _ALWAYS_THE_SAME else "unknown"
        return _of_parts(source, clause, parts, otherwise)
    if node.type in ("string", "quoted_atom", "charlist"):
        inner = [child for child in node.named_children if child.type == "interpolation"]
        return _of_parts(source, clause, inner, otherwise="constant")
    if node.type in _LITERALS or (node.type == "unary_operator" and syntax.operator(node) == "@"):
        return "constant"
    if node.type in _CONTAINERS:
        return _of_parts(source, clause, syntax.children(node), otherwise="constant")
    return _of_parts(source, clause, syntax.children(node), otherwise="unknown")


def _of_parts(source: Source, clause: Clause, parts: list[Node], otherwise: Identity) -> Identity:
    found = {
        _identity(source, clause, part) for part in parts if part.type not in ("keyword", "quoted_content")
    }
    if "unique" in found:
        return "unique"
    return "unknown" if "unknown" in found else otherwise


def _gone_over(name: Node) -> Node | None:
    """What `Enum.each(events, fn name -> ... end)` goes over, for the variable of that function."""
    binding = binding_of(name)
    if binding is None or binding.way != "closure" or binding.pattern.type != "identifier":
        return None
    closure = binding.pattern.parent
    while closure is not None and closure.type != "anonymous_function":
        closure = closure.parent
    holder = closure.parent if closure is not None else None
    call = holder.parent if holder is not None else None
    target = syntax.call_target(call) if call is not None and call.type == "call" else None
    goes_over = closure is not None and target is not None and syntax.text(target) == "Enum.each"
    return handed_to(closure) if closure is not None and goes_over else None


def value_of(source: Source, clause: Clause, name: str) -> Node | None:
    """The right side of the only `name = value` of the clause."""
    if clause.body is None:
        return None
    values = [value for bound, value in _matches(source.node_at(clause.body)) if bound == name]
    return values[0] if len(values) == 1 and not _mentions(values[0], name) else None


def _mentions(node: Node, name: str) -> bool:
    return name in set(_identifiers(node))


def _matches(node: Node) -> Iterator[tuple[str, Node]]:
    if node.type == "binary_operator" and syntax.operator(node) == "=":
        left, right = syntax.left(node), syntax.right(node)
        if left is not None and right is not None and left.type == "identifier":
            yield syntax.text(left), right
    for child in node.named_children:
        yield from _matches(child)


def _bound(node: Node, outside: list[Span]) -> Iterator[str]:
    """The names on the left of `=` below a node, but for what stands in one of the spans."""
    if any(span.start <= node.start_byte and node.end_byte <= span.end for span in outside):
        return
    if node.type == "binary_operator" and syntax.operator(node) == "=":
        left = syntax.left(node)
        if left is not None:
            yield from _identifiers(left)
    for child in node.named_children:
        yield from _bound(child, outside)


def _identifiers(node: Node) -> Iterator[str]:
    if node.type == "identifier":
        yield syntax.text(node)
    for child in node.named_children:
        yield from _identifiers(child)
