"""`otp-genesis runs`."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import click

from otp_genesis_server.cli import DONE

if TYPE_CHECKING:
    from otp_genesis_refactorers.pipelines.journal import Journal, RunRecord, StepRecord

_MOST = 50


@click.command()
@click.argument("run", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(run: str | None, form: str) -> int:
    """List the runs of pipelines, or show one of them with its steps.

    \b
    Examples:
      otp-genesis runs
      otp-genesis runs 20261122-0931 --format json
    """
    from otp_genesis_refactorers.pipelines.journal import Journal

    try:
        journal = Journal()
        try:
            click.echo(_one(journal, run, form) if run else _all(journal, form))
        finally:
            journal.close()
    except sqlite3.Error as error:
        raise click.UsageError(
            f"the journal of runs can't be used: {error}; see 'otp-genesis doctor'"
        ) from error
    return DONE


def _all(journal: Journal, form: str) -> str:
    runs = journal.runs()
    if form == "json":
        return _json([_run_data(each) for each in runs])
    lines = [_line(each) for each in runs[:_MOST]]
    if len(runs) > _MOST:
        lines.append(f"and {len(runs) - _MOST} older ones: see --format json")
    return "\n".join(lines) or "no pipeline was run yet: see 'otp-genesis run --help'"


def _one(journal: Journal, run: str, form: str) -> str:
    record = journal.run(run)
    if record is None:
        raise click.UsageError(f"there is no run {run!r}, or several begin so: 'otp-genesis runs' lists them")
    steps = journal.steps(record.id)
    if form == "json":
        return _json({**_run_data(record), "steps": [_step_data(each) for each in steps]})
    lines = [_line(record), f"project: {record.root}"]
    lines += [
        f"{name}: {text}" for name, text in (("branch", record.branch), ("reason", record.reason)) if text
    ]
    return "\n".join([*lines, *map(_step_line, steps)])


def _line(record: RunRecord) -> str:
    from otp_genesis_server.cli.places import counted, printable
    from otp_genesis_server.cli.run_report import spending

    cost = f", {spending(record.tokens, record.dollars)}" if record.tokens else ""
    steps = counted(record.steps_done, "step")
    return printable(f"{record.id}  {record.status:11}  {record.pipeline}  ({steps}{cost})")


def _step_line(step: StepRecord) -> str:
    from otp_genesis_server.cli.places import printable

    again = f" (attempt {step.attempt})" if step.attempt > 1 else ""
    seconds = f"{step.seconds:8.1f} s" if step.seconds is not None else " " * 10
    error = f": {step.outcome.error}" if step.outcome and step.outcome.error else ""
    return printable(f"  {step.status:12} {seconds}  {step.path} ({step.type}){again}{error}")


def _run_data(record: RunRecord) -> dict[str, Any]:
    return {
        "run": record.id,
        "status": record.status,
        "reason": record.reason,
        "pipeline": record.pipeline,
        "file": record.file,
        "root": record.root,
        "given": dict(record.given),
        "base_commit": record.base_commit,
        "branch": record.branch,
        "began": record.began.isoformat(),
        "ended": record.ended.isoformat() if record.ended else None,
        "steps_done": record.steps_done,
        "tokens": record.tokens,
        "dollars": record.dollars,
    }


def _step_data(step: StepRecord) -> dict[str, Any]:
    outcome = step.outcome
    return {
        "step": step.path,
        "attempt": step.attempt,
        "type": step.type,
        "status": step.status,
        "seconds": step.seconds,
        "error": outcome.error if outcome else "",
        "gives": dict(outcome.values) if outcome else None,
        "text": outcome.as_text() if outcome else None,
    }


def _json(data: object) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
