"""A plan as data: five phases, each a list of steps.

The Markdown documents hold the plan, no other file does; `markdown` reads and writes them.
Every text field is one line of Markdown, as it stands in the document.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple

from msgspec import Struct

FOLDER = ".otp-genesis/plan"
"""Where the documents are, below the project."""
ID_LENGTH = 8


class State(StrEnum):
    """What became of a step. `failed` is also the state of a step that went stale."""

    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def mark(self) -> str:
        """The character between the brackets of the item."""
        return _MARKS[self]

    @classmethod
    def of_mark(cls, mark: str) -> State | None:
        return next((state for state, known in _MARKS.items() if known == mark.lower()), None)


_MARKS = {State.OPEN: " ", State.DONE: "x", State.SKIPPED: "-", State.FAILED: "!"}

Safety = Literal["safe", "unsafe", "by hand"]


class Place(Struct, frozen=True, array_like=True):
    """A line of the code (1-based), and what is there: `OTP101 unsupervised-spawn`, or a remark."""

    path: str
    line: int
    about: str


class Proposal(Struct, frozen=True, array_like=True):
    """How the code should change: a diff where the tool can compute it, else a snippet to work from."""

    safety: Safety
    note: str
    """Why it is unsafe, or why it is left to a person. May be empty."""
    language: Literal["diff", "elixir"] = "elixir"
    text: str = ""


class Step(Struct, frozen=True, array_like=True):
    """One item of work. An item that a person added has no id and only what its first line says."""

    id: str
    title: str
    places: tuple[Place, ...] = ()
    related: tuple[Place, ...] = ()
    problem: str = ""
    change: Proposal | None = None
    test: str = ""
    state: State = State.OPEN
    note: str = ""
    """What stands behind the item's title: `skipped: removed with the old API in May`."""
    number: str = ""
    """`1.3`. A name, not a rank: it stays when items are moved, added or deleted."""
    findings: tuple[str, ...] = ()
    """The ids of all findings that it covers, its own id among them. Empty when read from a document."""


class Section(Struct, frozen=True, array_like=True):
    """A `## Title` and the Markdown below it."""

    title: str
    body: str


class Phase(Struct, frozen=True, array_like=True):
    """One document: a phase, or the overview with `number` 0."""

    number: int
    title: str
    file: str
    summary: str
    steps: tuple[Step, ...] = ()
    sections: tuple[Section, ...] = ()


class PhaseName(NamedTuple):
    number: int
    title: str
    file: str


PHASES = (
    PhaseName(1, "Critical fixes", "01-critical-fixes.md"),
    PhaseName(2, "State persistence", "02-state-persistence.md"),
    PhaseName(3, "Architectural decomposition", "03-architectural-decomposition.md"),
    PhaseName(4, "Testing and communication", "04-testing-and-communication.md"),
    PhaseName(5, "Integration and rollout", "05-integration-and-rollout.md"),
)
OVERVIEW = PhaseName(0, "Refactor plan", "README.md")
