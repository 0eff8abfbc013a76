"""The edit of a code action that is about to be applied, made for the text as it is now."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_refactorers.change import Refused
from otp_genesis_server.lsp import actions, from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.CODE_ACTION_RESOLVE


async def handle(ls: Server, action: lsp.CodeAction) -> lsp.CodeAction:
    """Some clients resolve every action, also those that are complete: they come back as they are."""
    data = from_lsp.action_data(action.data)
    chosen = actions.named(data["action"]) if data else None
    if data is None or chosen is None or action.edit is not None:
        return action
    outcome = await chosen.resolve(ls, data)
    if isinstance(outcome, Refused):
        ls.warn(f"OTP-Genesis: nothing was changed: {outcome.reason}")
    else:
        action.edit = outcome
    return action
