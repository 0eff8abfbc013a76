"""Running pipelines for an editor: on its buffers, with its progress bar, its answers, its edits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.codebase import Codebase, open_files
from otp_genesis_refactorers.llm.connecting import Model
from otp_genesis_refactorers.llm.preview import Preview
from otp_genesis_refactorers.pipelines.journal import Journal
from otp_genesis_refactorers.pipelines.language.loading import NoPipeline, Pipeline, all_steps
from otp_genesis_refactorers.pipelines.problems import BadPipeline
from otp_genesis_refactorers.pipelines.progress import Progress
from otp_genesis_refactorers.pipelines.running import CantRun, Editor, Ready, Report, Wish, prepare, run
from otp_genesis_server.cli.run_report import as_data, described
from otp_genesis_server.lsp.from_lsp import file_of
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.shown.documents import write_document
from otp_genesis_server.lsp.work.applying import apply_change
from otp_genesis_server.lsp.work.asked import failed
from otp_genesis_server.lsp.work.sending import may_send

if TYPE_CHECKING:
    from otp_genesis_server.lsp.features.commands.run_pipeline import RunPipelineArguments
    from otp_genesis_server.lsp.work.long_work import Work
    from otp_genesis_server.lsp.workspace.folder import Folder

_RUN_MIX = frozenset({"verify", "command"})


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
    ls: Server, folder: Folder, asked: Wish, ready: Ready, journal: Journal, allowed: bool, work: Work
) -> Report:
    editor = _editor(ls, folder)

    def show(progress: Progress) -> None:
        work.say(described(progress))

    def note(text: str) -> None:
        ls.warn(f"OTP-Genesis: {text}")

    asked = replace(asked, editor=editor, trusted_for_this_run=allowed)
    return await run(asked, ready, journal, on_progress=show, on_note=note)


def told(ls: Server, folder: Folder, report: Report) -> dict[str, Any]:
    """The answer; what there is to see is opened."""
    uri = _document(folder, report)
    if uri is not None:
        ls.open(uri)
    if not report.is_done:
        ls.warn(f"OTP-Genesis: the run {report.run} failed: {report.reason}")
    return {**as_data(report), "document": uri}


def _document(folder: Folder, report: Report) -> str | None:
    if report.files:
        return Path(report.files[0]).as_uri()
    diff = report.codebase.diff() if report.codebase is not None else ""
    return write_document("changes", folder.root, ".diff", diff) if diff else None


def _editor(ls: Server, folder: Folder) -> Editor:
    loop = asyncio.get_running_loop()

    def open_code(_commit: str) -> Codebase | Refused:
        snapshot = asyncio.run_coroutine_threadsafe(folder.checked(), loop).result()
        if snapshot is None:
            return Refused(f"{folder.root} could not be read")
        buffers = {path: document.content for path, document in snapshot.documents.items()}
        return open_files(folder.root, buffers)

    def deliver(change: Change) -> Refused | None:
        reason = asyncio.run_coroutine_threadsafe(apply_change(ls, folder, change), loop).result()
        return Refused(reason) if reason is not None else None

    async def ask_first(model: Model, preview: Preview) -> bool:
        files = [excerpt.name for excerpt in preview.excerpts]
        return await may_send(ls, folder.root, model, preview, files)

    return Editor(open_code, deliver, ask_first, ls.threads)


def _file(uri: str) -> Path:
    file = file_of(uri)
    if file is None:
        raise JsonRpcInvalidParams(f"{uri} is no file")
    return file
