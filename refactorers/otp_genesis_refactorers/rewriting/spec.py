"""The `@spec` of a function whose value changes."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit


def ok_pid_in_spec(source: Source, module: Module, function: Function) -> list[Edit]:
    """`:: pid` in the specs of a function as `:: {:ok, pid}`; any other return type is left as it is."""
    block = syntax.do_block(source.node_at(module.span))
    results = [_result_of(node, function) for node in syntax.children(block)] if block is not None else []
    return [
        Edit(Span.of(result), f"{{:ok, {syntax.text(result)}}}")
        for result in results
        if result is not None and syntax.text(result) in ("pid", "pid()")
    ]


def _result_of(node: Node, function: Function) -> Node | None:
    """The return type, if `node` is a spec of the function."""
    spec = syntax.operand(node) if node.type == "unary_operator" and syntax.operator(node) == "@" else None
    if spec is None or syntax.local_name(spec) != "spec" or not syntax.arguments(spec):
        return None
    typed, _ = syntax.definition_head(spec)
    head = syntax.left(typed) if typed is not None and syntax.operator(typed) == "::" else None
    if typed is None or head is None or syntax.local_name(head) != function.name:
        return None
    return syntax.right(typed) if function.accepts(len(syntax.arguments(head))) else None
