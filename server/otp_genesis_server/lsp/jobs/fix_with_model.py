"""A fix by a model, from the editor: asked for, sent with consent, applied with proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException

from otp_genesis_server.lsp.features.commands.verify import project_of
from otp_genesis_server.lsp.jobs.fixing import GONE
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.work.applying import apply_change
from otp_genesis_server.lsp.work.asked import chosen_folder, failed
from otp_genesis_server.lsp.work.consent import ask, trusted
from otp_genesis_server.lsp.work.long_work import long_work
from otp_genesis_server.lsp.work.sending import NO, may_send

if TYPE_CHECKING:
    from pathlib import Path

    from otp_genesis_refactorers.change import Refused
    from otp_genesis_refactorers.llm.connecting import Model
    from otp_genesis_refactorers.llm.mending.mend import Mended
    from otp_genesis_server.lsp.features.commands.fix import FixArguments
    from otp_genesis_server.lsp.jobs.mending import Asking
    from otp_genesis_server.lsp.jobs.verifying import Subject
    from otp_genesis_server.lsp.workspace.folder import Folder

APPLY, LOOK = "Apply it unproven", "Look at it"
_SLOW_TO_LOAD = "otp_genesis_server.lsp.jobs.mending"
"""Brings all that is imported below; loaded in a thread first, so that hovers are answered meanwhile."""


async def fix_with_model(ls: Server, arguments: FixArguments) -> dict[str, Any]:
    """Gives `{"applied", "verdict", "reason", "document", "evidence", "spent"}`, and tells the user too.

    `verdict` is `verified`, `not_verified` (a proposal that could not be compiled and tested), `rejected`, or
    `none` where there is nothing to look at. `document` is the URI of a proposal as Markdown, `spent` what
    the run cost, in words. Nothing is sent before the user has agreed to it for this folder.
    """
    from otp_genesis_refactorers.llm.failures import ModelFailure

    folder = chosen_folder(ls, arguments.uri)
    root = project_of(folder, arguments.uri)
    try:
        asked = await _asking(ls, folder, root, arguments)
        if not isinstance(asked, _Asked):
            return _answer(ls, asked.reason)
        if not await may_send(ls, asked.subject.root, asked.model, asked.asking.preview, asked.asking.files):
            return _answer(ls, "nothing was sent")
        mended, spent = await _mended(ls, asked)
    except ModelFailure as failure:
        return _answer(ls, str(failure))
    return await _told(ls, folder, asked, mended, spent)


@dataclass(frozen=True)
class _Asked:
    model: Model
    subject: Subject
    asking: Asking


async def _asking(ls: Server, folder: Folder, root: Path, arguments: FixArguments) -> _Asked | Refused:
    async with long_work(ls, "reading what a model needs to know") as work:
        await work.run(import_module, _SLOW_TO_LOAD)
        from otp_genesis_refactorers.change import Refused
        from otp_genesis_refactorers.llm.connecting import find_model
        from otp_genesis_server.lsp.jobs.mending import prepared
        from otp_genesis_server.lsp.jobs.verifying import Subject

        model = await work.run(find_model, arguments.model, root)
        snapshot = await folder.checked()
        if snapshot is None:
            raise failed(f"{folder.root} could not be read")
        finding = snapshot.find(arguments.fingerprint)
        if finding is None:
            return GONE
        subject = Subject(root, snapshot, ls.session.documents_below(root), trusted=False)
        try:
            asking = await work.run(prepared, subject, finding, arguments.way or "", model)
        except OSError as error:
            raise failed(f"{error.filename} can't be read: {error.strerror}") from error
    return asking if isinstance(asking, Refused) else _Asked(model, subject, asking)


async def _mended(ls: Server, asked: _Asked) -> tuple[Mended, str]:
    from dataclasses import replace

    from otp_genesis_refactorers.llm.connecting import connect
    from otp_genesis_refactorers.llm.mending.mend import Watch, mend
    from otp_genesis_server.lsp.jobs.mending import Said

    model, task = asked.model, asked.asking.task
    task = replace(task, trusted_for_this_run=await trusted(ls, asked.subject.root))
    run = f"{task.finding.code} {task.fence.nonce}"
    async with (
        long_work(ls, f"{model.title} mends {task.finding.code}") as work,
        connect(model, run) as connection,
    ):
        said = Said(work, model.title)
        watch = Watch(work.run, said.event, said.gate, work.cancel)
        mended = await mend(task, connection, watch)
        spent = await work.run(connection.spent)
    return mended, f"{spent.run} (today {spent.day})"


async def _told(ls: Server, folder: Folder, asked: _Asked, mended: Mended, spent: str) -> dict[str, Any]:
    """Apply what is proven, show what is not, say what came of it and what it cost."""
    from otp_genesis_server.lsp.jobs.mending import as_change
    from otp_genesis_server.lsp.jobs.verifying import changed_since

    attempt = mended.accepted or mended.proposal
    if attempt is None:
        return _answer(ls, mended.reason, spent=spent)
    document, evidence = _kept(mended), attempt.evidence
    verdict = evidence.verdict if evidence is not None else "rejected"
    record = {"id": evidence.id, **evidence.model_dump(mode="json")} if evidence is not None else None
    shown: dict[str, Any] = {"verdict": verdict, "document": document, "evidence": record, "spent": spent}
    if mended.accepted is None and not await _wanted_unproven(ls, mended, document):
        return _answer(ls, mended.reason, **shown)
    subject = asked.subject
    other = changed_since(subject.root, subject.documents, ls.session.documents_below(subject.root))
    change = as_change(attempt, asked.asking, subject)
    reason = f"{other} was changed meanwhile" if other else await apply_change(ls, folder, change)
    if reason is not None:
        return _answer(ls, f"{reason}; the proposal is kept", **shown)
    how = "verified" if mended.accepted else mended.reason
    ls.inform(f"OTP-Genesis: {change.title}: {how}, and applied; {spent}")
    return _result(applied=True, **shown)


async def _wanted_unproven(ls: Server, mended: Mended, document: str | None) -> bool:
    """Whether the user takes what nothing speaks against, and nothing proves; what failed is only shown."""
    proposal = mended.proposal
    if proposal is None or not proposal.is_unproven:
        if document is not None:
            ls.open(document, take_focus=False)
        return False
    try:
        answer = await ask(ls, f"OTP-Genesis: {proposal.title}: {mended.reason}", APPLY, LOOK, NO)
    except JsonRpcException:
        return False
    if answer == LOOK and document is not None:
        ls.open(document)
    return answer == APPLY


def _kept(mended: Mended) -> str | None:
    """The URI of the attempts as a document; None when it can't be written."""
    from otp_genesis_refactorers.llm.mending.proposals import store
    from otp_genesis_refactorers.proof import evidence

    try:
        for attempt in mended.attempts:
            if attempt.evidence is not None:
                evidence.store(mended.task.root, attempt.evidence)
        return store(mended).as_uri()
    except OSError:
        return None


def _answer(ls: Server, reason: str, *, spent: str = "", **more: Any) -> dict[str, Any]:
    ls.warn(f"OTP-Genesis: nothing was changed: {reason}{f'; {spent}' if spent else ''}")
    return _result(reason=reason, spent=spent, **more)


def _result(**known: Any) -> dict[str, Any]:
    nothing: Mapping[str, Any] = {
        "applied": False,
        "verdict": "none",
        "reason": "",
        "document": None,
        "evidence": None,
        "spent": "",
    }
    return {**nothing, **known}
