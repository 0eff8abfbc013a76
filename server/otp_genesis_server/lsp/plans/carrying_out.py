"""Carrying out one item of a plan: its fixes, their proof, the files, and the item's own line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_refactorers.applying.line_edits import edits_between
from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten, write_files
from otp_genesis_refactorers.change import Change, FileChange, Outdated, Refused, apply_to, content_hash
from otp_genesis_refactorers.fix_all import FixResult, fix_all
from otp_genesis_refactorers.plan.markdown import Item
from otp_genesis_refactorers.plan.model import State
from otp_genesis_refactorers.plan.outcome import failed_note, marked, replaced, verified_note
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.jobs.verifying import Subject, changed_since, proved_contents
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.plans.stale_items import how_it_stands
from otp_genesis_server.lsp.plans.standing import project_of
from otp_genesis_server.lsp.work.applying import apply_change, apply_edit
from otp_genesis_server.lsp.work.long_work import Work
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server
    from otp_genesis_server.lsp.workspace.folder import Folder

_TRIES, _PAUSE_SECONDS = 3, 0.2
"""Of writing into a document that others write into; editors tell of a change a little later."""


@dataclass(frozen=True)
class Done:
    """What came of one item. `reason` is empty when all that was asked for was done."""

    number: str
    title: str
    applied: bool = False
    evidence: Evidence | None = None
    reason: str = ""


@dataclass(frozen=True)
class Prepared:
    """The fixes of an item against the texts of `snapshot`."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    fixed: FixResult

    @property
    def left(self) -> str:
        """What a person has to do by hand, empty when nothing is left."""
        if not self.fixed.refused:
            return ""
        reasons = "; ".join(dict.fromkeys(reason for _, reason in self.fixed.refused))
        return f"{len(self.fixed.refused)} of {len(self.findings)} places are left to do by hand: {reasons}"

    def before(self) -> dict[str, bytes]:
        files = self.snapshot.project.files
        return {path: self.snapshot.project.read(path) for path in self.fixed.changed if path in files}

    def change(self, title: str, contents: Mapping[str, bytes | None] | None = None) -> Change:
        """All of it, or what `contents` leave of it."""
        before = self.before()
        files = tuple(
            FileChange(
                path, self.fixed.original_hashes.get(path, ""), edits_between(before.get(path, b""), new)
            )
            for path, new in (self.fixed.changed if contents is None else contents).items()
            if new is not None and new != before.get(path)
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
        reasons = dict.fromkeys(reason for _, reason in fixed.refused)
        return Refused("; ".join(reasons) or "there is no fix without judgement: it is to be done by hand")
    return Prepared(stands.snapshot, findings, fixed)


async def prove_and_apply(
    ls: Server, folder: Folder, plan: Plan, item: Item, work: Work, *, trusted: bool, applies: bool = True
) -> Done:
    """The item through all gates, into the files when it is verified, and into the plan. Raises GivenUp."""
    step = item.step
    prepared = await prepare(ls, plan, item, work)
    if isinstance(prepared, Refused):
        return Done(step.number, step.title, reason=prepared.reason)
    snapshot = prepared.snapshot
    root = project_of(snapshot, prepared.findings[0].path)
    subject = Subject(root, snapshot, ls.session.documents_below(root), trusted)
    finding = prepared.findings[0] if len(prepared.findings) == 1 else None
    proved = await work.run(proved_contents, subject, prepared.fixed.changed, finding, work)
    evidence = proved.evidence
    done = Done(step.number, step.title, evidence=evidence, reason=evidence.reason or prepared.left)
    if not applies:
        return done
    if evidence.verdict != "verified":
        if evidence.verdict == "rejected":
            await mark(ls, plan.file, step.id, State.FAILED, failed_note(evidence.reason))
        return done
    other = changed_since(subject, ls.session.documents_below(root))
    reason = f"{other} was changed meanwhile" if other else ""
    reason = reason or await write_or_edit(ls, folder, prepared.change(step.title, proved.contents))
    if reason:
        return Done(step.number, step.title, evidence=evidence, reason=reason)
    state = State.OPEN if prepared.left else State.DONE
    unmarked = await mark(ls, plan.file, step.id, state, verified_note(evidence))
    return Done(step.number, step.title, True, evidence, unmarked or prepared.left)


async def write_or_edit(ls: Server, folder: Folder, change: Change) -> str:
    """Make a change: by the editor where it has one of the files open, else on disk. Why not, if not."""
    if any(file.path in folder.documents for file in change.files):
        return await apply_change(ls, folder, change) or ""
    snapshot = await folder.current()
    if snapshot is None:
        return f"{folder.root} could not be read"
    try:
        await asyncio.to_thread(_write, snapshot, change)
    except (HalfWritten, NotWritten, Outdated, OSError) as error:
        return str(error)
    for file in change.files:
        folder.disk_changed(file.path)
    return ""


async def mark(ls: Server, file: Path, step_id: str, state: State, note: str) -> str:
    """Write an item's state and note into its line, wherever that stands by now. Why not, if not."""
    reason = ""
    async with ls.plans.writing:
        for _ in range(_TRIES):
            found = ls.plans.item(file, step_id)
            if isinstance(found, Refused):
                return f"it is not noted in the plan: {found.reason}"
            plan, item = found
            reason = await _marked(ls, plan, item, state, note)
            if not reason:
                break
            # A person or another program changed the document, and the editor is about to tell.
            await asyncio.sleep(_PAUSE_SECONDS)
    return reason


async def _marked(ls: Server, plan: Plan, item: Item, state: State, note: str) -> str:
    edits = marked(item, state, note)
    if not edits:
        return f"it is not noted in the plan: the item in {plan.file.name} has lost its brackets"
    if plan.version is None:
        return await asyncio.to_thread(_write_plan, plan, replaced(plan.parsed, edits))
    ranged = [(plan.span(start, end), text) for start, end, text in edits]
    edit = to_lsp.document_edit(plan.uri, plan.version, plan.source, ranged, ls.session.features)
    return await apply_edit(ls, f"Plan: {state.value}", edit) or ""


def _write(snapshot: Snapshot, change: Change) -> None:
    before = {file.path: snapshot.project.read(file.path) for file in change.files if file.original_hash}
    hashes = {file.path: file.original_hash for file in change.files if file.original_hash}
    write_files(snapshot.root, apply_to(change, before), hashes)


def _write_plan(plan: Plan, text: str) -> str:
    path = plan.file.relative_to(plan.root).as_posix()
    try:
        write_files(plan.root, {path: text.encode()}, {path: content_hash(plan.content)})
    except (HalfWritten, NotWritten, Outdated) as error:
        return f"it is not noted in the plan: {error}"
    return ""
