"""How the items of a plan stand: what is still found of each, what is stale, what is proven."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_analyzers.discovery import project_above
from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.plan.following import StepFindings, stale_because
from otp_genesis_refactorers.plan.from_findings import findings_by_step
from otp_genesis_refactorers.plan.markdown import Item
from otp_genesis_refactorers.plan.merge import Earlier
from otp_genesis_refactorers.plan.model import PHASES
from otp_genesis_refactorers.plan.outcome import Claim, claim_of
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.workspace.snapshot import Snapshot


@dataclass(frozen=True)
class Standing:
    """All documents of a plan, and the project as it is now."""

    snapshot: Snapshot
    plans: tuple[Plan, ...]
    found: StepFindings
    owners: Mapping[str, str]
    open_steps: frozenset[str]
    """What decides, beside the findings, to which step each of them belongs."""

    def holds_for(self, snapshot: Snapshot, plans: Sequence[Plan]) -> bool:
        """Whether `standing` would give the same, but for the texts in `snapshot`."""
        return (
            self.snapshot.project.files is snapshot.project.files
            and self.snapshot.findings == snapshot.findings
            and len(self.plans) == len(plans)
            and all(known is plan for known, plan in zip(self.plans, plans, strict=True))
        )

    def findings(self, item: Item) -> tuple[Finding, ...]:
        return self.found.get(item.step.id, ()) if item.step.id else ()

    def stale(self, item: Item) -> str:
        """Why an open item can't be done as it stands; empty when it can."""
        return stale_because(item, self.found, self.snapshot.project.files)

    def claim(self, item: Item) -> Claim | None:
        paths = [place.path for place in item.step.places]
        root = project_of(self.snapshot, paths[0] if paths else "")

        def read(path: str) -> bytes:
            return self.snapshot.project.read(
                Path(os.path.relpath(root / path, self.snapshot.root)).as_posix()
            )

        return claim_of(item.step, root, read)

    def item_of(self, finding: Finding) -> tuple[Plan, Item] | None:
        """Where the plan speaks of a finding."""
        step = next((id_ for id_, found in self.found.items() if finding in found), "")
        for plan in self.plans:
            for item in plan.parsed.items:
                if step and item.step.id == step:
                    return plan, item
        return None

    def line_now(self, path: str, written: int, about: str) -> int:
        """The line, from 0, of what a document says is at a line (from 1): moved with its finding."""
        source = self.snapshot.source(path)
        code = about.partition(" ")[0]
        lines = [
            source.lines.line_of(finding.span.start)
            for finding in (self.snapshot.findings.get(path, ()) if source else ())
            if finding.code == code and source
        ]
        return min(lines, key=lambda line: abs(line - written + 1), default=written - 1)


def standing(snapshot: Snapshot, plans: Sequence[Plan], before: Standing | None = None) -> Standing:
    """`before` is how the plan stood: what a keystroke in a document doesn't change is taken from there."""
    documents = Earlier({plan.file.name: plan.parsed for plan in plans})
    owners, open_steps = documents.owners, documents.open_steps
    if (
        before is not None
        and before.snapshot.findings == snapshot.findings
        and (before.owners, before.open_steps) == (owners, open_steps)
    ):
        return Standing(snapshot, tuple(plans), before.found, owners, open_steps)
    findings = [finding for path in sorted(snapshot.findings) for finding in snapshot.findings[path]]
    found = findings_by_step(findings, owners, open_steps)
    return Standing(snapshot, tuple(plans), found, owners, open_steps)


def project_of(snapshot: Snapshot, path: str) -> Path:
    """The folder of the mix project, or of the umbrella, that a file of the snapshot belongs to."""
    return project_above((snapshot.root / path).parent) or snapshot.root


def phase_of(file: Path) -> int:
    """The number of the phase whose document this is, 0 for any other."""
    return next((phase.number for phase in PHASES if phase.file == file.name), 0)
