"""`otpGenesis.generateTest`: an ExUnit test for a process, proven where mix may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.features.commands.verify import project_of
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.shown.documents import write_document
from otp_genesis_server.lsp.work.applying import apply_change
from otp_genesis_server.lsp.work.asked import chosen_folder, failed
from otp_genesis_server.lsp.work.consent import trusted
from otp_genesis_server.lsp.work.long_work import Work, long_work

if TYPE_CHECKING:
    from otp_genesis_refactorers.change import Refused
    from otp_genesis_refactorers.exunit.generating import Generated
    from otp_genesis_refactorers.exunit.with_model import Asking
    from otp_genesis_refactorers.llm.connecting import Model
    from otp_genesis_server.lsp.jobs.testing import Tested
    from otp_genesis_server.lsp.jobs.verifying import Subject
    from otp_genesis_server.lsp.workspace.folder import Folder
    from otp_genesis_server.lsp.workspace.snapshot import Snapshot

COMMAND = "otpGenesis.generateTest"


@dataclass(frozen=True)
class Position:
    line: int
    character: int


@dataclass(frozen=True)
class GenerateTestArguments:
    uri: str
    """Of a file with a process in it."""
    position: Position | None = None
    """Where the cursor is: the test is for the client function there, or for the module."""
    module: str | None = None
    function: str | None = None
    """`name/arity`, of `module`."""
    model: str | None = None
    """`claude`, `gemini`, or another name of the user's configuration; null to do without one."""


@attrs.define
class GenerateTestRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: GenerateTestArguments


REQUEST = GenerateTestRequest


async def handle(ls: Server, arguments: GenerateTestArguments) -> dict[str, Any]:
    """Gives `{"applied", "proven", "reason", "uri", "document", "left_out", "spent"}`, and tells the user.

    `reason` says why there is no test, or why it is not proven. A test that was run and not proven is not
    applied, nor one of a model that was not run: `document` is the URI of its text. `uri` is that of the file
    it was written into, `left_out` the functions that it says nothing of, with why.
    """
    folder = chosen_folder(ls, arguments.uri)
    root = project_of(folder, arguments.uri)
    allowed = await trusted(ls, root)
    if arguments.model is not None:
        return await _with_model(ls, folder, root, allowed, arguments)
    async with long_work(ls, "generating a test") as work:
        subject = await _subject(folder, ls, root, allowed)
        outcome = await _run(work, subject, _tested(ls, subject, arguments))
    return await _told(ls, folder, subject, outcome)


async def _subject(folder: Folder, ls: Server, root: Path, allowed: bool) -> Subject:
    from otp_genesis_server.lsp.jobs.verifying import Subject

    snapshot = await folder.checked()
    if snapshot is None:
        raise failed(f"{folder.root} could not be read")
    return Subject(root, snapshot, ls.session.documents_below(root), allowed)


async def _run(work: Work, subject: Subject, tested: Tested) -> Generated | Refused:
    from otp_genesis_server.lsp.jobs.testing import generated

    try:
        return await work.run(generated, subject, tested, work)
    except OSError as error:
        raise failed(f"{error.filename} can't be read: {error.strerror}") from error


def _tested(ls: Server, subject: Subject, arguments: GenerateTestArguments) -> Tested:
    from otp_genesis_server.lsp.jobs.testing import Tested

    snapshot = subject.snapshot
    file = from_lsp.file_of(arguments.uri)
    path = file.relative_to(subject.root).as_posix() if file and file.is_relative_to(subject.root) else ""
    place = _place(ls, snapshot, file, arguments.position) if arguments.position and file else None
    return Tested(path, place, arguments.module or "", arguments.function or "")


def _place(ls: Server, snapshot: Snapshot, file: Path, position: Position) -> int | None:
    from lsprotocol import types as lsp

    path = file.relative_to(snapshot.root).as_posix() if file.is_relative_to(snapshot.root) else ""
    source = snapshot.source(path)
    at = lsp.Position(position.line, position.character)
    return from_lsp.byte_offset(source, at, ls.session.features.encoding) if source is not None else None


