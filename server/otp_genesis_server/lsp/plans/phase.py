"""Carrying out a phase of a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pygls.exceptions import JsonRpcException

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.plan.inline import prose
from otp_genesis_refactorers.plan.model import FOLDER, PHASES, PhaseName, State
from otp_genesis_refactorers.proof.evidence_text import headline
from otp_genesis_server.lsp.plans.carrying_out import Done, carry_out
from otp_genesis_server.lsp.shown.documents import write_document
from otp_genesis_server.lsp.work.asked import failed
from otp_genesis_server.lsp.work.consent import trusted
from otp_genesis_server.lsp.work.long_work import long_work

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server
    from otp_genesis_server.lsp.workspace.folder import Folder


class Report(NamedTuple):
    headline: str
    done: int
    left: int
    document: str | None


async def run_phase(ls: Server, folder: Folder, number: int) -> Report:
    """Do the items that are open now, in the order of the document. Raises JsonRpcException."""
    name = next(phase for phase in PHASES if phase.number == number)
    plan = ls.plans.read(folder.root / FOLDER / name.file)
    if isinstance(plan, Refused):
        raise failed(f"{plan.reason}: generate the plan first")
    steps = [item.step for item in plan.parsed.items if item.step.id and item.step.state is State.OPEN]
    if not steps:
        return Report(f"phase {number} has no open items", 0, 0, None)
    allowed = await trusted(ls, folder.root)
    outcomes: list[Done] = []
    try:
        async with long_work(ls, f"phase {number}: {name.title}") as work:
            ids = [step.id for step in steps]
            await carry_out(ls, folder, ids, work, trusted=allowed, on_done=outcomes.append)
    except (JsonRpcException, asyncio.CancelledError):
        if outcomes:
            report = _report(folder, name, outcomes, len(steps))
            ls.inform(f"OTP-Genesis: {report.headline}, then it was cancelled")
        raise
    return _report(folder, name, outcomes, len(steps))


def _report(folder: Folder, phase: PhaseName, outcomes: Sequence[Done], count: int) -> Report:
    applied = sum(done.applied for done in outcomes)
    said = f"phase {phase.number}: {applied} of {count} items done"
    lines = [f"# Phase {phase.number}: {phase.title}\n", f"{applied} of {count} open items are done.\n"]
    for done in outcomes:
        proof = headline(done.evidence) if done.evidence else "nothing was changed"
        because = f": {prose(done.reason)}" if done.reason and done.reason not in proof else ""
        lines.append(f"- [{'x' if done.applied else ' '}] **{done.number} {done.title}** {proof}{because}")
    if len(outcomes) < count:
        lines.append(f"\nCancelled: {count - len(outcomes)} items were not begun, or left as they were.")
    document = write_document("reports", folder.root, ".md", "\n".join(lines) + "\n")
    return Report(said, applied, count - applied, document)
