"""`set_variable`: gives names to values, for all steps behind it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Json, Variable
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.outcome import Outcome


class SetVariable(Step):
    """Later steps say `{{ NAME }}` or `vars.NAME`."""

    reads_code = False

    type: Literal["set_variable"]
    variables: dict[Variable, Json] = Field(min_length=1, examples=["{tries: 0}"])

    def sets(self) -> tuple[str, ...]:
        return tuple(self.variables)

    async def run(self, here: Here) -> Outcome:
        values: dict[str, Any] = {name: here.value(data) for name, data in self.variables.items()}
        return Outcome(values={"variables": values})

    def take_effect(self, outcome: Outcome, here: Here) -> None:
        here.scope.variables.update(outcome.values.get("variables", {}))
