"""`otpGenesis.generatePlan`: writes the refactor plan into the workspace, or brings it up to date."""

from __future__ import annotations

from dataclasses import dataclass

import attrs

from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.work.asked import chosen_folder

COMMAND = "otpGenesis.generatePlan"


@dataclass(frozen=True)
class GeneratePlanArguments:
    goal: str = ""
    """In the user's words; empty for the plan's own goal, or a general one for a new plan."""
    root: str | None = None
    """The URI of a workspace folder, or of anything in it; may be left out where one folder is open."""
    model: str | None = None
    """`claude`, `gemini`, or another name of the user's configuration, to have it advise on the order, the
    words and decompositions; null for a plan from the code alone."""


@attrs.define
class GeneratePlanRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: GeneratePlanArguments


REQUEST = GeneratePlanRequest


async def handle(ls: Server, arguments: GeneratePlanArguments) -> list[str]:
    """Gives the URIs of the documents, the overview first, and opens that where the client can.

    Before anything is sent to a model the user agrees to it for this folder.
    """
    folder = chosen_folder(ls, arguments.root)
    from otp_genesis_server.lsp.plans.generating import generate

    uris = await generate(ls, folder, arguments.goal, arguments.model)
    ls.open(uris[0])
    return uris
