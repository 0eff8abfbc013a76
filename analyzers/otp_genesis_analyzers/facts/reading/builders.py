"""Facts under construction: what the walk collects before a module or a clause is closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import structs
from tree_sitter import Node

from otp_genesis_analyzers.facts.model import (
    Attribute,
    Call,
    ChildList,
    Clause,
    Closure,
    Function,
    FunctionKind,
    Import,
    Module,
    ModuleKind,
    Receive,
    Use,
)
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.terms import Term


class Body(NamedTuple):
    """The statements of one clause, kept while its module is open, to evaluate child lists."""

    statements: tuple[Node, ...]
    bindings: dict[str, list[Node]]
    """What each variable was bound to, in order."""
    scope: Scope


@dataclass
class ClauseBuilder:
    kind: FunctionKind
    name: str
    arity: int
    defaults: int
    span: Span
    name_span: Span
    head: tuple[Term, ...] = ()
    guard: Span | None = None
    body: Span | None = None
    impl: bool = False
    calls: list[Call] = field(default_factory=list[Call])
    closures: list[Closure] = field(default_factory=list[Closure])
    receives: list[Receive] = field(default_factory=list[Receive])
    bindings: dict[str, list[Node]] = field(default_factory=dict[str, list[Node]])
    nested_definition: bool = False
    """Holds another definition: in a broken tree the sign of an `end` that is missing."""

    @property
    def id(self) -> str:
        return f"{self.name}/{self.arity}"

    def close(self, shadowed: frozenset[str]) -> Clause:
        calls = self.calls
        if shadowed:
            calls = [
                structs.replace(call, module="", args=())
                if call.module == "Kernel" and f"{call.name}/{call.arity}" in shadowed
                else call
                for call in calls
            ]
        return Clause(
            span=self.span,
            name_span=self.name_span,
            head=self.head,
            guard=self.guard,
            body=self.body,
            calls=tuple(calls),
            closures=tuple(self.closures),
            receives=tuple(self.receives),
            impl=self.impl,
        )


class PendingChildList(NamedTuple):
    """A call that gives children to a supervisor; read when the whole module has been seen."""

    call: Call
    arguments: tuple[Node, ...]
    function: str
    bindings: dict[str, list[Node]]
    scope: Scope


class Unread(NamedTuple):
    """A definition that holds no word by which it could matter; read only if it turns out connected."""

    node: Node
    clause: ClauseBuilder
    scope: Scope


@dataclass
class ModuleBuilder:
    kind: ModuleKind
    name: str
    name_span: Span
    span: Span
    body: ClauseBuilder
    complete: bool = True
    clauses: list[ClauseBuilder] = field(default_factory=list[ClauseBuilder])
    bodies: dict[str, list[Body]] = field(default_factory=dict[str, list[Body]])
    uses: list[Use] = field(default_factory=list[Use])
    behaviours: list[str] = field(default_factory=list[str])
    imports: list[Import] = field(default_factory=list[Import])
    attributes: list[Attribute] = field(default_factory=list[Attribute])
    injects: list[tuple[str, Use]] = field(default_factory=list[tuple[str, Use]])
    quoted: list[str] = field(default_factory=list[str])
    pending: list[PendingChildList] = field(default_factory=list[PendingChildList])
    unread: list[Unread] = field(default_factory=list[Unread])
    impl_next: bool = False

    def close(self, child_lists: tuple[ChildList, ...]) -> Module:
        grouped: dict[tuple[str, int], list[ClauseBuilder]] = {}
        for clause in self.clauses:
            grouped.setdefault((clause.name, clause.arity), []).append(clause)
        shadowed = frozenset(clause.id for clause in self.clauses if clause.kind != "test")
        functions = [_function(clauses, shadowed) for clauses in grouped.values()]
        if self.body.calls and self.complete:
            functions.append(_function([self.body], shadowed))
        return Module(
            kind=self.kind,
            name=self.name,
            name_span=self.name_span,
            span=self.span,
            complete=self.complete,
            uses=tuple(self.uses),
            behaviours=tuple(self.behaviours),
            imports=tuple(self.imports),
            attributes=tuple(self.attributes),
            functions=tuple(functions),
            child_lists=child_lists,
            injects=tuple(self.injects),
            quoted=tuple(dict.fromkeys(self.quoted)),
        )


def _function(clauses: list[ClauseBuilder], shadowed: frozenset[str]) -> Function:
    first = clauses[0]
    return Function(
        kind=first.kind,
        name=first.name,
        arity=first.arity,
        defaults=max(clause.defaults for clause in clauses),
        clauses=tuple(clause.close(shadowed) for clause in clauses),
    )
