"""`pipeline`: runs another pipeline as one step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.inputs import checked_inputs
from otp_genesis_refactorers.pipelines.language.fields import Json, Variable
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.outcome import Outcome

_HANDED_ON = ("input_file", "prompt")
_VERDICTS = ("passed", "failed", "not_verified", "skipped")


class CallPipeline(Step):
    """It sees its inputs alone, and gives its `outputs`; one called `status` is the step's own.

    The code base is the same one.
    """

    is_reused = False
    reads_code = False

    type: Literal["pipeline"]
    file: str = Field(
        description="From this file's folder, or a built-in one", examples=["atomic/refactor_file.yaml"]
    )
    inputs: dict[Variable, Json] = Field(default_factory=dict[str, Any])

    async def run(self, here: Here) -> Outcome:
        called = here.pipeline.calls[self.file]
        outer = {**here.scope.given, **here.scope.inputs}
        given = {name: outer[name] for name in _HANDED_ON if name in outer}
        given |= {name: here.value(data) for name, data in self.inputs.items()}
        scope = here.engine.scope_of(called, checked_inputs(called.workflow.inputs, given))
        inside = replace(here, pipeline=called, scope=scope)
        await inside.run_steps(called.workflow.steps, scope)
        outputs = {name: inside.value(data) for name, data in called.workflow.outputs.items()}
        verdict = outputs.get("status")
        return Outcome(verdict if verdict in _VERDICTS else "done", outputs)
