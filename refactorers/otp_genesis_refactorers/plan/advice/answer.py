"""What a model answers when it is asked about a plan."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RankedItem(_Part):
    item: str = Field(description="The id of an item of this phase.")
    why: str = Field(description="Why it comes here: its risk, or what depends on it. One short sentence.")


class AboutPhase(_Part):
    phase: int = Field(description="1 to 5.")
    summary: str = Field(description="What is wrong and what the phase reaches, in two to four sentences.")
    order: tuple[RankedItem, ...] = Field(
        description="The items of this phase in the order to do them in; those not named come after."
    )


class CodePlace(_Part):
    path: str = Field(description="A file of the project, as it is written in the question.")
    line: int = Field(description="A line of it, counted from 1.")
    about: str = Field(description="What is there, in a few words.")


class ProposedItem(_Part):
    """A refactoring that no single finding asks for: a decomposition, a boundary, a missing test."""

    phase: int = Field(description="The phase that it belongs to, 1 to 5; decompositions are of phase 3.")
    title: str = Field(description="What to do, an imperative sentence without a full stop.")
    items: tuple[str, ...] = Field(description="The ids of the items that it follows from, at least one.")
    places: tuple[CodePlace, ...] = Field(description="The code that it is about, at least one place.")
    problem: str = Field(description="What is wrong with the code as it is, in one to three sentences.")
    steps: tuple[str, ...] = Field(description="How to get there, each step small enough to be deployed.")
    sketch: str = Field(default="", description="The Elixir code that it leads to, where that helps.")
    test: str = Field(description="What shows that it is done.")


class PlanAnswer(_Part):
    phases: tuple[AboutPhase, ...] = Field(description="One for each phase that has items.")
    proposals: tuple[ProposedItem, ...] = Field(description="Few, and only what follows from the items.")
