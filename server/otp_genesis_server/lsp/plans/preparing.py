"""The change that an item of a plan is about, as the rules' own fixes make it now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_refactorers.applying.line_edits import edits_between
from otp_genesis_refactorers.change import Change, FileChange, Refused
from otp_genesis_refactorers.fix_all import FixResult, fix_all, left_by_hand
from otp_genesis_refactorers.plan.markdown import Item
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.plans.stale_items import how_it_stands
from otp_genesis_server.lsp.work.long_work import Work
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server


@dataclass(frozen=True)
class Prepared:
    """The fixes of an item against the texts of `snapshot`."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    fixed: FixResult

    @property
    def left(self) -> str:
        """What a person has to do by hand, empty when nothing is left."""
        return left_by_hand(len(self.findings), self.fixed)

    def before(self) -> dict[str, bytes]:
        files = self.snapshot.project.files
        return {path: self.snapshot.project.read(path) for path in self.fixed.changed if path in files}

    def change(self, title: str) -> Change:
        before = self.before()
        files = tuple(
            FileChange(
                path, self.fixed.original_hashes.get(path, ""), edits_between(before.get(path, b""), new)
            )
            for path, new in self.fixed.changed.items()
            if new != before.get(path)
        )
        kinds = {finding.fix for finding in self.fixed.applied}
        kind = FixKind.SAFE if kinds == {FixKind.SAFE} else FixKind.UNSAFE
        return Change(title, kind, files, self.fixed.notes)


async def prepare(ls: Server, plan: Plan, item: Item, work: Work) -> Prepared | Refused:
    """The deterministic fixes of what is still found of an item."""
    stands = await how_it_stands(ls, plan.root)
    if stands is None:
        return Refused(f"{plan.root} could not be read")
    findings = stands.findings(item)
    if not findings:
        return Refused(stands.stale(item) or "none of its findings is there any more: refresh the plan")
    around = engine.with_wrappers(stands.snapshot.project)
    fixed = await work.run(fix_all, around, findings, {FixKind.SAFE, FixKind.UNSAFE}, around.config)
    if not fixed.applied:
        return Refused(left_by_hand(len(findings), fixed))
    return Prepared(stands.snapshot, findings, fixed)
