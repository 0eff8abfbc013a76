"""All safe fixes of a document, one after another, each on what the others left."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from lsprotocol import types as lsp

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import FixKind
from otp_genesis_refactorers.applying.line_edits import edits_between
from otp_genesis_refactorers.change import Change, FileChange, Refused
from otp_genesis_refactorers.fix_all import FixResult, fix_all
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

RANK = 70
KIND = "source.fixAll.otpGenesis"
TITLE = "Fix all safe problems with OTP-Genesis"


async def offers(ls: Server, asked: Asked) -> list[Offer]:
    client = ls.session.features
    fixable = any(finding.fix is FixKind.SAFE for finding in asked.snapshot.findings.get(asked.path, ()))
    if not fixable or not client.code_action_literals:
        return []
    action = lsp.CodeAction(TITLE, kind=KIND)
    data = {"action": "fix_all", "uri": asked.snapshot.uri(asked.path), "automatic": asked.automatic}
    if client.resolve_edit:
        action.data = data
        return [action]
    if not asked.only:  # too dear to be made for every cursor that comes by
        return []
    edit = await resolve(ls, data)
    if isinstance(edit, Refused):
        return []
    action.edit = edit
    return [action]


async def resolve(ls: Server, data: Mapping[str, Any]) -> lsp.WorkspaceEdit | Refused:
    """The findings that are left, and why, go to the log; a person who asked is told how many there are."""
    place = ls.session.place_of(data["uri"])
    snapshot = await place.folder.read() if place else None
    if place is None or snapshot is None:
        return Refused("the document is closed")
    try:
        result = await asyncio.to_thread(_fixed, snapshot, place.path)
    except OSError as error:
        return Refused(f"{error.filename} can't be read: {error.strerror}")
    _tell_what_is_left(ls, result, snapshot, automatic=bool(data.get("automatic")))
    if not result.changed:
        return lsp.WorkspaceEdit()
    return to_lsp.workspace_edit(_change(result, snapshot), snapshot, ls.session.features)


def _fixed(snapshot: Snapshot, path: str) -> FixResult:
    project = engine.with_wrappers(snapshot.project)
    found = [finding for finding in engine.check(project, project.config) if finding.path == path]
    return fix_all(project, found, {FixKind.SAFE}, project.config)


def _change(result: FixResult, snapshot: Snapshot) -> Change:
    files = tuple(
        FileChange(path, original, edits_between(snapshot.project.read(path) if original else b"", content))
        for path, content in result.changed.items()
        for original in (result.original_hashes.get(path, ""),)
    )
    return Change(TITLE, FixKind.SAFE, files, result.notes)


def _tell_what_is_left(ls: Server, result: FixResult, snapshot: Snapshot, *, automatic: bool) -> None:
    for finding, reason in result.refused:
        source = snapshot.source(finding.path)
        line = source.lines.line_of(finding.span.start) + 1 if source else 1
        ls.log(f"{finding.path}:{line}: {finding.code} is not fixed: {reason}")
    if result.refused and not automatic:
        done, left = len(result.applied), len(result.refused)
        ls.warn(f"OTP-Genesis: {done} fixed, {left} left: the log says which, and why")
