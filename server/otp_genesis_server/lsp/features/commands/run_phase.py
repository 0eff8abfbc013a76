"""`otpGenesis.runPhase`: does the open items of a phase of the plan, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import attrs
from pygls.exceptions import JsonRpcInvalidParams

from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.work.asked import chosen_folder

COMMAND = "otpGenesis.runPhase"


@dataclass(frozen=True)
class RunPhaseArguments:
    phase: int
    """1 to 5."""
    root: str | None = None
    """The URI of the folder that the plan is of; may be left out where one folder is open."""


@attrs.define
class RunPhaseRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: RunPhaseArguments


REQUEST = RunPhaseRequest


async def handle(ls: Server, arguments: RunPhaseArguments) -> dict[str, Any]:
    """Gives `{"done", "left", "document"}`: the numbers of items, and the URI of a report.

    An item is done when all gates passed and its change is in the files. When the user cancels, the items
    before stay done and the one at hand leaves no trace.
    """
    if not 1 <= arguments.phase <= 5:
        raise JsonRpcInvalidParams(f"there are the phases 1 to 5, not {arguments.phase}")
    folder = chosen_folder(ls, arguments.root)
    from otp_genesis_server.lsp.plans.phase import run_phase

    report = await run_phase(ls, folder, arguments.phase)
    if report.document is not None:
        ls.open(report.document)
    ls.inform(f"OTP-Genesis: {report.headline}")
    return {"done": report.done, "left": report.left, "document": report.document}
