"""`command`: a program that the user allows, in the isolated copy, with what was changed."""

from __future__ import annotations

import re
from threading import Event
from typing import Annotated, Any, Literal

from pydantic import Field

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.mix.results import MixResult
from otp_genesis_refactorers.mix.running import Run, execute, not_run
from otp_genesis_refactorers.pipelines.allowed_commands import allowed_commands, objection_to
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Text
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.language.templates import Template
from otp_genesis_refactorers.pipelines.outcome import Outcome, Status, StepFailed
from otp_genesis_refactorers.shadow.workspace import ShadowError

_NUMBER = re.compile(r"\d{1,18}")
_STATUS: dict[str, Status] = {"ok": "passed", "failed": "failed", "timed_out": "failed"}


class Command(Step):
    """`passed` when it ended with status 0, `failed` with another, `not_verified` when it could not run."""

    gives = ("exit_code", "stdout", "stderr", "reason", "command", "isolation")

    type: Literal["command"]
    argv: Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        description="Program and arguments, no shell", examples=["[mix, test, test/shop_test.exs]"]
    )

    async def depends_on(self, here: Here) -> Any:
        return allowed_commands()

    async def run(self, here: Here) -> Outcome:
        argv = [_argument(here, each) for each in self.argv]
        objection = objection_to(argv)
        if objection:
            raise StepFailed(objection)
        done = await here.in_thread(lambda cancel: _ran(here, argv, cancel))
        values = {
            "exit_code": done.exit_code,
            "stdout": done.stdout,
            "stderr": done.stderr,
            "reason": done.reason,
            "command": list(argv),
            "isolation": done.isolation,
        }
        text = f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}\nexit status: {done.exit_code}"
        if done.reason:
            text += f" ({done.reason})"
        return Outcome(_STATUS.get(done.status, "not_verified"), values, text)


def _argument(here: Here, template: Template) -> str:
    """What an expression gives may be a file of the code base or a number, nothing that could be made up."""
    text = here.text(template)
    if not template.expressions or _NUMBER.fullmatch(text):
        return text
    if text.startswith("-") or not isinstance(here.codebase.content(text.partition(":")[0]), bytes):
        raise StepFailed(
            f"the argument {text!r:.80} is no file of the code base, and nothing else may be put in"
        )
    return text


def _ran(here: Here, argv: list[str], cancel: Event) -> MixResult:
    trusted = here.engine.trusted_for_this_run
    try:
        with here.codebase.in_copy(trusted_for_this_run=trusted, cancel=cancel) as shadow:
            if argv[:2] == ["mix", "credo"] and not mix.has_credo(shadow.root):
                return not_run(Run(tuple(argv)), "the project has no Credo")
            if argv[0] == "mix":
                return mix.run(shadow, argv[1:], cancel=cancel)
            asked = Run(tuple(argv), cancel=cancel)
            ready = mix.readiness(shadow.original, shadow.trusted)
            if isinstance(ready, mix.NotReady):
                return not_run(asked, ready.reason)
            return execute(shadow, ready, argv, asked)[0]
    except ShadowError as error:
        raise StepFailed(str(error)) from error
