"""`otpGenesis.generatePlan`: writes the refactor plan into the workspace, or brings it up to date."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import attrs
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from otp_genesis_refactorers.change import Outdated
from otp_genesis_refactorers.plan import write_plan
from otp_genesis_refactorers.write import HalfWritten, NotWritten
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
    supported = ls.session.features.work_done_progress
    async with progress(ls, "OTP-Genesis: writing the plan", supported=supported):
        snapshot = await folder.checked()
        if snapshot is None:
            raise _failed(f"{folder.root} could not be read")
        uris = await asyncio.to_thread(_write, snapshot, arguments.goal)
    ls.open(uris[0])
    return uris


def _chosen(ls: Server, uri: str | None) -> Folder:
    folders = [folder for folder in ls.session.folders if not folder.alone]
    if uri is None:
        if not folders:
            raise JsonRpcInvalidParams("no mix project is open")
        if len(folders) > 1:
            raise JsonRpcInvalidParams("several folders are open: name one of them as `root`")
        return folders[0]
    file = file_of(uri)
    around = ls.session.folders_around(file) if file else []
    if not around or around[0].alone:
        raise JsonRpcInvalidParams(f"no mix project at {uri}: open its folder first")
    return around[0]


def _write(snapshot: Snapshot, goal: str) -> list[str]:
    if not snapshot.project.apps:
        raise _failed(f"{snapshot.root} holds no mix project: there is no mix.exs in it or below it")
    findings = [finding for path in sorted(snapshot.findings) for finding in snapshot.findings[path]]
    try:
        written = write_plan(snapshot.project, findings, snapshot.root, goal)
    except (NotWritten, HalfWritten, Outdated) as error:
        raise _failed(str(error)) from error
    return [file.path.as_uri() for file in written.files]


def _failed(reason: str) -> JsonRpcException:
    return JsonRpcException(reason, code=lsp.LSPErrorCodes.RequestFailed.value)
