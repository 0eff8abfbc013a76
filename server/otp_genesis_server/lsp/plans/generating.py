"""Writing the plan from the editor, beside what is open in it, with a model's advice where one is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otp_genesis_refactorers.applying.line_edits import edits_between
from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten
from otp_genesis_refactorers.change import Outdated
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.plan.documents import changed_documents, folder_of
from otp_genesis_refactorers.plan.draft import Draft, draft
from otp_genesis_refactorers.plan.model import OVERVIEW, PHASES
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.work.applying import apply_edit
from otp_genesis_server.lsp.work.asked import failed
from otp_genesis_server.lsp.work.long_work import long_work
from otp_genesis_server.lsp.work.sending import may_send
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.connecting import Model
    from otp_genesis_refactorers.llm.preview import Preview
    from otp_genesis_refactorers.plan.advice.check import Advice
    from otp_genesis_refactorers.plan.advice.question import Question
    from otp_genesis_server.lsp.server import Server
    from otp_genesis_server.lsp.workspace.folder import Folder

_SAID = 3
"""So many dropped parts of an answer are named to the user, the others counted."""


async def generate(ls: Server, folder: Folder, goal: str, model: str | None) -> list[str]:
    """Write or update the plan; the URIs of its documents, the overview first. Raises JsonRpcException.

    Without the model's answer, or the user's consent to ask, the plan is written all the same.
    """
    async with long_work(ls, "writing the plan") as work:
        snapshot = await folder.checked()
        if snapshot is None:
            raise failed(f"{folder.root} could not be read")
        if not snapshot.project.apps:
            raise failed(f"{snapshot.root} holds no mix project: there is no mix.exs in it or below it")
        made, contents = await work.run(_drafted, snapshot, ls.plans.below(snapshot.root), goal)
        if model is None:
            return await _write(ls, snapshot, made, contents, None)
    advice = await _advice(ls, made, snapshot, model)
    async with long_work(ls, "writing the plan") as work:
        # A person may have gone on writing while the model did.
        made, contents = await work.run(_drafted, snapshot, ls.plans.below(snapshot.root), goal)
        return await _write(ls, snapshot, made, contents, advice)


def _drafted(snapshot: Snapshot, plans: Sequence[Plan], goal: str) -> tuple[Draft, dict[str, bytes]]:
    findings = [finding for path in sorted(snapshot.findings) for finding in snapshot.findings[path]]
    try:
        contents = _contents(snapshot, plans)
        return draft(snapshot.project, findings, goal, contents, fix), contents
    except (NotWritten, Outdated) as error:
        raise failed(str(error)) from error


def _contents(snapshot: Snapshot, plans: Sequence[Plan]) -> dict[str, bytes]:
    """The documents as the editor has them, else as they are on disk."""
    contents = folder_of(snapshot.root).read()
    names = {name.file for name in (OVERVIEW, *PHASES)}
    return contents | {plan.file.name: plan.content for plan in plans if plan.file.name in names}


async def _write(
    ls: Server, snapshot: Snapshot, made: Draft, contents: dict[str, bytes], advice: Advice | None
) -> list[str]:
    """Open documents are changed by the editor, so that nothing typed is lost; the others on disk."""
    is_open = {
        plan.file.name: plan
        for plan in ls.plans.below(snapshot.root)
        if ls.session.features.apply_edit or not plan.is_saved
    }
    folder = folder_of(snapshot.root)
    try:
        texts = await asyncio.to_thread(made.texts, advice)
        on_disk = {file: text for file, text in texts.items() if file not in is_open}
        await asyncio.to_thread(folder.write, made, contents, on_disk)
    except (NotWritten, HalfWritten, Outdated) as error:
        raise failed(str(error)) from error
    changed = changed_documents(contents, texts)
    for file, plan in is_open.items():
        if file in changed:
            reason = await _edited(ls, plan, contents.get(file), changed[file])
            if reason:
                raise failed(f"{file} is not brought up to date: {reason}")
    return [(folder.base / folder.prefix / file).as_uri() for file in texts]


async def _edited(ls: Server, plan: Plan, before: bytes | None, after: bytes) -> str | None:
    if plan.content != before or plan.version is None:
        return "it was changed meanwhile"
    edits = [(edit.span, edit.text) for edit in edits_between(plan.content, after)]
    edit = to_lsp.document_edit(plan.uri, plan.version, plan.source, edits, ls.session.features)
    return await apply_edit(ls, "Bring the plan up to date", edit)


@dataclass(frozen=True)
class _Asked:
    model: Model
    question: Question
    preview: Preview


async def _advice(ls: Server, made: Draft, snapshot: Snapshot, name: str) -> Advice | None:
    """What the model says; None where it is not asked or fails, which the user is told."""
    from otp_genesis_refactorers.llm.failures import ModelFailure

    try:
        async with long_work(ls, "reading what a model needs to know") as work:
            asked = await work.run(_asked, made, snapshot, name)
        if not any(asked.question.asked.values()):
            ls.warn("OTP-Genesis: no model is asked: the plan has no open item that may be sent")
            return None
        if not await may_send(ls, snapshot.root, asked.model, asked.preview, asked.question.files):
            ls.warn("OTP-Genesis: nothing was sent: the plan is written from the code alone")
            return None
        advice, spent = await _answered(ls, made, asked)
    except ModelFailure as failure:
        ls.warn(f"OTP-Genesis: the plan is written without the model: {failure}")
        return None
    more = f" and {len(advice.dropped) - _SAID} more" if len(advice.dropped) > _SAID else ""
    dropped = f"; dropped: {'; '.join(advice.dropped[:_SAID])}{more}" if advice.dropped else ""
    (ls.warn if dropped else ls.inform)(f"OTP-Genesis: {asked.model.title} advised; {spent}{dropped}")
    return advice


def _asked(made: Draft, snapshot: Snapshot, name: str) -> _Asked:
    from otp_genesis_refactorers.llm.connecting import find_model
    from otp_genesis_refactorers.llm.preview import preview
    from otp_genesis_refactorers.llm.privacy.fencing import Fence
    from otp_genesis_refactorers.llm.privacy.withholding import Withholding
    from otp_genesis_refactorers.plan.advice.question import question_about

    model = find_model(name, snapshot.root, [app.folder for app in snapshot.project.apps if app.folder])
    try:
        question = question_about(made, Withholding.of(snapshot.root), Fence.fresh())
    except OSError as error:
        raise failed(f"{error.filename} can't be read: {error.strerror}") from error
    return _Asked(model, question, preview(model, question.request))


async def _answered(ls: Server, made: Draft, asked: _Asked) -> tuple[Advice, str]:
    from otp_genesis_refactorers.llm.connecting import connect
    from otp_genesis_refactorers.plan.advice.question import advice_on
    from otp_genesis_server.lsp.jobs.mending import Said

    run = f"plan {asked.question.request.nonce}"
    async with (
        long_work(ls, f"{asked.model.title} advises on the plan") as work,
        connect(asked.model, run) as connection,
    ):
        advice = await advice_on(made, asked.question, connection, Said(work, asked.model.title).event)
        spent = await work.run(connection.spent)
    return advice, f"{spent.run} (today {spent.day})"
