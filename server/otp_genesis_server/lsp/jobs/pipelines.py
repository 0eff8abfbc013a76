"""Running pipelines for an editor: on its buffers, with its progress bar, its answers, its edits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs
from pygls.exceptions import JsonRpcInvalidParams

from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.codebase import Codebase, open_files
from otp_genesis_refactorers.llm.connecting import Model
from otp_genesis_refactorers.llm.preview import Preview
from otp_genesis_refactorers.pipelines.journal import Journal
from otp_genesis_refactorers.pipelines.language.loading import NoPipeline, Pipeline, all_steps
from otp_genesis_refactorers.pipelines.plan_source import PlanSource
from otp_genesis_refactorers.pipelines.problems import BadPipeline
from otp_genesis_refactorers.pipelines.progress import OnProgress
from otp_genesis_refactorers.pipelines.running import CantRun, Editor, Ready, Report, Wish, prepare, run
from otp_genesis_server.cli.run_report import as_data, shown
from otp_genesis_server.lsp.from_lsp import file_of
from otp_genesis_server.lsp.jobs.verifying import changed_since, content_shown
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.shown.documents import write_document
from otp_genesis_server.lsp.work.applying import write_or_edit
from otp_genesis_server.lsp.work.asked import failed
from otp_genesis_server.lsp.work.sending import may_send

if TYPE_CHECKING:
    from otp_genesis_server.lsp.features.commands.run_pipeline import RunPipelineArguments
    from otp_genesis_server.lsp.workspace.folder import Folder
    from otp_genesis_server.lsp.workspace.snapshot import Document

_RUN_MIX = frozenset({"verify", "command"})
_TRIES, _PAUSE_SECONDS = 20, 0.05
"""Of looking whether the editor has told of an edit."""


def wish_of(root: Path, arguments: RunPipelineArguments) -> Wish:
    """Raises JsonRpcInvalidParams."""
    return Wish(
        pipeline=str(_file(arguments.pipeline)) if "://" in arguments.pipeline else arguments.pipeline,
        folder=root,
        root=root,
        variables=arguments.variables,
        input_file=_file(arguments.input) if arguments.input else None,
        prompt=arguments.prompt,
        resume=arguments.resume,
    )


def prepared(asked: Wish, journal: Journal) -> Ready:
    """Raises JsonRpcException for what can't be run."""
    try:
        return prepare(asked, journal)
    except (BadPipeline, NoPipeline, CantRun) as error:
        raise failed(str(error)) from error
    except OSError as error:
        raise failed(f"{error.filename}: {error.strerror}") from error


def runs_mix(pipeline: Pipeline) -> bool:
    """Whether a step of it, or of what it calls, may run the project's own code."""
    return any(
        step.kind in _RUN_MIX or "run_test" in (getattr(step, "tools", None) or ())
        for step in all_steps(pipeline)
    )


async def performed(
    ls: Server,
    folder: Folder,
    asked: Wish,
    ready: Ready,
    journal: Journal,
    plan: PlanSource,
    *,
    allowed: bool,
    show: OnProgress,
) -> Report:
    """A run on the project in `asked.root`, which is the folder, in it or around it."""

    def note(text: str) -> None:
        ls.warn(f"OTP-Genesis: {text}")

    editor = _editor(ls, folder, asked.root, plan)
    asked = replace(asked, editor=editor, trusted_for_this_run=allowed)
    return await run(asked, ready, journal, on_progress=show, on_note=note)


def told(ls: Server, folder: Folder, name: str, report: Report) -> dict[str, Any]:
    """The answer; what there is to see is opened."""
    uri = _document(folder, report)
    if uri is not None:
        ls.open(uri)
    if report.is_done:
        ls.inform(f"OTP-Genesis: {name} is done, run {report.run}")
    else:
        ls.warn(f"OTP-Genesis: the run {report.run} failed: {report.reason}")
    return {**as_data(report), "document": uri}


def _document(folder: Folder, report: Report) -> str | None:
    """What it wrote; else what it changed and could not prove; else what it gave."""
    if report.files:
        return Path(report.files[0]).as_uri()
    diff = report.codebase.diff() if report.codebase is not None else ""
    if diff:
        return write_document("changes", folder.root, ".diff", diff)
    return write_document("reports", folder.root, ".txt", f"{shown(report, 'text')}\n")


def _editor(ls: Server, folder: Folder, root: Path, plan: PlanSource) -> Editor:
    loop = asyncio.get_running_loop()
    then: Mapping[str, Document] = {}
    """What was open when the code was opened last."""

    def open_code(_commit: str) -> Codebase | Refused:
        nonlocal then
        then = asyncio.run_coroutine_threadsafe(_documents(ls, folder, root), loop).result()
        return open_files(root, {path: document.content for path, document in then.items()})

    def deliver(change: Change) -> Refused | None:
        work = _delivered(ls, folder, root, then, change)
        reason = asyncio.run_coroutine_threadsafe(work, loop).result()
        return Refused(reason) if reason else None

    async def ask_first(model: Model, preview: Preview) -> bool:
        files = [excerpt.name for excerpt in preview.excerpts]
        return await may_send(ls, folder.root, model, preview, files)

    return Editor(open_code, deliver, ask_first, plan, ls.threads)


async def _documents(ls: Server, folder: Folder, root: Path) -> Mapping[str, Document]:
    """What is open of a project, once what is being typed has been read."""
    await folder.checked()
    return ls.session.documents_below(root)


async def _delivered(
    ls: Server, folder: Folder, root: Path, then: Mapping[str, Document], change: Change
) -> str:
    """Make a change of a project in the files and buffers of the folder. Why not, if not."""
    other = changed_since(root, then, ls.session.documents_below(root))
    if other:
        return f"{other} was changed meanwhile"
    paths = {file.path: _in_folder(root / file.path, folder) for file in change.files}
    outside = next((path for path in paths.values() if path.startswith("../")), "")
    if outside:
        return f"it changes {outside}, outside of the folder that is open: open the folder around both"
    files = tuple(structs.replace(file, path=paths[file.path]) for file in change.files)
    before = {file.path: content_shown(root, file.path, then) for file in change.files}
    reason = await write_or_edit(ls, folder, structs.replace(change, files=files))
    if not reason:
        await _has_told(ls, root, before)
    return reason


async def _has_told(ls: Server, root: Path, before: Mapping[str, bytes | None]) -> None:
    """Until the editor has told of what it applied: some do a little after they answered."""
    for _ in range(_TRIES):
        now_open = ls.session.documents_below(root)
        if all(content_shown(root, path, now_open) != content for path, content in before.items()):
            return
        await asyncio.sleep(_PAUSE_SECONDS)


def _in_folder(file: Path, folder: Folder) -> str:
    return Path(os.path.relpath(file, folder.root)).as_posix()


def _file(uri: str) -> Path:
    file = file_of(uri)
    if file is None:
        raise JsonRpcInvalidParams(f"{uri} is no file")
    return file
