"""Making a change: by the client, which shows it and can undo it, or on disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten, write_change
from otp_genesis_refactorers.change import Change, Outdated, Refused
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.server import Server

if TYPE_CHECKING:
    from otp_genesis_server.lsp.workspace.folder import Folder


async def apply_change(ls: Server, folder: Folder, change: Change) -> str | None:
    """None when the client applied the change, else why not: a file may have changed meanwhile."""
    snapshot = await folder.read()
    if snapshot is None:
        return f"{folder.root} could not be read"
    edit = to_lsp.workspace_edit(change, snapshot, ls.session.features)
    return edit.reason if isinstance(edit, Refused) else await apply_edit(ls, change.title, edit)


async def write_or_edit(ls: Server, folder: Folder, change: Change) -> str:
    """Make a change: by the editor where it has one of the files open, else on disk. Why not, if not."""
    if any(file.path in folder.documents for file in change.files):
        return await apply_change(ls, folder, change) or ""
    try:
        await asyncio.to_thread(write_change, folder.root, change)
    except (HalfWritten, NotWritten, Outdated, OSError) as error:
        return str(error)
    for file in change.files:
        folder.disk_changed(file.path)
    return ""


async def apply_edit(ls: Server, title: str, edit: lsp.WorkspaceEdit) -> str | None:
    """None when the client applied the edit, else why not."""
    if not ls.session.features.apply_edit:
        return "this editor can't be asked to apply an edit"
    try:
        result = await ls.workspace_apply_edit_async(lsp.ApplyWorkspaceEditParams(edit, label=title))
    except JsonRpcException as error:
        return f"the editor answered: {error}"
    return None if result.applied else result.failure_reason or "the editor did not apply the edit"
