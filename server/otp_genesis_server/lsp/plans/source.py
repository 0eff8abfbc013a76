"""The plan of a folder as the editor shows it, for pipelines that carry it out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.codebase import Codebase
from otp_genesis_refactorers.pipelines.outcome import StepFailed
from otp_genesis_refactorers.pipelines.plan_source import PlannedItem
from otp_genesis_refactorers.plan.open_items import OpenItem, open_items
from otp_genesis_refactorers.plan.outcome import state_and_note
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_server.lsp.plans.marking import mark
from otp_genesis_server.lsp.plans.stale_items import how_it_stands
from otp_genesis_server.lsp.plans.standing import Standing, phase_of
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server
    from otp_genesis_server.lsp.workspace.folder import Folder


@dataclass
class PlanInEditor:
    """A `PlanSource`. A run is of one mix project, in `root`, which may be part of the folder."""

    ls: Server
    folder: Folder
    root: Path
    loop: asyncio.AbstractEventLoop
    noted: dict[str, tuple[Evidence, str]] = field(default_factory=dict[str, tuple[Evidence, str]])
    """What was verified so far, by item: the proof, and what is left to be said."""
    _files: dict[str, Path] = field(default_factory=dict[str, Path])
    """The document of each item that was seen open."""

    def open_items(self, codebase: Codebase) -> Sequence[PlannedItem]:
        work = how_it_stands(self.ls, self.folder.root)
        stands = asyncio.run_coroutine_threadsafe(work, self.loop).result()
        if stands is None:
            raise StepFailed(f"{self.folder.root} could not be read")
        items = items_of(stands)
        self._files |= {item.id: file for file, item in items}
        return [
            PlannedItem(item, [self._as_data(finding, stands.snapshot) for finding in item.findings])
            for _, item in items
        ]

    def note(self, item_id: str, evidence: Evidence, left: str) -> str:
        work = mark(self.ls, self._files[item_id], item_id, *state_and_note(evidence, left))
        reason = asyncio.run_coroutine_threadsafe(work, self.loop).result()
        if evidence.verdict == "verified":
            self.noted[item_id] = evidence, reason or left
        return reason

    def _as_data(self, finding: Finding, snapshot: Snapshot) -> dict[str, Any]:
        """By its place where the project is not the folder: a fingerprint is of the path in the folder."""
        source = snapshot.source(finding.path)
        line = source.lines.line_of(finding.span.start) + 1 if source else 0
        path = Path(os.path.relpath(snapshot.root / finding.path, self.root)).as_posix()
        fingerprint = finding.fingerprint if self.root == snapshot.root else ""
        return {"code": finding.code, "path": path, "line": line, "fingerprint": fingerprint}


def items_of(stands: Standing) -> list[tuple[Path, OpenItem]]:
    """The open items of a plan, each with its document."""
    files = stands.snapshot.project.files
    return [
        (plan.file, item)
        for plan in stands.plans
        for item in open_items([(phase_of(plan.file), plan.parsed)], stands.found, files)
    ]
