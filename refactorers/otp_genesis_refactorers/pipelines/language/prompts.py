"""What a prompt is put together from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from otp_genesis_refactorers.pipelines.language.fields import Text
from otp_genesis_refactorers.pipelines.language.model import Part


class Static(Part):
    """Words of the pipeline's own."""

    type: Literal["static"]
    content: Text = Field(examples=["Explain why it failed."])


class File(Part):
    """A file of the code base, one that the user gave, or one that a step of this run has made."""

    type: Literal["file"]
    path: Text = Field(examples=["{{ input_file }}"])


class PreviousResponse(Part):
    """What an earlier step gave."""

    type: Literal["previous_response"]
    step: str = Field(
        validation_alias=AliasChoices("step", "name"),
        description="The step's name; the key may also be written 'name'",
        examples=["analyze_codebase"],
    )
    extract: str | None = Field(
        default=None, description="Only this part of it, as a dotted path", examples=["data.findings"]
    )
    round: Literal["this", "previous"] = Field(
        default="this", description="In a loop: of the round before, of which there is none at first"
    )


PromptPart = Annotated[Static | File | PreviousResponse, Field(discriminator="type")]
Prompt = Annotated[tuple[PromptPart, ...], Field(min_length=1)]
