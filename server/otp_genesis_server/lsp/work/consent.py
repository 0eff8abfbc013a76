"""What is only done when the user agrees: asked in the editor."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from otp_genesis_server.lsp.work.asked import failed

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server

ONCE, ALWAYS, NO = "Run mix once", "Always for this folder", "No"


async def trusted(ls: Server, root: Path) -> bool:
    """Whether mix may run now on the project in `root`; the user is asked when nobody knows.

    A user who can't be asked is told how to allow it. Where the editor asks for trust itself, its yes
    holds for what is opened in it; its no for everything, also for what was allowed before: raises
    JsonRpcException.
    """
    from otp_genesis_refactorers.machine import trust

    workspace_trust = ls.session.features.workspace_trust
    if workspace_trust is False:
        raise failed("mix does not run in restricted mode: trust this workspace first")
    if (workspace_trust and ls.session.is_opened(root)) or trust.is_trusted(root):
        return True
    try:
        answer = await ask(ls, await asyncio.to_thread(_question, root), ONCE, ALWAYS, NO)
    except JsonRpcException:
        ls.warn(f"OTP-Genesis: mix may not run on {root}: allow it with 'otp-genesis trust' in this folder")
        return False
    if answer == ALWAYS:
        try:
            trust.grant(root)
        except OSError as error:
            ls.warn(
                f"OTP-Genesis: allowed for this once: {error.filename} can't be written: {error.strerror}"
            )
    return answer in (ONCE, ALWAYS)


async def ask(ls: Server, question: str, *choices: str) -> str | None:
    """The choice of the user; None when they made none. Raises JsonRpcException when they can't be asked."""
    actions = [lsp.MessageActionItem(choice) for choice in choices]
    params = lsp.ShowMessageRequestParams(lsp.MessageType.Info, question, actions)
    answer = await ls.window_show_message_request_async(params)
    return answer.title if answer else None


def _question(root: Path) -> str:
    from otp_genesis_refactorers.sandbox.bubblewrap import Bubblewrap, find_bubblewrap

    isolated = isinstance(find_bubblewrap(os.environ), Bubblewrap)
    how = (
        "isolated from your files and the network"
        if isolated
        else "with your rights: bubblewrap does not work here"
    )
    return (
        f"Run mix for {root}? It executes the project's own code, on a copy of it, {how}."
        " OTP-Genesis needs it to verify changes."
    )
