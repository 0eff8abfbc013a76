"""`if`: one list of steps or another."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import When
from otp_genesis_refactorers.pipelines.language.model import Body, Step
from otp_genesis_refactorers.pipelines.language.step_types import Steps
from otp_genesis_refactorers.pipelines.outcome import Outcome


class IfElse(Step):
    """Steps of the branch that is not taken count as skipped."""

    gives = ("branch",)
    is_reused = False
    checks_condition = True
    reads_code = False

    type: Literal["if"]
    condition: When = Field(examples=["steps.tests.status == 'passed'"])  # type: ignore[assignment]
    then: Steps
    else_: Steps | None = Field(default=None, alias="else", validation_alias="else")

    def bodies(self) -> tuple[Body, ...]:
        then = Body("then", self.then, seen_after=True)
        return (then, Body("else", self.else_, seen_after=True)) if self.else_ else (then,)

    async def run(self, here: Here) -> Outcome:
        taken = here.holds(self.condition)
        steps, others = (self.then, self.else_ or ()) if taken else (self.else_ or (), self.then)
        for step in others:
            here.scope.steps[step.name] = Outcome("skipped")
        await here.run_steps(steps, here.scope)
        return Outcome(values={"branch": "then" if taken else "else"})
