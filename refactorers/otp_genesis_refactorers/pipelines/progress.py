"""How far a run is, as data: a terminal and an editor show it each in their way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    steps_done: int
    step: str
    """The path of the one that began or ended last: `each_task[3]/refactor`."""
    doing: str = ""
    """What is being done in it, where that takes long: the gate that is asked."""
    tokens: int = 0
    """Of all model calls, both ways."""
    dollars: float | None = 0.0
    """None when a model was asked whose price is not known."""


OnProgress = Callable[[Progress], None]
OnNote = Callable[[str], None]
"""Is given one line that the user has to see: what is sent to whom."""


def unseen(_: object) -> None:
    """Shows nothing."""
