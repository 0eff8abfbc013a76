"""What a run of mix says, in words, and how long it may take."""

from __future__ import annotations

from dataclasses import replace

from otp_genesis_refactorers.gates.trial import NotRun
from otp_genesis_refactorers.mix.results import MixResult, TestCase
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits

_PATIENCE = 5
_START_SECONDS = 20.0
_GIST_LINES, _GIST_CHARACTERS = 3, 200


def patient(seconds_before: float) -> Limits:
    """What is left to something that took so long without the change: a hang is told from a slow machine."""
    seconds = min(DEFAULT_LIMITS.timeout_seconds, _START_SECONDS + _PATIENCE * seconds_before)
    return replace(DEFAULT_LIMITS, timeout_seconds=max(seconds, seconds_before * 2))


def unheard(run: MixResult) -> NotRun | None:
    """Why a run says nothing about the change; None when it does."""
    if run.status == "not_run":
        return NotRun(run.reason)
    if run.status == "cancelled":
        return NotRun("it was cancelled")
    return None


def gist(test: TestCase) -> str:
    """How a test failed, in one line, without its name and place."""
    said = [line.strip() for line in test.message.splitlines() if line.strip()]
    told = [line for line in said if not line.endswith((f"({test.module})", f".exs:{test.line}"))]
    text = " ".join(told[:_GIST_LINES])
    return text if len(text) <= _GIST_CHARACTERS else f"{text[:_GIST_CHARACTERS]}…"


def how_it_ended(run: MixResult) -> str:
    """One line about a run that was cut short or failed."""
    if run.status == "timed_out":
        return f"it was ended after {run.seconds:.0f} s"
    if run.reason:
        return run.reason
    said = [line.strip() for line in (*run.stderr.splitlines(), *run.stdout.splitlines()) if line.strip()]
    raised = next((line for line in said if line.startswith("** (")), "")
    return raised or (said[0] if run.stderr.strip() else f"mix ended with {run.exit_code}")