async def _with_model(
    ls: Server, folder: Folder, root: Path, allowed: bool, arguments: GenerateTestArguments
) -> dict[str, Any]:
    from otp_genesis_refactorers.change import Refused
    from otp_genesis_refactorers.llm.failures import ModelFailure
    from otp_genesis_server.lsp.work.sending import may_send

    try:
        async with long_work(ls, "reading what a model needs to know") as work:
            subject = await _subject(folder, ls, root, allowed)
            asked = await work.run(_prepared, subject, _tested(ls, subject, arguments), arguments.model)
        if isinstance(asked, Refused):
            return _answer(ls, asked.reason)
        model, asking, preview, files = asked
        if not await may_send(ls, root, model, preview, files):
            return _answer(ls, "nothing was sent")
        made, spent = await _written(ls, model, asking)
    except ModelFailure as failure:
        return _answer(ls, str(failure))
    except OSError as error:
        raise failed(f"{error.filename} can't be read: {error.strerror}") from error
    return await _told(ls, folder, subject, made, spent)


def _prepared(subject: Subject, tested: Tested, name: str | None) -> Any:
    from otp_genesis_refactorers.change import Refused
    from otp_genesis_refactorers.exunit.with_model import files_of, prepared, request_for
    from otp_genesis_refactorers.llm.connecting import find_model
    from otp_genesis_refactorers.llm.preview import preview
    from otp_genesis_server.lsp.jobs.testing import wanted

    asked = wanted(subject, tested, any_kind=True)
    if isinstance(asked, Refused):
        return asked
    model = find_model(name, subject.root, [app.folder for app in asked.project.apps])
    asking = prepared(asked)
    if isinstance(asking, Refused):
        return asking
    return model, asking, preview(model, request_for(asking)), files_of(asking)


async def _written(ls: Server, model: Model, asking: Asking) -> tuple[Generated | Refused, str]:
    from otp_genesis_refactorers.exunit.with_model import generate_with
    from otp_genesis_refactorers.llm.connecting import connect
    from otp_genesis_refactorers.llm.mending.mend import Watch
    from otp_genesis_server.lsp.jobs.mending import Said

    run = f"test {asking.wanted.module} {asking.fence.nonce}"
    async with (
        long_work(ls, f"{model.title} writes a test") as work,
        connect(model, run) as connection,
    ):
        said = Said(work, model.title)
        made = await generate_with(asking, connection, Watch(work.run, said.event, work.say, work.cancel))
        spent = await work.run(connection.spent)
    return made, f"{spent.run} (today {spent.day})"


async def _told(
    ls: Server, folder: Folder, subject: Subject, outcome: Generated | Refused, spent: str = ""
) -> dict[str, Any]:
    """Bring the test into the editor, or show it with what speaks against it."""
    from otp_genesis_refactorers.change import Refused
    from otp_genesis_server.lsp.jobs.testing import as_change
    from otp_genesis_server.lsp.jobs.verifying import changed_since

    if isinstance(outcome, Refused):
        return _answer(ls, outcome.reason, spent=spent)
    proof, left_out = outcome.proof, list(outcome.left_out)
    shown: dict[str, Any] = {"proven": proof.proven, "left_out": left_out, "spent": spent}
    if not outcome.may_be_written:
        document = write_document("tests", subject.root, ".exs", outcome.text)
        if document is not None:
            ls.open(document, take_focus=False)
        return _answer(ls, proof.reason, document=document, **shown)
    change = as_change(outcome, subject)
    other = changed_since(subject.root, subject.documents, ls.session.documents_below(subject.root))
    reason = f"{other} was changed meanwhile" if other else await apply_change(ls, folder, change)
    if reason is not None:
        return _answer(ls, reason, **shown)
    uri = subject.snapshot.uri(change.files[0].path)
    ls.open(uri)
    ls.inform(f"OTP-Genesis: {change.title}: {proof.headline}{f'; {spent}' if spent else ''}")
    return _result(applied=True, uri=uri, reason=proof.reason, **shown)


def _answer(ls: Server, reason: str, **more: Any) -> dict[str, Any]:
    ls.warn(f"OTP-Genesis: nothing was changed: {reason}")
    return _result(reason=reason, **more)


def _result(**known: Any) -> dict[str, Any]:
    nothing: Mapping[str, Any] = {
        "applied": False,
        "proven": False,
        "reason": "",
        "uri": None,
        "document": None,
        "left_out": [],
        "spent": "",
    }
    return {**nothing, **known}
