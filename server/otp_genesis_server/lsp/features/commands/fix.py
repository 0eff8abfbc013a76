"""`otpGenesis.fix`: applies the rule's own fix of a finding, in as many files as it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from otp_genesis_refactorers.change import Refused
from otp_genesis_server.lsp.fixing import fix_now
from otp_genesis_server.lsp.server import Server

COMMAND = "otpGenesis.fix"


@dataclass(frozen=True)
class FixArguments:
    uri: str
    """Of an open document."""
    fingerprint: str
    """As in `data` of the finding's diagnostic."""


async def handle(ls: Server, arguments: FixArguments) -> dict[str, Any]:
    """Gives `{"applied": true}`, or `{"applied": false, "reason": …}`, which the user is told too."""
    outcome = await fix_now(ls, arguments.uri, arguments.fingerprint)
    reason = outcome.reason if isinstance(outcome, Refused) else await _apply(ls, outcome.title, outcome.edit)
    if reason is None:
        return {"applied": True}
    ls.warn(f"OTP-Genesis: nothing was changed: {reason}")
    return {"applied": False, "reason": reason}


async def _apply(ls: Server, title: str, edit: lsp.WorkspaceEdit) -> str | None:
    """None when the client applied the edit, else why not."""
    if not ls.session.features.apply_edit:
        return "this editor can't be asked to apply an edit"
    try:
        result = await ls.workspace_apply_edit_async(lsp.ApplyWorkspaceEditParams(edit, label=title))
    except JsonRpcException as error:
        return f"the editor answered: {error}"
    return None if result.applied else result.failure_reason or "the editor did not apply the edit"
