"""The forest as JSON, in the form that other programs rely on (version 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.forest.marks import Marks
from otp_genesis_analyzers.forest.model import Place, Process, ProcessForest
from otp_genesis_server.tree.drawing import Position

VERSION = 1


def forest_json(
    forest: ProcessForest,
    marks: Marks,
    position: Position,
    *,
    root: str,
    unparsed: Iterable[str] = (),
    shown: Callable[[str], str] = str,
) -> dict[str, Any]:
    """`shown` words a path relative to the project's root for the reader."""
    write = _Writer(marks, position, shown)
    return {
        "version": VERSION,
        "root": root,
        "trees": [
            {"app": tree.app.name if tree.app is not None else "", "process": write.process(tree.root)}
            for tree in forest.trees
        ],
        "homeless": [
            {
                "app": homeless.app.name if homeless.app is not None else "",
                "supervisor": homeless.supervisor or None,
                "process": write.process(homeless.process),
            }
            for homeless in forest.homeless
        ],
        "outside": [
            {
                "app": start.app.name if start.app is not None else "",
                "call": start.call,
                "module": start.module or None,
                "starter": start.starter,
                "tie": start.tie,
                "started_at": write.place(start.place),
                "findings": [write.finding(finding) for finding in marks.at(start)],
            }
            for start in forest.outside
        ],
        "broken": [shown(path) for path in forest.broken],
        "unparsed": [shown(path) for path in unparsed],
    }


@dataclass(frozen=True)
class _Writer:
    marks: Marks
    position: Position
    shown: Callable[[str], str]

    def process(self, process: Process) -> dict[str, Any]:
        return {
            "role": process.role,
            "module": process.module or None,
            "name": process.name or None,
            "behaviour": process.behaviour or None,
            "strategy": process.strategy or None,
            "restart": process.restart or None,
            "started": process.started,
            "conditional": process.conditional,
            "starters": list(process.starters),
            "started_at": self.place(process.started_at),
            "defined_at": self.place(process.defined_at),
            "complete": not process.unknown,
            "unknown": list(process.unknown),
            "repeated": process.repeated,
            "findings": [self.finding(finding) for finding in self.marks.on(process)],
            "children": [self.process(child) for child in process.children],
        }

    def place(self, place: Place | None) -> dict[str, Any] | None:
        return None if place is None else self._at(place.path, place.span.start)

    def finding(self, finding: Finding) -> dict[str, Any]:
        return {
            "code": finding.code,
            "name": finding.name,
            "severity": finding.severity.label,
            "message": finding.message,
            "fingerprint": finding.fingerprint,
            **self._at(finding.path, finding.span.start),
        }

    def _at(self, path: str, byte_offset: int) -> dict[str, Any]:
        line, column = self.position(path, byte_offset)
        return {"path": self.shown(path), "line": line, "column": column}
