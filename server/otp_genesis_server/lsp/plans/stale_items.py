"""Telling the editor which items of the open plan documents have gone stale."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.plans.open_plans import Plan

if TYPE_CHECKING:
    from otp_genesis_server.lsp.plans.standing import Standing
    from otp_genesis_server.lsp.server import Server
    from otp_genesis_server.lsp.workspace.folder import Folder

PAUSE_SECONDS = 0.3
"""After the findings or a document changed, for more of the same to come."""
STALE = "stale-item"
"""The code of such a diagnostic."""


class StaleItems:
    def __init__(self, ls: Server) -> None:
        self._ls = ls
        self._waiting: dict[Path, asyncio.TimerHandle] = {}
        self.known: dict[Path, Standing] = {}
        """What was worked out last, by folder: an editor asks several questions at once."""

    def look_again(self, root: Path) -> None:
        """What is known of the plan in a folder, or of its code, is another than before."""
        if root in self._waiting or not self._ls.plans.below(root):
            return
        loop = asyncio.get_running_loop()
        self._waiting[root] = loop.call_later(PAUSE_SECONDS, self._due, root)

    def _due(self, root: Path) -> None:
        del self._waiting[root]
        self._ls.spawn(self._look(root))

    async def _look(self, root: Path) -> None:
        stands = await how_it_stands(self._ls, root)
        if stands is None:
            return
        for plan in stands.plans:
            if plan.version is not None:
                found = await asyncio.to_thread(_stale, plan, stands, self._ls)
                self._ls.diagnostics.put(plan.uri, plan.version, found)


async def how_it_stands(ls: Server, root: Path) -> Standing | None:
    """The plan of a folder and its project now; None where the folder isn't open or can't be read."""
    from otp_genesis_server.lsp.plans.standing import standing

    folder = folder_with(ls, root)
    snapshot = await folder.checked() if folder else None
    if snapshot is None:
        return None
    plans = await asyncio.to_thread(ls.plans.documents, root)
    known = ls.stale_items.known.get(root)
    if known is None or not known.holds_for(snapshot, plans):
        known = ls.stale_items.known[root] = await asyncio.to_thread(standing, snapshot, plans, known)
    return replace(known, snapshot=snapshot)


def folder_with(ls: Server, root: Path) -> Folder | None:
    """The open folder that the plan in `root` is of."""
    return next((folder for folder in ls.session.folders if folder.root == root and not folder.alone), None)


def _stale(plan: Plan, stands: Standing, ls: Server) -> list[lsp.Diagnostic]:
    encoding = ls.session.features.encoding
    return [
        lsp.Diagnostic(
            range=to_lsp.range_of(plan.source, plan.first_line(item), encoding),
            message=f"{reason}: refresh the plan, or tick the item if it was done",
            severity=lsp.DiagnosticSeverity.Warning,
            code=STALE,
            source=to_lsp.SOURCE_NAME,
        )
        for item in plan.parsed.items
        if (reason := stands.stale(item))
    ]
