"""What names mean at one place of a run."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from otp_genesis_refactorers.pipelines.outcome import Outcome


@dataclass(frozen=True)
class Scope:
    """`variables` is one for all steps of a pipeline; a round of a loop has `steps` of its own on top."""

    inputs: Mapping[str, Any]
    given: Mapping[str, Any]
    """What the user gave without the pipeline declaring it."""
    variables: MutableMapping[str, Any]
    steps: ChainMap[str, Outcome]
    items: Mapping[str, Any] = field(default_factory=dict[str, Any])
    loop: Mapping[str, Any] | None = None
    at_the_same_time: bool = False
    """Other rounds of a loop around it run now."""
    earlier_round: Mapping[str, Outcome] = field(default_factory=dict[str, Outcome])

    def names(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """What expressions see."""
        loop = (
            {"loop": {**self.loop, "previous": _named(self.earlier_round)}} if self.loop is not None else {}
        )
        variables = {**self.given, **self.variables}
        return {
            **self.given,
            **self.inputs,
            **self.variables,
            **self.items,
            **loop,
            "vars": variables,
            "inputs": self.inputs,
            "steps": _named(self.steps),
            "run": run,
        }

    def inside(self) -> Scope:
        """For steps inside a step, which see all that it sees; what they give is not seen from outside."""
        return replace(self, steps=self.steps.new_child())


def _named(steps: Mapping[str, Outcome]) -> dict[str, Any]:
    return {name: outcome.named(name) for name, outcome in steps.items()}
