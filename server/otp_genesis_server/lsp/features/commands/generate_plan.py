"""`otpGenesis.generatePlan`: writes the refactor plan into the workspace, or brings it up to date."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import attrs
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from otp_genesis_refactorers.change import Outdated
from otp_genesis_refactorers.plan import write_plan
from otp_genesis_refactorers.write import NotWritten
from otp_genesis_server.lsp.folder import Folder
from otp_genesis_server.lsp.from_lsp import file_of
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
    folder = _chosen(ls, arguments.root)
    features = ls.session.features
    async with progress(ls, "OTP-Genesis: writing the plan", supported=features.work_done_progress):
        snapshot = await folder.checked()
        if snapshot is None:
            raise _failed(f"{folder.root} could not be read")
        uris = await asyncio.to_thread(_write, snapshot, arguments.goal)
    if features.show_document:
        await ls.window_show_document_async(lsp.ShowDocumentParams(uris[0], take_focus=True))
    return uris


def _chosen(ls: Server, uri: str | None) -> Folder:
    file = file_of(uri) if uri else None
    folders = ls.session.folders_around(file) if file else ls.session.folders
    match [folder for folder in folders if not folder.alone]:
        case [folder, *others] if file or not others:
            return folder
        case []:
            raise JsonRpcInvalidParams(
                "no mix project is open" if uri is None else f"no mix project at {uri}"
            )
        case _:
            raise JsonRpcInvalidParams("several folders are open: name one as root")


def _write(snapshot: Snapshot, goal: str) -> list[str]:
    if not snapshot.project.apps:
        raise _failed(f"{snapshot.root} holds no mix project: there is no mix.exs in it or below it")
    findings = [finding for path in sorted(snapshot.findings) for finding in snapshot.findings[path]]
    try:
        written = write_plan(snapshot.project, findings, snapshot.root, goal)
    except (NotWritten, Outdated) as error:
        raise _failed(str(error)) from error
    return [file.path.as_uri() for file in written.files]


def _failed(reason: str) -> JsonRpcException:
    return JsonRpcException(reason, code=lsp.LSPErrorCodes.RequestFailed.value)
