"""Writing what became of an item into its document, open or not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten, write_files
from otp_genesis_refactorers.change import Outdated, Refused, content_hash
from otp_genesis_refactorers.plan.markdown import Item
from otp_genesis_refactorers.plan.model import State
from otp_genesis_refactorers.plan.outcome import marked, replaced
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.work.applying import apply_edit

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server

_TRIES, _PAUSE_SECONDS = 3, 0.2
"""Of writing into a document that others write into; editors tell of a change a little later."""


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
        return await asyncio.to_thread(_write, plan, replaced(plan.parsed, edits))
    ranged = [(plan.span(start, end), text) for start, end, text in edits]
    edit = to_lsp.document_edit(plan.uri, plan.version, plan.source, ranged, ls.session.features)
    return await apply_edit(ls, f"Plan: {state.value}", edit) or ""


def _write(plan: Plan, text: str) -> str:
    path = plan.file.relative_to(plan.root).as_posix()
    try:
        write_files(plan.root, {path: text.encode()}, {path: content_hash(plan.content)})
    except (HalfWritten, NotWritten, Outdated) as error:
        return f"it is not noted in the plan: {error}"
    return ""
