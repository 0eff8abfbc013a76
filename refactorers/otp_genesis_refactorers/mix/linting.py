"""What Credo says, where a project has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.mix.results import CredoIssue, CredoResult, MixResult
from otp_genesis_refactorers.mix.running import run
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits
from otp_genesis_refactorers.shadow.workspace import Shadow

_TASK = 'task "credo" could not be found'


class _Issue(msgspec.Struct):
    filename: str
    line_no: int | None
    check: str
    message: str


class _Answer(msgspec.Struct):
    issues: list[_Issue]


def credo(
    shadow: Shadow,
    files: Sequence[str] = (),
    *,
    limits: Limits = DEFAULT_LIMITS,
    cancel: Event | None = None,
) -> CredoResult:
    """`mix credo --strict` on these files or all, when the project has Credo."""
    if not has_credo(shadow.root):
        missing = MixResult(
            "not_run", None, "", "", 0.0, "none", "the project has no Credo", ("mix", "credo")
        )
        return CredoResult(missing)
    args = ["credo", "--strict", "--format", "json", *files]
    done = run(shadow, args, limits=limits, cancel=cancel)
    if done.status == "failed" and _TASK in done.stderr:
        reason = "Credo is not among the dependencies of the test environment (MIX_ENV=test)"
        return CredoResult(replace(done, status="not_run", reason=reason))
    if done.status not in ("ok", "failed"):
        return CredoResult(done)
    # What is compiled before is printed before.
    start = done.stdout.find("{\n")
    try:
        answer = msgspec.json.decode(done.stdout[start:].encode(), type=readable(_Answer))
    except msgspec.MsgspecError:
        return CredoResult(replace(done, status="not_run", reason="Credo's answer can't be read"))
    issues = [
        CredoIssue(each.filename, each.line_no or 0, each.check, each.message) for each in answer.issues
    ]
    return CredoResult(done, tuple(issues))


def has_credo(root: Path) -> bool:
    """Whether the project in this folder, or an app of the umbrella, asks for Credo."""
    mix_files = [root / "mix.exs", *root.glob("apps/*/mix.exs")]
    return any(b":credo" in file.read_bytes() for file in mix_files if file.is_file())
