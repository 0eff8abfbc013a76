"""The state that `init/1` builds: its fields, and what they hold at the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.clause_results import ends_of, statements
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.model import Clause, FileFacts, Module
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.facts.state.server_returns import tag_of, tuples_below
from otp_genesis_analyzers.source import Source

_EMPTY = frozenset({"%{}", "[]", "MapSet.new()", "MapSet.new", "Map.new()", ":queue.new()", ":queue.new"})
_EMPTY_CALLS = frozenset({":gb_trees.empty()", ":gb_sets.new()", ":gb_sets.empty()", ":orddict.new()"})


@dataclass(frozen=True)
class InitialState:
    """`fields` by name: whether the field starts as an empty collection. "" is the state itself."""

    fields: Mapping[str, bool] = field(default_factory=dict[str, bool])

    @property
    def empty_collections(self) -> frozenset[str]:
        return frozenset(name for name, empty in self.fields.items() if empty)


def initial_state(source: Source, facts: FileFacts, module: Module) -> InitialState:
    init = module.function("init", 1)
    fields: dict[str, bool] = {}
    clauses = init.clauses if init is not None else ()
    built = [node for clause in clauses for node in _built(source, module, clause)]
    if _is_struct_state(module, built):
        for name, value in _struct_fields(source, facts, module):
            fields[name] = value is not None and is_empty(value)
    for node in built:
        if is_empty(node):
            fields[""] = True
        elif node.type == "map":
            fields |= {name: is_empty(value) for name, value in entries(node)}
    return InitialState(fields)


def _is_struct_state(module: Module, built: list[Node]) -> bool:
    """The state is a struct, by what `init` builds or by what the callbacks take."""
    if any(child.type == "struct" for node in built for child in node.named_children):
        return True
    states = (
        part
        for function in module.functions
        if function.name.startswith("handle_")
        for clause in function.clauses
        for part in clause.head[-1:]
    )
    return any(part.kind == "struct" or any(item.kind == "struct" for item in part.items) for part in states)


def _struct_fields(source: Source, facts: FileFacts, module: Module) -> Iterator[tuple[str, Node | None]]:
    """Fields and defaults of the module's own struct, or of the one in `Module.State`."""
    for owner in facts.modules:
        if owner.name not in (module.name, f"{module.name}.State", f"{module.name}.Data"):
            continue
        block = syntax.do_block(source.node_at(owner.span))
        for statement in syntax.children(block) if block is not None else []:
            if syntax.local_name(statement) == "defstruct":
                for argument in syntax.arguments(statement):
                    yield from _declared(argument)


def _declared(argument: Node) -> Iterator[tuple[str, Node | None]]:
    if argument.type == "keywords":
        yield from syntax.pairs(argument)
        return
    for item in syntax.children(argument) if argument.type == "list" else []:
        if item.type == "atom":
            yield syntax.text(item)[1:], None
        elif item.type == "keywords":
            yield from syntax.pairs(item)


def _built(source: Source, module: Module, clause: Clause) -> Iterator[Node]:
    """What stands for the state in `{:ok, state}`, variables followed to the maps bound to them.

    What `init/1` hands on as it got it is what the start function of the module gives.
    """
    if clause.body is None:
        return
    body = source.node_at(clause.body)
    for returned in tuples_below(body):
        items = syntax.children(returned)
        if tag_of(returned) == "ok" and len(items) in (2, 3):
            name = syntax.text(items[1]) if items[1].type == "identifier" else ""
            if not name:
                yield from _given_by(source, call_graph(module), items[1])
                continue
            bound = list(_bound_to(body, name))
            handed_on = not bound and clause.head[0].kind == "variable" and clause.head[0].value == name
            yield from _given_at_start(source, module) if handed_on else bound


def _given_by(source: Source, graph: CallGraph, value: Node) -> Iterator[Node]:
    """The value, or what the function of the module that it calls gives: `initial()`."""
    name = syntax.local_name(value) if value.type == "call" else ""
    function = graph.named(f"{name}/{len(syntax.arguments(value))}") if name else None
    if function is None:
        yield value
        return
    for clause in function.clauses:
        yield from ends_of(statements(source, clause))


def _given_at_start(source: Source, module: Module) -> Iterator[Node]:
    """The argument of `init/1`, as the start functions of the module give it: written there, or a default."""
    for function in module.functions:
        for clause in function.clauses:
            for call in clause.calls:
                start = start_of(call)
                if start is None or start.module != module.name or len(call.args) < 2:
                    continue
                given = argument_nodes(source, call)[1]
                if given.type == "identifier":
                    yield from _defaults(source.node_at(clause.span), syntax.text(given))
                else:
                    yield given


def _defaults(definition: Node, name: str) -> Iterator[Node]:
    """`%{}` of the parameter `orders \\\\ %{}`."""
    head, _ = syntax.definition_head(definition)
    for parameter in syntax.arguments(head) if head is not None and head.type == "call" else []:
        if parameter.type == "binary_operator" and syntax.operator(parameter) == "\\\\":
            written, default = syntax.left(parameter), syntax.right(parameter)
            if written is not None and default is not None and syntax.text(written) == name:
                yield default


def _bound_to(body: Node, name: str) -> Iterator[Node]:
    for node in syntax.below(body):
        if node.type == "binary_operator" and syntax.operator(node) == "=":
            pattern, value = syntax.left(node), syntax.right(node)
            if pattern is not None and value is not None and syntax.text(pattern) == name:
                yield value


def entries(node: Node) -> Iterator[tuple[str, Node]]:
    """Fields and values of a map or struct as it is written."""
    for content in node.named_children:
        for child in syntax.children(content) if content.type == "map_content" else []:
            if child.type == "keywords":
                yield from syntax.pairs(child)
            elif child.type == "binary_operator" and syntax.operator(child) == "|":
                changed = syntax.right(child)
                if changed is not None and changed.type == "keywords":
                    yield from syntax.pairs(changed)


def is_empty(node: Node) -> bool:
    """`%{}`, `[]`, `MapSet.new()`, `:queue.new()` and the like."""
    written = "".join(syntax.text(node).split())
    return written in _EMPTY or written in _EMPTY_CALLS
