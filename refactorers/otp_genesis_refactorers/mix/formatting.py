"""Whether files are laid out as their project asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from msgspec import Struct

from otp_genesis_refactorers.mix.own_code import FORMATTED, run_own_task
from otp_genesis_refactorers.mix.reports import reported
from otp_genesis_refactorers.mix.results import FormatResult
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits
from otp_genesis_refactorers.shadow.workspace import Shadow


class _Unformatted(Struct):
    file: str


def format_check(
    shadow: Shadow, files: Sequence[str], *, limits: Limits = DEFAULT_LIMITS, cancel: Event | None = None
) -> FormatResult:
    """Whether these files are laid out as the project's own `.formatter.exs` asks.

    Where that can't be told, since it takes its rules from a dependency that is not there, the run
    is `not_run`.
    """
    run, entries = run_own_task(
        shadow, FORMATTED, ["otp_genesis.formatted", *files], limits=limits, cancel=cancel
    )
    run = replace(run, command=("mix", "format", "--check-formatted", *files))
    is_finished = bool(reported(entries, "finished", Struct))
    if run.status == "failed" and not run.reason and not is_finished:
        last_line = next(iter(run.stderr.strip().splitlines()), "the formatter did not run")
        run = replace(run, status="not_run", reason=last_line)
    elif run.status == "ok" and not is_finished:
        run = replace(run, status="failed", reason="the run ended before all files were looked at")
    return FormatResult(run, tuple(each.file for each in reported(entries, "unformatted", _Unformatted)))
