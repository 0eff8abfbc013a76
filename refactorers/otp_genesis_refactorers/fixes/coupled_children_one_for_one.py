"""OTP310: a list of children whose registry others rely on restarts them with it."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.registered_children import (
    MAX_RESTARTED_TOGETHER,
    Coupled,
    coupled_children,
)
from otp_genesis_analyzers.facts.model import Clause
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.child_list import bound_value

_BEFORE, _AFTER = ":one_for_one", ":rest_for_one"


def fix(finding: Finding, project: Project) -> Change | Refused:
    coupled = next(
        (
            found
            for found in coupled_children(project)
            if found.node.path == finding.path and found.supervisor.span.contains(finding.span)
        ),
        None,
    )
    if coupled is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    source = Source(finding.path, project.read(finding.path))
    refusal = _unfit(source, coupled)
    if refusal is not None:
        return refusal
    shared = _shared_options(source, coupled.node.children.span)
    if shared is not None:
        return Refused(
            f"`{syntax.text(shared)}`, which holds the strategy, is used at "
            f"{place(source, shared.start_byte)} too: give the two supervisors options of their own first"
        )
    strategy = _strategy(source, coupled.node.children.span)
    if strategy is None:
        return Refused(
            f"the strategy of the list at {place(source, coupled.node.children.span.start)} is not written "
            f"out beside it: change it to `{_AFTER}` by hand"
        )
    behind = _names_behind(coupled)
    return Change(
        title=f"Restart what relies on {coupled.registry.name} with it",
        kind=FixKind.UNSAFE,
        files=(file_change(source.path, source.content, [Edit(Span.of(strategy), _AFTER)]),),
        notes=(f"When `{coupled.registry.name}` ends, these are started anew too: {', '.join(behind)}.",),
    )


def _unfit(source: Source, coupled: Coupled) -> Refused | None:
    where = place(source, coupled.node.children.span.start)
    if coupled.in_long_list:
        return Refused(
            f"the list at {where} has more than {MAX_RESTARTED_TOGETHER} children: move the registry and the "
            "supervisor to one of their own with `:one_for_all`"
        )
    if not coupled.in_order:
        return Refused(
            f"`{coupled.registry.name}` stands behind those that rely on it at {where}: put it in front first"
        )
    return None


def _names_behind(coupled: Coupled) -> list[str]:
    children = coupled.node.children.children
    return [child.name or child.module for child in children[children.index(coupled.registry) + 1 :]]


def _strategy(source: Source, call: Span) -> Node | None:
    """The atom behind `strategy:` in the options of the call, or of the variable that holds them."""
    clause = _clause_around(source, call)
    arguments = syntax.arguments(source.node_at(call))
    options = arguments[-1] if arguments else None
    if options is not None and options.type == "identifier" and clause is not None:
        options = bound_value(source, clause, options)
    strategy = syntax.keyword(options, "strategy")
    return strategy if strategy is not None and syntax.text(strategy) == _BEFORE else None


def _shared_options(source: Source, call: Span) -> Node | None:
    """Another use of the variable that holds the options."""
    clause, arguments = _clause_around(source, call), syntax.arguments(source.node_at(call))
    options = arguments[-1] if arguments else None
    if clause is None or options is None or options.type != "identifier":
        return None
    bound = bound_value(source, clause, options)
    named = [
        node
        for node in syntax.below(source.node_at(clause.span))
        if node.type == "identifier" and syntax.text(node) == syntax.text(options) and node != options
    ]
    others = [node for node in named if bound is None or node.next_named_sibling != bound]
    return others[0] if others else None


def _clause_around(source: Source, call: Span) -> Clause | None:
    return next(
        (
            clause
            for module in read_facts(source).modules
            for function in module.functions
            for clause in function.clauses
            if function.kind != "body" and clause.span.contains(call)
        ),
        None,
    )
