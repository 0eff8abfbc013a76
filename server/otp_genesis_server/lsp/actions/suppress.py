"""Keeping a finding quiet: at its line, in its file, in its project. Nothing of the program changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.suppress import ignored_in_project, suppressed_here, suppressed_in_file
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.jobs.fixing import GONE, finding_now
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

RANK = 50
KIND = lsp.CodeActionKind.QuickFix
_OWN_CODES = "OTP00"
"""What the tool says of suppressions themselves is put right, not suppressed."""

_WAYS: dict[str, tuple[str, Callable[[Finding, Project], Change | Refused]]] = {
    "here": ("Suppress {code} here…", suppressed_here),
    "file": ("Ignore {code} in this file…", suppressed_in_file),
    "project": ("Ignore {code} in this project", ignored_in_project),
}


async def offers(ls: Server, asked: Asked) -> list[Offer]:
    client = ls.session.features
    if not client.code_action_literals:
        return []
    found: list[Offer] = []
    rules = {finding.code: finding for finding in asked.here if not finding.code.startswith(_OWN_CODES)}
    in_project = asked.snapshot.project.app_of(asked.path) is not None
    for finding in rules.values():
        for way in _WAYS if in_project else ("here", "file"):
            found += await _offer(ls, finding, way, asked.snapshot)
    return found


async def resolve(ls: Server, data: Mapping[str, Any]) -> lsp.WorkspaceEdit | Refused:
    snapshot, finding = await finding_now(
        ls, data["uri"], data.get("fingerprint", ""), data.get("code", ""), data.get("scope", "")
    )
    if snapshot is None or finding is None or data.get("way") not in _WAYS:
        return GONE
    return await _edit(ls, finding, data["way"], snapshot)


async def _offer(ls: Server, finding: Finding, way: str, snapshot: Snapshot) -> list[Offer]:
    client = ls.session.features
    kept_quiet = to_lsp.diagnostics([finding], finding.path, snapshot, client)
    action = lsp.CodeAction(_WAYS[way][0].format(code=finding.code), kind=KIND, diagnostics=kept_quiet)
    if client.resolve_edit:
        action.data = {"way": way, **to_lsp.action_data("suppress", finding, snapshot)}
        return [action]
    edit = await _edit(ls, finding, way, snapshot)
    if isinstance(edit, Refused):
        return []
    action.edit = edit
    return [action]


async def _edit(ls: Server, finding: Finding, way: str, snapshot: Snapshot) -> lsp.WorkspaceEdit | Refused:
    try:
        change = await asyncio.to_thread(_WAYS[way][1], finding, snapshot.project)
    except OSError as error:
        return Refused(f"{error.filename} can't be read: {error.strerror}")
    if isinstance(change, Refused):
        return change
    return to_lsp.workspace_edit(change, snapshot, ls.session.features)
