"""`otpGenesis.runPipeline`: runs a pipeline; what it changes and proves is applied in the editor."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import attrs

from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.work.asked import chosen_folder, failed
from otp_genesis_server.lsp.work.consent import trusted
from otp_genesis_server.lsp.work.long_work import long_work

COMMAND = "otpGenesis.runPipeline"


@dataclass(frozen=True)
class RunPipelineArguments:
    pipeline: str = ""
    """The URI of a file, or the name of a built-in pipeline; may be left out with `resume`."""
    root: str | None = None
    """The URI of a workspace folder, or of anything in it; may be left out where one folder is open."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """The pipeline's inputs, as they would be typed behind `--var NAME=`."""
    prompt: str | None = None
    input: str | None = None
    """The URI of what the pipeline calls `input_file`."""
    resume: str = ""
    """The id of a run that was cut off."""


@attrs.define
class RunPipelineRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: RunPipelineArguments


REQUEST = RunPipelineRequest


async def handle(ls: Server, arguments: RunPipelineArguments) -> dict[str, Any]:
    """Gives what `otp-genesis run --format json` prints, with `document`: the URI of what is opened, or null.

    Documents of a plan are opened; else what the run has changed and could not prove, as a diff, of which
    nothing is applied; else what it gave. Raises JsonRpcException for a pipeline that can't be run, with
    each mistake.
    """
    from otp_genesis_refactorers.pipelines.journal import Journal, RunBusy
    from otp_genesis_refactorers.pipelines.progress import Progress
    from otp_genesis_server.cli.run_report import described
    from otp_genesis_server.lsp.jobs import pipelines
    from otp_genesis_server.lsp.plans.source import PlanInEditor

    folder = chosen_folder(ls, arguments.root)
    try:
        with closing(Journal()) as journal:
            asked = pipelines.wish_of(folder.root, arguments)
            ready = pipelines.prepared(asked, journal)
            allowed = await trusted(ls, folder.root) if pipelines.runs_mix(ready.pipeline) else False
            async with long_work(ls, f"running {ready.pipeline.workflow.name}") as work:
                plan = PlanInEditor(ls, folder, folder.root, asyncio.get_running_loop())

                def show(progress: Progress) -> None:
                    work.say(described(progress))

                report = await pipelines.performed(
                    ls, folder, asked, ready, journal, plan, allowed=allowed, show=show
                )
    except (RunBusy, sqlite3.Error) as error:
        raise failed(str(error)) from error
    return pipelines.told(ls, folder, ready.pipeline.workflow.name, report)
