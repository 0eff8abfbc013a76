"""The plan that a run carries out: in its documents on disk, or as an editor has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from otp_genesis_refactorers.applying.write import NotWritten
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase
from otp_genesis_refactorers.pipelines.findings_data import as_data
from otp_genesis_refactorers.pipelines.outcome import StepFailed
from otp_genesis_refactorers.plan.from_findings import findings_by_step
from otp_genesis_refactorers.plan.merge import Earlier
from otp_genesis_refactorers.plan.model import PHASES
from otp_genesis_refactorers.plan.open_items import OpenItem, note_on_disk, open_items, phase_documents
from otp_genesis_refactorers.plan.outcome import state_and_note
from otp_genesis_refactorers.proof.evidence import Evidence


class PlannedItem(NamedTuple):
    item: OpenItem
    findings: Sequence[Mapping[str, Any]]
    """As `find_again` takes them."""


class PlanSource(Protocol):
    """Its methods take long and are called in threads."""

    def open_items(self, codebase: Codebase) -> Sequence[PlannedItem]:
        """As they are now. Raises `StepFailed`."""
        ...

    def note(self, item_id: str, evidence: Evidence, left: str) -> str:
        """Write into its document what was proved of an item; `left` is what is to be done by hand.

        Gives why it is not written, if it is not.
        """
        ...


@dataclass(frozen=True)
class PlanOnDisk:
    root: Path

    def open_items(self, codebase: Codebase) -> Sequence[PlannedItem]:
        found = codebase.findings()
        if isinstance(found, Refused):
            raise StepFailed(found.reason)
        try:
            documents = phase_documents(self.root)
        except NotWritten as error:
            raise StepFailed(str(error)) from error
        if not documents:
            raise StepFailed(f"{self.root} has no plan: make one with 'otp-genesis plan'")
        earlier = Earlier({PHASES[phase - 1].file: document for phase, document in documents.items()})
        by_step = findings_by_step(found, earlier.owners, earlier.open_steps)
        items = open_items(documents.items(), by_step, codebase.project.files)
        return [PlannedItem(item, [as_data(codebase, each) for each in item.findings]) for item in items]

    def note(self, item_id: str, evidence: Evidence, left: str) -> str:
        return note_on_disk(self.root, item_id, *state_and_note(evidence, left))
