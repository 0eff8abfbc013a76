"""What is to be read at each process, in words, whatever it is drawn with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_analyzers.forest.marks import Marks
from otp_genesis_analyzers.forest.model import Homeless, Outside, Place, Process, ProcessForest, Tree

Position = Callable[[str, int], tuple[int, int]]
"""Line and column of a byte offset of a file, both from 1, the column in code points."""

Shape = Literal["application", "supervisor", "worker", "outside", "more"]

_TIES = {"none": "", "link": "linked", "monitor": "monitored", "unknown": ""}
_NAMED_STARTERS = 2


@dataclass(frozen=True)
class Badge:
    """The findings of one rule at a process."""

    code: str
    count: int
    severity: Severity
    """The worst of them."""


@dataclass(frozen=True)
class Entry:
    shape: Shape
    label: str
    details: tuple[str, ...]
    path: str
    """Where to go from here, relative to the project's root; empty where there is no such place."""
    line: int
    """From 1; 0 without a path."""
    badges: tuple[Badge, ...] = ()
    children: tuple[Entry, ...] = ()
    loose: bool = False
    """Not there from start to end: added by code, or only in some configuration."""
    tooltip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Drawing:
    trees: tuple[Entry, ...]
    sections: tuple[Section, ...]
    """What stands in no tree."""
    notes: tuple[str, ...]
    """What may be missing, and why."""
    summary: str


def drawing(forest: ProcessForest, marks: Marks, position: Position) -> Drawing:
    draw = _Drawing(marks, position)
    homeless = Section(
        "Started on supervisors that stand in no tree",
        tuple(map(draw.homeless, forest.homeless)),
    )
    outside = Section("Started outside every supervisor", tuple(map(draw.outside, forest.outside)))
    return Drawing(
        tuple(map(draw.tree, forest.trees)),
        tuple(section for section in (homeless, outside) if section.entries),
        tuple(f"{path} has syntax errors: what it starts may be missing" for path in forest.broken),
        _summary(forest, marks),
    )


@dataclass(frozen=True)
class _Drawing:
    marks: Marks
    position: Position

    def tree(self, tree: Tree) -> Entry:
        root = tree.root
        name = tree.app.name if tree.app is not None else ""
        if root.role == "application":
            return self.process(root, name or root.module or "application", ("application", root.module))
        app = tree.app
        why = ""
        if root.started == "nobody":
            is_library = app is not None and (app.is_library or app.packaged)
            why = "started by users of the library" if is_library else "nothing in this project starts it"
        return self.process(root, more=(why,))

    def process(
        self, process: Process, label: str = "", kind: tuple[str, ...] = (), more: tuple[str, ...] = ()
    ) -> Entry:
        own_label, own_kind = _named(process)
        place = process.defined_at or process.started_at
        details = (
            " ".join(filter(None, kind)) if kind else own_kind,
            process.strategy,
            process.restart,
            "in some configurations" if process.conditional else "",
            _started_by(process),
            *more,
            "children as above" if process.repeated else "",
        )
        children = [self.process(child) for child in process.children]
        children += [self._more(reason, process) for reason in process.unknown]
        findings = self.marks.on(process)
        return Entry(
            shape="application" if process.role == "application" else _shape(process),
            label=label or own_label,
            details=tuple(filter(None, details)),
            path=place.path if place is not None else "",
            line=self._line(place),
            badges=badges(findings),
            children=tuple(children),
            loose=process.conditional or process.started == "dynamic",
            tooltip=tuple(self._tooltip(process, findings)),
        )

    def homeless(self, homeless: Homeless) -> Entry:
        of = f"on {homeless.supervisor}" if homeless.supervisor else "on a supervisor known at run time only"
        return self.process(homeless.process, more=(of,))

    def outside(self, start: Outside) -> Entry:
        findings = self.marks.at(start)
        runs = "" if not start.module or start.call.startswith(f"{start.module}.") else f"runs {start.module}"
        details = (f"in {start.starter}", runs, _TIES[start.tie])
        return Entry(
            shape="outside",
            label=start.call,
            details=tuple(filter(None, details)),
            path=start.place.path,
            line=self._line(start.place),
            badges=badges(findings),
            loose=True,
            tooltip=(f"started at {self._written(start.place)}", *map(_finding_line, findings)),
        )

    def _more(self, reason: str, process: Process) -> Entry:
        place = process.started_at or process.defined_at
        path = place.path if place is not None else ""
        return Entry("more", "…", (f"perhaps more: {reason}",), path, self._line(place), loose=True)

    def _tooltip(self, process: Process, findings: Iterable[Finding]) -> Iterator[str]:
        if process.defined_at is not None:
            yield f"{process.module} is defined at {self._written(process.defined_at)}"
        if process.started_at is not None:
            yield f"started at {self._written(process.started_at)}"
        yield from map(_finding_line, findings)

    def _line(self, place: Place | None) -> int:
        return self.position(place.path, place.span.start)[0] if place is not None else 0

    def _written(self, place: Place) -> str:
        return f"{place.path}:{self._line(place)}"


def badges(findings: Iterable[Finding]) -> tuple[Badge, ...]:
    """One a rule, the worst first."""
    by_code: dict[str, list[Severity]] = defaultdict(list)
    for finding in findings:
        by_code[finding.code].append(finding.severity)
    found = [Badge(code, len(its), max(its)) for code, its in by_code.items()]
    return tuple(sorted(found, key=lambda badge: (-badge.severity, badge.code)))


def walk(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from walk(entry.children)


def _shape(process: Process) -> Shape:
    return "supervisor" if process.role == "supervisor" or process.children else "worker"


def _named(process: Process) -> tuple[str, str]:
    """The name by which a process is known, and what it is."""
    if not process.module:
        return "a process known at run time only", ""
    if process.defined_at is None:
        return (process.name, process.module) if process.name else (process.module, "")
    as_name = f"as {process.name}" if process.name and process.name != process.module else ""
    return process.module, " ".join(filter(None, (process.behaviour, as_name)))


def _started_by(process: Process) -> str:
    if process.started not in ("dynamic", "by code"):
        return ""
    named = process.starters[:_NAMED_STARTERS]
    others = len(process.starters) - len(named)
    listed = ", ".join(named) + f" and {others} more" if others else " and ".join(named)
    outside = " outside every supervisor" if process.started == "by code" else ""
    return f"started by {listed}{outside}"


def _finding_line(finding: Finding) -> str:
    return f"{finding.code} {finding.severity.label}: {finding.message}"


def _summary(forest: ProcessForest, marks: Marks) -> str:
    processes = [process for tree in forest.trees for process in _processes(tree.root)]
    on_processes = {finding for process in processes for finding in marks.on(process)}
    on_processes |= {finding for start in forest.outside for finding in marks.at(start)}
    parts = [
        _counted(sum(process.role != "application" for process in processes), "process", "processes")
        + f" in {_counted(len(forest.trees), 'tree', 'trees')}",
    ]
    if forest.outside:
        places = _counted(len(forest.outside), "place starts", "places start")
        parts.append(f"{places} processes outside every supervisor")
    findings = _counted(len(marks.findings), "finding", "findings")
    elsewhere = len(marks.findings) - len(on_processes)
    parts.append(findings + (f", {elsewhere} of them in other code" if elsewhere else ""))
    return "; ".join(parts)


def _processes(process: Process) -> Iterator[Process]:
    yield process
    for child in process.children:
        yield from _processes(child)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
