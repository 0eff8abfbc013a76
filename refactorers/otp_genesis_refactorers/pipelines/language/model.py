"""What a pipeline is, step types apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from otp_genesis_refactorers.pipelines.language.fields import Json, Name, Text, Variable, When

if TYPE_CHECKING:
    from otp_genesis_refactorers.pipelines.here import Here
    from otp_genesis_refactorers.pipelines.outcome import Outcome

MAX_TIMEOUT_SECONDS = 24 * 3600


class Part(BaseModel):
    """A mapping of a pipeline. No key passes unread."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, arbitrary_types_allowed=True)


class Step(Part):
    """What every step has. A subclass in `pipelines/steps/` is a step type, its `type` a literal."""

    gives: ClassVar[tuple[str, ...]] = ()
    """What stands below `steps.NAME` beside `status`, `error` and `text`; empty when that is not known."""
    changes_code: ClassVar[bool] = False
    """Its type may change the code base."""
    reads_code: ClassVar[bool] = True
    """What its type gives depends on the code base."""

    is_reused: ClassVar[bool] = True
    """A resumed run need not do it again. What only orders other steps is gone through anew."""
    checks_condition: ClassVar[bool] = False
    """It reads `condition` itself."""

    name: Name = Field(description="What other steps call it by: steps.NAME", examples=["analyze_codebase"])
    description: str = ""
    condition: When | None = Field(
        default=None,
        description="Run the step only when this holds; else it is skipped",
        examples=["steps.tests.status == 'passed'"],
    )
    on_error: Literal["stop", "continue"] = Field(
        default="stop", description="What becomes of the pipeline when the step fails"
    )
    timeout_s: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_SECONDS)] | None = Field(
        default=None, description="Seconds after which the step is ended and has failed", examples=[120]
    )
    output_to_file: Text | None = Field(
        default=None,
        description="A file in the run's own folder that is to hold what the step gives",
        examples=["review.md"],
    )

    @property
    def kind(self) -> str:
        """Its type, as it stands in the pipeline."""
        return type(self).model_fields["type"].annotation.__args__[0]  # type: ignore[union-attr]

    def bodies(self) -> tuple[Body, ...]:
        """The steps inside it."""
        return ()

    def may_change_code(self) -> bool:
        """Whether this one may change the code base: such steps don't run at the same time."""
        return self.changes_code

    def depends_on_code(self) -> bool:
        """Whether what this one gives depends on the code base."""
        return self.reads_code

    def sets(self) -> tuple[str, ...]:
        """The variables that it sets."""
        return ()

    def worked_out_inside(self) -> tuple[str, ...]:
        """Its fields that are worked out after a round of its body, and may speak of the steps there."""
        return ()

    def take_effect(self, outcome: Outcome, here: Here) -> None:
        """What its being done means to the steps behind it, also where it was done by an earlier process."""

    async def depends_on(self, here: Here) -> Any:
        """What else decides what it gives, beside what it is and speaks of: JSON."""
        return None

    async def run(self, here: Here) -> Outcome:
        """Do it. Raises `StepFailed`; a verdict that is bad is an outcome, no failure."""
        raise NotImplementedError


@dataclass(frozen=True)
class Body:
    """Steps inside a step, and what names mean to them."""

    key: str
    """Where they stand: `steps`, `then`, `else`."""
    steps: tuple[Step, ...]
    variables: tuple[str, ...] = ()
    """Names that they alone know: a loop's item."""
    is_loop: bool = False
    at_the_same_time: bool = False
    seen_after: bool = False
    """Steps behind the step that holds them may speak of them."""


class InputSpec(Part):
    type: Literal["string", "path", "integer", "number", "boolean", "list", "object", "any"] = "string"
    description: str = ""
    default: Any = None
    required: bool = True
    """Without a default; an input that is not required is null then."""
    choices: tuple[str, ...] | None = Field(default=None, description="The only values it may have")


class Defaults(Part):
    """What steps have that don't say otherwise."""

    model: str | None = Field(
        default=None, description="Of steps that ask a model", examples=["claude-sonnet-5-5"]
    )
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Of one reply")
    timeout_s: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_SECONDS)] | None = None
    on_error: Literal["stop", "continue"] | None = None


class Budget(Part):
    """Where the run is ended. The user's own configuration may set less, never more."""

    usd: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Of all model calls")
    tokens: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Of all model calls, both ways"
    )
    deadline_s: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Seconds for the whole run"
    )
    steps: Annotated[int, Field(gt=0)] = Field(
        default=1000, description="Steps run, rounds of loops counted each"
    )


class Workflow(Part):
    name: Annotated[str, Field(min_length=1)] = Field(examples=["My pipeline"])
    description: str = ""
    inputs: dict[Variable, InputSpec] = Field(
        default_factory=dict[str, InputSpec], description="What --var, --input-file and callers give"
    )
    defaults: Defaults = Defaults()
    budget: Budget = Budget()
    outputs: dict[Variable, Json] = Field(
        default_factory=dict[str, Any], description="What the pipeline gives to the one that calls it"
    )
