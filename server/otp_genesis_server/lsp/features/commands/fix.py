"""`otpGenesis.fix`: applies the fix of a finding, the rule's own or a model's, in all the files it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import attrs

from otp_genesis_refactorers.change import Refused
from otp_genesis_server.lsp.jobs.fixing import fix_now
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.work.applying import apply_edit

COMMAND = "otpGenesis.fix"


@dataclass(frozen=True)
class FixArguments:
    uri: str
    """Of an open document."""
    fingerprint: str
    """As in `data` of the finding's diagnostic."""
    model: str | None = None
    """Null for the rule's own fix; else who makes one: `claude`, `gemini`, or another configured name."""
    way: str | None = None
    """Which of several ways a model is to go, where the rule has a playbook: `ets`, `dets`, `call`, …"""


@attrs.define
class FixRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: FixArguments


REQUEST = FixRequest


async def handle(ls: Server, arguments: FixArguments) -> dict[str, Any]:
    """Gives `{"applied": true}`, or `{"applied": false, "reason": …}`, which the user is told too.

    Of a model's fix there is more to say, see `fix_with_model`.
    """
    if arguments.model is not None:
        from otp_genesis_server.lsp.jobs.fix_with_model import fix_with_model

        return await fix_with_model(ls, arguments)
    outcome = await fix_now(ls, arguments.uri, arguments.fingerprint)
    reason = (
        outcome.reason if isinstance(outcome, Refused) else await apply_edit(ls, outcome.title, outcome.edit)
    )
    if reason is None:
        return {"applied": True}
    ls.warn(f"OTP-Genesis: nothing was changed: {reason}")
    return {"applied": False, "reason": reason}
