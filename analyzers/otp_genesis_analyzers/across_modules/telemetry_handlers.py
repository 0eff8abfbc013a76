"""Telemetry handlers that one module defines and another one attaches."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, FileFacts, Function, Module
from otp_genesis_analyzers.facts.telemetry.attached import attaches
from otp_genesis_analyzers.findings import Finding, Related
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import Role

_EXPORTERS = ("Telemetry.Metrics.", "PromEx", "OpenTelemetry", "Prometheus", "ExUnit.")


def attached_here(path: str, attach: Site) -> Related:
    return Related(path, attach.call.head, "the handler is attached here")


def attaches_elsewhere(project: Project, module: Module, function: Function) -> Iterator[tuple[str, Site]]:
    """Where other modules that run in the application attach `&Module.function/4`, by path."""
    handler = f"{module.name}.{function.id}"
    for path, analysis in project.files.items():
        if module.name in analysis.facts.references and project.role_of(path) in (Role.LIB, Role.DEV_TOOL):
            for other in analysis.facts.modules:
                for site in attaches(other):
                    if site.call.args[2].kind == "capture" and site.call.args[2].value == handler:
                        yield path, site


def function_of(project: Project, finding: Finding) -> tuple[Module, Function] | None:
    """The function that a finding's scope names."""
    for module in project.files[finding.path].facts.modules:
        if module.span.contains(finding.span):
            for function in module.functions:
                if _scope(module, function) == finding.scope:
                    return module, function
    return None


def scope_at(module: Module, call: Call) -> str:
    """The scope of a finding at a call: the function that it stands in; empty outside of functions."""
    for function in module.functions:
        if function.kind != "body" and any(clause.span.contains(call.head) for clause in function.clauses):
            return _scope(module, function)
    return ""


def _scope(module: Module, function: Function) -> str:
    return f"{module.name}.{function.id}"


def reports_metrics(facts: FileFacts) -> bool:
    """The file refers to a library that exports metrics, or to the test framework."""
    return any(name.startswith(_EXPORTERS) for name in (*facts.references, *_structs_taken(facts)))


def _structs_taken(facts: FileFacts) -> Iterator[str]:
    for module in facts.modules:
        for function in module.functions:
            for clause in function.clauses:
                parts = (part for term in clause.head for part in term.walk())
                yield from (part.value for part in parts if part.kind == "struct")
