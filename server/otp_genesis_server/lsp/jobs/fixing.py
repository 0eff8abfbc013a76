"""From a finding to the edit that fixes it, computed on the newest text."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

GONE = Refused("the code has changed, and the finding is gone")


@dataclass(frozen=True)
class Fix:
    """A fix as the client takes it."""

    title: str
    kind: FixKind
    edit: lsp.WorkspaceEdit


async def fix_of(ls: Server, finding: Finding, snapshot: Snapshot) -> Fix | Refused:
    """The rule's own fix of a finding, for the texts of `snapshot`, if it passes the static gates."""
    try:
        change = await asyncio.to_thread(_proven, finding, snapshot)
    except OSError as error:
        return Refused(f"{error.filename} can't be read: {error.strerror}")
    if isinstance(change, Refused):
        return change
    edit = to_lsp.workspace_edit(change, snapshot, ls.session.features)
    return edit if isinstance(edit, Refused) else Fix(change.title, change.kind, edit)


def _proven(finding: Finding, snapshot: Snapshot) -> Change | Refused:
    from otp_genesis_analyzers import engine
    from otp_genesis_refactorers.fix_all import proven_fix

    return proven_fix(finding, engine.with_wrappers(snapshot.project), snapshot.project.config)


async def fix_now(ls: Server, uri: str, fingerprint: str, code: str = "", scope: str = "") -> Fix | Refused:
    """The fix of a finding of an open document, for the texts as they are now."""
    snapshot, finding = await finding_now(ls, uri, fingerprint, code, scope)
    return await fix_of(ls, finding, snapshot) if snapshot and finding else GONE


async def finding_now(
    ls: Server, uri: str, fingerprint: str, code: str = "", scope: str = ""
) -> tuple[Snapshot | None, Finding | None]:
    """A finding where it is now, with the texts as they are now; None where it is gone.

    One whose own words have changed is the one of its code in its function, where there is only one.
    """
    place = ls.session.place_of(uri)
    snapshot = await place.folder.read() if place else None
    if place is None or snapshot is None:
        return None, None
    alike = [
        finding
        for finding in snapshot.findings.get(place.path, ())
        if (finding.code, finding.scope) == (code, scope)
    ]
    return snapshot, snapshot.find(fingerprint) or (alike[0] if len(alike) == 1 else None)
