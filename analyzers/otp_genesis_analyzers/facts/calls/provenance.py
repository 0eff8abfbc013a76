"""Where a variable gets its value: the match, the clause or the head that binds it, by lexical scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.source import Source

Way = Literal[
    "match",  # `=` and `<-`: the value is the right side
    "subject",  # a clause of `case`: the value is what is matched
    "closure",  # a parameter of `fn`
    "head",  # a parameter of the definition
    "other",  # a message, an exception
]


class Binding(NamedTuple):
    """`pattern` holds the variable. `closures` are the functions between its use and it, innermost first."""

    way: Way
    pattern: Node
    value: Node | None
    closures: tuple[Node, ...]


def binding_of(variable: Node) -> Binding | None:
    """The binding that an `identifier` node means; None when nothing in its definition binds it."""
    name, closures = syntax.text(variable), list[Node]()
    child, node = variable, variable.parent
    while node is not None:
        match node.type:
            case "anonymous_function":
                closures.append(node)
            case "unary_operator" if syntax.operator(node) == "&":
                closures.append(node)
            case "stab_clause":
                found = _in_clause(node, child, name, closures)
                if found is not None:
                    return found
            case "call":
                if child.type == "do_block":
                    found = _among(syntax.arguments(node), name, closures)
                    if found is not None:
                        return found
                if syntax.local_name(node) in syntax.DEFINITIONS:
                    return _in_head(node, name, closures)
            case _:
                earlier = () if child.type in syntax.SECTIONS else _before(node, child)
                found = _among(earlier, name, closures)
                if found is not None:
                    return found
        child, node = node, node.parent
    return None


def defaults_to_number(name: Node) -> bool:
    """`id = Keyword.get(opts, :id, 1)`: the number of a worker among several, not that of a record."""
    binding = binding_of(name) if name.type == "identifier" else None
    value = binding.value if binding is not None else None
    arguments = syntax.arguments(value) if value is not None and value.type == "call" else []
    return len(arguments) > 1 and arguments[-1].type == "integer"


def handed_to(closure: Node) -> Node | None:
    """What is handed on together with a closure: `carts` in `Enum.map(carts, closure)`, piped or not."""
    holder = closure.parent
    call = holder.parent if holder is not None else None
    if holder is None or call is None or holder.type != "arguments" or call.type != "call":
        return None
    piped = call.parent
    is_piped = piped is not None and piped.type == "binary_operator" and syntax.operator(piped) == "|>"
    if piped is not None and is_piped and syntax.right(piped) == call:
        return syntax.left(piped)
    first = syntax.children(holder)[0]
    return None if first == closure else first


def argument_nodes(source: Source, call: Call) -> list[Node]:
    """The arguments of a call in the order in which the function gets them: what is piped in first.

    Those of a call by `apply/3` are the elements of its list.
    """
    node = source.node_at(call.span)
    if node.type == "dot" and node.parent is not None and node.parent.end_byte == node.end_byte:
        node = node.parent  # `text |> String.to_atom`, without parentheses
    given, pipe = syntax.arguments(node), node.parent
    if pipe is not None and pipe.type == "binary_operator" and syntax.operator(pipe) == "|>":
        piped = syntax.left(pipe)
        if piped is not None and syntax.right(pipe) == node:
            given = [piped, *given]
    return syntax.children(given[2]) if call.form == "apply" and len(given) == 3 else given


def variables_in(node: Node) -> Iterator[Node]:
    """The variables of an expression or a pattern; `^pinned` and names of functions are left out."""
    nodes = [node]
    while nodes:
        inner = nodes.pop()
        if inner.type == "identifier":
            yield inner
        elif inner.type == "call":
            nodes += [child for child in inner.named_children if child.type != "identifier"]
        elif inner.type == "dot":
            receiver = syntax.left(inner)
            nodes += [receiver] if receiver is not None else []
        elif inner.type != "unary_operator" or syntax.operator(inner) not in ("^", "@"):
            nodes += inner.named_children


def _binds(pattern: Node, name: str) -> bool:
    return any(syntax.text(variable) == name for variable in variables_in(pattern))


def _before(node: Node, child: Node) -> Iterable[Node]:
    return (other for other in syntax.children(node) if other.end_byte <= child.start_byte)


def _among(nodes: Iterable[Node], name: str, closures: list[Node]) -> Binding | None:
    """The last of these statements, or arguments of `with` and `for`, that binds the name."""
    found: Binding | None = None
    for node in nodes:
        while node.type == "binary_operator" and syntax.operator(node) in ("=", "<-"):
            pattern, value = syntax.left(node), syntax.right(node)
            if pattern is None or value is None:
                break
            if _binds(pattern, name):
                found = Binding("match", pattern, value, tuple(closures))
                break
            node = value
    return found


def _in_clause(clause: Node, child: Node, name: str, closures: list[Node]) -> Binding | None:
    patterns, _, _ = syntax.stab_parts(clause)
    pattern = next((p for p in patterns if _binds(p, name)), None)
    if pattern is None or child == clause.child_by_field_name("left") or clause.parent is None:
        return None
    if clause.parent.type == "anonymous_function":
        return Binding("closure", pattern, None, tuple(closures))
    form = clause.parent.parent
    if form is None or clause.parent.type != "do_block" or syntax.local_name(form) != "case":
        return Binding("other", pattern, None, tuple(closures))
    subject = next(iter(syntax.arguments(form)), None)
    if subject is None and form.parent is not None and form.parent.type == "binary_operator":
        subject = syntax.left(form.parent)
    return Binding("subject", pattern, subject, tuple(closures))


def _in_head(definition: Node, name: str, closures: list[Node]) -> Binding | None:
    head, _ = syntax.definition_head(definition)
    parameters = syntax.arguments(head) if head is not None and head.type == "call" else []
    pattern = next((parameter for parameter in parameters if _binds(parameter, name)), None)
    return Binding("head", pattern, None, tuple(closures)) if pattern is not None else None
