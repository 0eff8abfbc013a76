"""Where in the forest the findings are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.forest.model import Outside, Process
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span


@dataclass(frozen=True)
class Marks:
    findings: tuple[Finding, ...]
    """All of them, wherever they are."""
    by_module: Mapping[str, tuple[Finding, ...]]
    by_place: Mapping[tuple[str, Span], tuple[Finding, ...]]

    def on(self, process: Process) -> tuple[Finding, ...]:
        """Those in the code of its module; for a module of a dependency, those at its start."""
        if process.defined_at is not None:
            return self.by_module.get(process.module, ())
        place = process.started_at
        return () if place is None else self.by_place.get((place.path, place.span), ())

    def at(self, start: Outside) -> tuple[Finding, ...]:
        return self.by_place.get((start.place.path, start.place.span), ())


def marks(project: Project, findings: Iterable[Finding]) -> Marks:
    found = tuple(findings)
    by_module: dict[str, list[Finding]] = defaultdict(list)
    by_place: dict[tuple[str, Span], list[Finding]] = defaultdict(list)
    for finding in found:
        by_place[finding.path, finding.span].append(finding)
        module = _innermost(project, finding)
        if module:
            by_module[module].append(finding)
    return Marks(
        found,
        {name: tuple(its) for name, its in by_module.items()},
        {place: tuple(its) for place, its in by_place.items()},
    )


def _innermost(project: Project, finding: Finding) -> str:
    around = [
        module for module in project.files[finding.path].facts.modules if module.span.contains(finding.span)
    ]
    return min(around, key=lambda module: module.span.end - module.span.start).name if around else ""
