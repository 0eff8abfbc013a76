"""What a run of a pipeline was like, for people and programs; how far it is, while it lasts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, cast

from otp_genesis_refactorers.pipelines.language.loading import Pipeline
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.language.sandbox import as_text
from otp_genesis_refactorers.pipelines.progress import Progress
from otp_genesis_refactorers.pipelines.running import Report
from otp_genesis_server.cli.places import counted, printable

_BETWEEN_SECONDS = 0.1
_LINE = 100
_TELLING = ("code", "message", "text", "why", "title", "task", "place", "status", "reason")
"""What of a mapping is for people."""


def shown(report: Report, form: str) -> str:
    if form == "json":
        return json.dumps(as_data(report), indent=2, ensure_ascii=False)
    return "\n".join(printable(line) for text in _texts(report) for line in text.splitlines())


def as_data(report: Report) -> dict[str, object]:
    return {
        "version": 1,
        "run": report.run,
        "status": "done" if report.is_done else "failed",
        "reason": report.reason,
        "steps": report.steps_done,
        "reused": report.steps_reused,
        "failed": [{"step": each.path, "reason": each.reason} for each in report.failures],
        "branch": report.branch,
        "commits": [{"commit": commit, "message": message} for commit, message in report.commits],
        "files": list(report.files),
        "outputs": dict(report.outputs),
        "tokens": report.spent.tokens,
        "dollars": report.spent.dollars,
    }


def _texts(report: Report) -> Iterator[str]:
    for name, value in report.outputs.items():
        text = _readable(value).rstrip("\n")
        yield f"{name}:\n{text}" if "\n" in text or isinstance(value, list) else f"{name}: {text}"
    if report.is_done and not report.outputs and not report.files and report.last_text:
        yield report.last_text
    for file in report.files:
        yield f"written: {file}"
    if report.branch:
        yield f"{counted(len(report.commits), 'commit')} on {report.branch}:"
        yield from (f"  {commit[:12]} {message}" for commit, message in report.commits)
    for failure in report.failures:
        yield f"failed: {failure.path}: {failure.reason}"
    reused = f", {report.steps_reused} of them from before" if report.steps_reused else ""
    cost = f", {spending(report.spent.tokens, report.spent.dollars)}" if report.spent.tokens else ""
    state = "done" if report.is_done else "failed"
    yield f"run {report.run}: {state}, {counted(report.steps_done, 'step')}{reused}{cost}"


def _readable(value: Any) -> str:
    """A list as lines, a place first; anything else as it stands in a prompt."""
    if not isinstance(value, list):
        return as_text(value)
    items = cast(list[Any], value)
    return "\n".join(f"  {_item(each)}" for each in items) or "  none"


def _item(value: Any) -> str:
    if not isinstance(value, dict):
        return as_text(value)
    given = dict(cast(dict[str, Any], value))
    place = f"{given.pop('path')}:{given.pop('line')}: " if {"path", "line"} <= given.keys() else ""
    words = [str(each) for key, each in given.items() if key in _TELLING and each not in ("", None)]
    return place + (" ".join(words) if words else as_text(given))


def spending(tokens: int, dollars: float | None) -> str:
    return f"{tokens:,} tokens" + (f", ${dollars:.2f}" if dollars is not None else "")


def outline(pipeline: Pipeline) -> str:
    """The steps of a pipeline and of those that it calls."""
    return "\n".join(
        [f"{pipeline.workflow.name}: {pipeline.file}", *_outlined(pipeline.workflow.steps, pipeline, 1)]
    )


def _outlined(steps: tuple[Step, ...], pipeline: Pipeline, depth: int) -> Iterator[str]:
    for step in steps:
        about = f" - {step.description}" if step.description else ""
        yield f"{'  ' * depth}{step.name} ({step.kind}){about}"
        for body in step.bodies():
            if body.key != "steps":
                yield f"{'  ' * depth}  {body.key}:"
            yield from _outlined(body.steps, pipeline, depth + 1 + (body.key != "steps"))
        called = pipeline.calls.get(str(getattr(step, "file", "")))
        if called is not None:
            yield from _outlined(called.workflow.steps, called, depth + 1)


@contextmanager
def progress_line() -> Generator[Callable[[Progress], None]]:
    """One line on a terminal, nothing anywhere else. It is wiped at the end."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    next_at, width = 0.0, 0

    def show(progress: Progress) -> None:
        nonlocal next_at, width
        if monotonic() < next_at:
            return
        next_at = monotonic() + _BETWEEN_SECONDS
        line = printable(described(progress))[:_LINE]
        print(f"\r{line.ljust(width)}", end="", file=sys.stderr, flush=True)
        width = len(line)

    try:
        yield show
    finally:
        if width:
            print(f"\r{' ' * width}\r", end="", file=sys.stderr, flush=True)


def described(progress: Progress) -> str:
    doing = f": {progress.doing}" if progress.doing else ""
    cost = f", {spending(progress.tokens, progress.dollars)}" if progress.tokens else ""
    return f"{counted(progress.steps_done, 'step')} done{cost}, {progress.step}{doing}"
