"""An answer as data, or what is wrong with it, in words for the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

Data = TypeVar("Data", bound="BaseModel")
_MOST_MISTAKES = 10


@dataclass(frozen=True)
class Invalid:
    mistakes: tuple[str, ...]

    @property
    def summary(self) -> str:
        return self.mistakes[0]

    @property
    def for_the_model(self) -> str:
        listed = "\n".join(f"- {mistake}" for mistake in self.mistakes)
        return (
            f"Your answer is not the JSON that was asked for:\n{listed}\n"
            "Answer again, with the whole JSON, corrected, and nothing else."
        )


def parse(schema: type[Data], text: str) -> Data | Invalid:
    """The data in an answer. A code fence around it is taken off; nothing else is guessed."""
    from pydantic import ValidationError

    try:
        return schema.model_validate_json(_without_fence(text))
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    return Invalid(
        tuple(
            f"{'.'.join(map(str, each['loc'])) or 'the answer'}: {each['msg']}"
            for each in mistakes[:_MOST_MISTAKES]
        )
    )


def _without_fence(text: str) -> str:
    lines = text.strip().splitlines()
    if len(lines) > 1 and lines[0].startswith("```") and lines[-1] == "```":
        return "\n".join(lines[1:-1])
    return text
