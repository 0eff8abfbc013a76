"""`while_loop`: the same steps again, while or until something holds. One that never ends fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Formula, Json, When, refusal
from otp_genesis_refactorers.pipelines.language.model import Body, Step
from otp_genesis_refactorers.pipelines.language.step_types import Steps
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed
from otp_genesis_refactorers.pipelines.scope import Scope

_MOST_ROUNDS = 1000


class WhileLoop(Step):
    """`condition` is asked before each round, `until` after it; `until` may speak of the round's steps."""

    gives = ("rounds", "exhausted", "value", "values")
    is_reused = False
    reads_code = False

    type: Literal["while_loop"]
    until: When | None = Field(default=None, examples=["steps.tests.status == 'passed'"])
    steps: Steps
    max_rounds: Annotated[int, Field(ge=1, le=_MOST_ROUNDS)] | Formula = Field(default=10, examples=[3])
    on_exhausted: Literal["fail", "continue"] = Field(
        default="fail", description="What becomes of the step when all rounds are used up"
    )
    collect: Json = Field(
        default=None, description="What is kept of each round", examples=["{{ steps.fix.diff }}"]
    )

    @model_validator(mode="after")
    def _has_an_end(self) -> WhileLoop:
        if self.condition is None and self.until is None:
            raise refusal(
                "the loop has no end", "write until: steps.NAME.status == 'passed', or a condition:"
            )
        return self

    def bodies(self) -> tuple[Body, ...]:
        return (Body("steps", self.steps, is_loop=True),)

    def worked_out_inside(self) -> tuple[str, ...]:
        return ("until", "collect")

    async def run(self, here: Here) -> Outcome:
        values: list[Any] = []
        earlier: Scope | None = None
        most = self._most_rounds(here)
        for index in range(most):
            if index and self.condition is not None and not here.holds(self.condition):
                return _ended(values)
            scope = _scope(here, index, most, earlier)
            at = replace(here, scope=scope)
            await at.run_steps(self.steps, scope, f"[{index}]")
            values.append(at.value(self.collect))
            if self.until is not None and at.holds(self.until):
                return _ended(values)
            earlier = scope
        if self.until is None and self.condition is not None and not here.holds(self.condition):
            return _ended(values)
        if self.on_exhausted == "fail":
            raise StepFailed(f"its {most} rounds are used up, and it has not come to its end")
        return _ended(values, exhausted=True)

    def _most_rounds(self, here: Here) -> int:
        most = self.max_rounds if isinstance(self.max_rounds, int) else here.value(self.max_rounds)
        if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= _MOST_ROUNDS:
            raise StepFailed(f"'max_rounds' gives {most!r:.60}, which is no number from 1 to {_MOST_ROUNDS}")
        return most


def _scope(here: Here, index: int, length: int, earlier: Scope | None) -> Scope:
    return replace(
        here.scope.inside(),
        loop={"index": index, "number": index + 1, "first": index == 0, "length": length},
        earlier_round=dict(earlier.steps.maps[0]) if earlier else {},
    )


def _ended(values: list[Any], *, exhausted: bool = False) -> Outcome:
    last = values[-1] if values else None
    return Outcome(values={"rounds": len(values), "exhausted": exhausted, "value": last, "values": values})
