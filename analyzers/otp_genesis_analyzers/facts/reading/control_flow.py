"""How the special forms hand values on: which branch's value is the whole's, what is only tested.

Each function visits the parts of one form. They are looked up by the form's name in `FORMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Receive, Result
from otp_genesis_analyzers.facts.reading.read_terms import read_term
from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.terms import Term

if TYPE_CHECKING:
    from otp_genesis_analyzers.facts.reading.walk import Walk

Form = Callable[["Walk", Node, list[Node], Result, Term | None], None]
"""`form(walk, call, arguments, result, bound_to)`; a piped value is the first argument."""


def clauses(walk: Walk, nodes: list[Node], result: Result, bound_to: Term | None) -> None:
    """Clauses of case, cond, receive, fn, else, rescue: each is a branch, its value the form's."""
    for node in nodes:
        if node.type != "stab_clause":
            walk.visit(node, result, bound_to)
            continue
        _, guard, body = syntax.stab_parts(node)
        with walk.branch(node):
            if guard is not None:
                walk.visit(guard, "tested")
            walk.sequence(body, result, bound_to)


def _tail_sections(walk: Walk, parts: dict[str, list[Node]], result: Result, bound_to: Term | None) -> None:
    for name, nodes in parts.items():
        if name == "after":
            walk.sequence(nodes, "discarded", None)
        else:
            with walk.branch(nodes[0] if nodes else None):
                _statements_or_clauses(walk, nodes, result, bound_to)


def _statements_or_clauses(walk: Walk, nodes: list[Node], result: Result, bound_to: Term | None) -> None:
    if nodes and nodes[0].type == "stab_clause":
        clauses(walk, nodes, result, bound_to)
    else:
        walk.sequence(nodes, result, bound_to)


def _bodies(walk: Walk, call: Node, result: Result, bound_to: Term | None) -> None:
    """The do block or `do:` keywords of a form, every section a branch."""
    block = syntax.do_block(call)
    if block is not None:
        body, parts = syntax.sections(block)
        with walk.branch(block), walk.rescued("rescue" in parts or "catch" in parts):
            _statements_or_clauses(walk, body, result, bound_to)
        _tail_sections(walk, parts, result, bound_to)
    for name, value in syntax.body_keywords(call).items():
        with walk.branch(value):
            walk.visit(value, "discarded" if name == "after" else result, bound_to)


def _own_arguments(call: Node, arguments: list[Node]) -> list[Node]:
    """The arguments without the keywords that hold the bodies."""
    if arguments and syntax.body_keywords(call):
        return arguments[:-1]
    return arguments


def definition_body(walk: Walk, call: Node) -> None:
    """The body of a def or a test, with its rescue, catch, else and after parts."""
    block = syntax.do_block(call)
    if block is not None:
        body, parts = syntax.sections(block)
        with walk.rescued("rescue" in parts or "catch" in parts):
            walk.sequence(body, "returned", None)
        _tail_sections(walk, parts, "returned", None)
    for name, value in syntax.body_keywords(call).items():
        with walk.rescued(name == "do" and any(k in ("rescue", "catch") for k in syntax.body_keywords(call))):
            walk.visit(value, "discarded" if name == "after" else "returned")


def _case(walk: Walk, call: Node, arguments: list[Node], result: Result, bound_to: Term | None) -> None:
    for argument in _own_arguments(call, arguments):
        walk.visit(argument, "subject")
    _bodies(walk, call, result, bound_to)


def _if(walk: Walk, call: Node, arguments: list[Node], result: Result, bound_to: Term | None) -> None:
    for argument in _own_arguments(call, arguments):
        walk.visit(argument, "tested")
    _bodies(walk, call, result, bound_to)


def _cond(walk: Walk, call: Node, _: list[Node], result: Result, bound_to: Term | None) -> None:
    block = syntax.do_block(call)
    for clause in syntax.children(block) if block is not None else []:
        if clause.type == "stab_clause":
            conditions, _guard, body = syntax.stab_parts(clause)
            for condition in conditions:
                walk.visit(condition, "tested")
            with walk.branch(clause):
                walk.sequence(body, result, bound_to)


def _with(walk: Walk, call: Node, arguments: list[Node], result: Result, bound_to: Term | None) -> None:
    for argument in _own_arguments(call, arguments):
        walk.generator(argument)
    _bodies(walk, call, result, bound_to)


def _for(walk: Walk, call: Node, arguments: list[Node], result: Result, _: Term | None) -> None:
    for argument in _own_arguments(call, arguments):
        if argument.type == "binary_operator" and syntax.operator(argument) == "<-":
            walk.generator(argument)
        else:
            walk.visit(argument, "tested")
    _bodies(walk, call, "discarded" if result == "discarded" else "stored", None)


def _try(walk: Walk, call: Node, _: list[Node], result: Result, bound_to: Term | None) -> None:
    _bodies(walk, call, result, bound_to)


def _receive(walk: Walk, call: Node, _: list[Node], result: Result, bound_to: Term | None) -> None:
    body, parts = _receive_parts(call)
    stabs = [node for node in body if node.type == "stab_clause"]
    patterns = [syntax.stab_parts(node)[0] for node in stabs]
    after = [node for node in parts.get("after", []) if node.type == "stab_clause"]
    timeout = syntax.stab_parts(after[0])[0] if after else []
    target = syntax.call_target(call) or call
    walk.clause.receives.append(
        Receive(
            span=Span.of(target),
            runs=walk.runs,
            closure=walk.closure,
            patterns=tuple(read_term(pattern[0], walk.scope) for pattern in patterns if pattern),
            has_after="after" in parts,
            after=read_term(timeout[0], walk.scope) if timeout else None,
        )
    )
    clauses(walk, body, result, bound_to)
    clauses(walk, parts.get("after", []), result, bound_to)


def _receive_parts(call: Node) -> tuple[list[Node], dict[str, list[Node]]]:
    """Clauses and sections, also of the one-line form `receive do: (x -> x)`."""
    block = syntax.do_block(call)
    if block is not None:
        return syntax.sections(block)
    values = {name: syntax.children(value) for name, value in syntax.body_keywords(call).items()}
    return values.pop("do", []), values


def _quote(walk: Walk, call: Node, _arguments: list[Node], _result: Result, _bound: Term | None) -> None:
    """Quoted code does not run here; only the `use` lines and the functions that it injects are kept."""
    block = syntax.do_block(call)
    statements = syntax.children(block) if block is not None else []
    statements += [value for name, value in syntax.body_keywords(call).items() if name == "do"]
    for statement in statements:
        if syntax.local_name(statement) == "use":
            walk.injected_use(statement)
        walk.quoted_statement(statement)


FORMS: dict[str, Form] = {
    "case": _case,
    "cond": _cond,
    "if": _if,
    "unless": _if,
    "with": _with,
    "for": _for,
    "try": _try,
    "receive": _receive,
    "quote": _quote,
}
