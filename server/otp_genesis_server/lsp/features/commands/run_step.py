"""`otpGenesis.runStep`: does one item of a plan, or a part of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import attrs

from otp_genesis_refactorers.change import Refused
from otp_genesis_server.lsp.from_lsp import file_of
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.work.asked import failed

COMMAND = "otpGenesis.runStep"

Action = Literal["run", "show", "apply", "verify", "test", "skip", "reopen", "evidence"]


@dataclass(frozen=True)
class RunStepArguments:
    uri: str
    """Of the plan document, open or not."""
    step: str
    """The id of the item: `7f3a9c21` of `<!-- step 7f3a9c21 -->`."""
    action: Action = "run"
    """`run`: all gates, then the files, then the item's state. `show`, `apply`, `verify` and `test` are
    single parts of that; `skip`, `reopen` and `evidence` are of the document alone."""
    reason: str = ""
    """Why the item is skipped. Without one the place for it is left open in the document."""


@attrs.define
class RunStepRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: RunStepArguments


REQUEST = RunStepRequest


async def handle(ls: Server, arguments: RunStepArguments) -> dict[str, Any]:
    """Gives `{"applied", "verdict", "reason", "document"}`, and tells the user too.

    `verdict` is that of the gates where they were asked, else null; `document` the URI of what was made to
    be looked at, or null.
    """
    file = file_of(arguments.uri)
    found = ls.plans.item(file, arguments.step) if file else Refused(f"{arguments.uri} is no file")
    if isinstance(found, Refused):
        raise failed(found.reason)
    plan, item = found
    from otp_genesis_server.lsp.plans import actions
    from otp_genesis_server.lsp.plans.stale_items import folder_with

    folder = folder_with(ls, plan.root)
    if folder is None:
        raise failed(f"open the folder {plan.root} first: the plan is of its code")
    outcome = await actions.ACTIONS[arguments.action](actions.Asked(ls, folder, plan, item, arguments.reason))
    if outcome.message:
        (ls.warn if outcome.is_failure else ls.inform)(f"OTP-Genesis: {outcome.message}")
    return {
        "applied": outcome.applied,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "document": outcome.document,
    }
