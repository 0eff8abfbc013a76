"""The function that a telemetry handler is: a value made in place, or one that its module names."""

from __future__ import annotations

from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call, Clause, Module
from otp_genesis_analyzers.facts.telemetry.attached import value_of
from otp_genesis_analyzers.source import Source

_HANDLER = 2
_ARITY = 4


class Forwarding(NamedTuple):
    """A handler that only calls `function` with what it is given.

    `config` is the variable that it hands on in the place of its configuration; empty when it hands on
    all four as they are.
    """

    function: Node
    config: str


def handler_node(source: Source, clause: Clause, attach: Call) -> Node | None:
    """The expression of the handler; a variable is followed to where the clause binds it."""
    arguments = syntax.arguments(source.node_at(attach.span))
    position = _HANDLER - attach.piped
    node = arguments[position] if len(arguments) > position else None
    if node is not None and node.type == "identifier":
        return value_of(source, clause, syntax.text(node))
    return node


def captured_here(module: Module, handler: Node) -> str:
    """The name in `&handle/4` of a function of this module; empty for any other expression."""
    captured = syntax.captured_function(handler) if handler.type == "unary_operator" else None
    if captured is None:
        return ""
    function, arity = captured
    name = syntax.text(function)
    defined = module.function(name, arity) if function.type == "identifier" else None
    return name if defined is not None and (defined.public or defined.kind == "defp") else ""


def is_anonymous(handler: Node) -> bool:
    """A `fn`, or `&(...)` that is no name with an arity."""
    if handler.type == "anonymous_function":
        return True
    return (
        handler.type == "unary_operator"
        and syntax.operator(handler) == "&"
        and syntax.captured_function(handler) is None
    )


def forwarding(handler: Node) -> Forwarding | None:
    """What an anonymous handler calls, when that is one function and all that it does."""
    if handler.type == "unary_operator":
        call = syntax.operand(handler)
        target = _called_with(call, [f"&{number}" for number in range(1, _ARITY + 1)])
        return Forwarding(target, "") if target is not None else None
    clauses = [child for child in syntax.children(handler) if child.type == "stab_clause"]
    patterns, guard, body = syntax.stab_parts(clauses[0]) if len(clauses) == 1 else ([], None, [])
    if guard is not None or len(body) != 1 or any(pattern.type != "identifier" for pattern in patterns):
        return None
    names = [syntax.text(pattern) for pattern in patterns]
    if len(names) != _ARITY or any(name.startswith("_") for name in names[:-1]):
        return None
    if not names[-1].startswith("_"):
        target = _called_with(body[0], names)
        return Forwarding(target, "") if target is not None else None
    given = syntax.arguments(body[0]) if body[0].type == "call" else []
    kept = syntax.text(given[-1]) if given and given[-1].type == "identifier" else ""
    target = _called_with(body[0], [*names[:-1], kept]) if kept and kept not in names else None
    return Forwarding(target, kept) if target is not None else None


def _called_with(call: Node | None, arguments: list[str]) -> Node | None:
    """The function of a call with exactly these arguments."""
    if call is None or call.type != "call" or syntax.do_block(call) is not None:
        return None
    target = syntax.call_target(call)
    given = [syntax.text(argument) for argument in syntax.arguments(call)]
    if given != arguments or target is None:
        return None
    is_named = target.type == "identifier" or (target.type == "dot" and syntax.right(target) is not None)
    return target if is_named else None
