"""`otpGenesis.generatePlan`: writes the refactor plan into the workspace, or brings it up to date."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import attrs

from otp_genesis_server.lsp.asked import chosen_folder, failed
from otp_genesis_server.lsp.progress import progress
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.snapshot import Snapshot

COMMAND = "otpGenesis.generatePlan"


@dataclass(frozen=True)
class GeneratePlanArguments:
    goal: str = ""
    """In the user's words; empty for the plan's own goal, or a general one for a new plan."""
    root: str | None = None
    """The URI of a workspace folder, or of anything in it; may be left out where one folder is open."""


@attrs.define
class GeneratePlanRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: GeneratePlanArguments


REQUEST = GeneratePlanRequest


async def handle(ls: Server, arguments: GeneratePlanArguments) -> list[str]:
    """Gives the URIs of the documents, the overview first, and opens that where the client can."""
    folder = chosen_folder(ls, arguments.root)
    supported = ls.session.features.work_done_progress
    async with progress(ls, "OTP-Genesis: writing the plan", supported=supported):
        snapshot = await folder.checked()
        if snapshot is None:
            raise failed(f"{folder.root} could not be read")
        uris = await asyncio.to_thread(_write, snapshot, arguments.goal)
    ls.open(uris[0])
    return uris


def _write(snapshot: Snapshot, goal: str) -> list[str]:
    from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten
    from otp_genesis_refactorers.change import Outdated
    from otp_genesis_refactorers.plan import write_plan

    if not snapshot.project.apps:
        raise failed(f"{snapshot.root} holds no mix project: there is no mix.exs in it or below it")
    findings = [finding for path in sorted(snapshot.findings) for finding in snapshot.findings[path]]
    try:
        written = write_plan(snapshot.project, findings, snapshot.root, goal)
    except (NotWritten, HalfWritten, Outdated) as error:
        raise failed(str(error)) from error
    return [file.path.as_uri() for file in written.files]
