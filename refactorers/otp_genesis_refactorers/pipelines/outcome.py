"""What came of a step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["done", "passed", "failed", "not_verified", "skipped"]
"""`passed`, `failed` and `not_verified` are the machine's verdicts; `failed` also is a step that broke off in
a run that went on. A step that was skipped has not succeeded."""


@dataclass(frozen=True)
class Outcome:
    status: Status = "done"
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """JSON, by the names that later steps use: `steps.NAME.diff`."""
    text: str | None = None
    """What a prompt gets of it; the values as JSON when there is none."""
    error: str = ""
    """One line, of a step that failed."""

    def named(self, name: str) -> dict[str, Any]:
        """As it stands below `steps`."""
        return {
            **self.values,
            "name": name,
            "status": self.status,
            "error": self.error,
            "text": self.as_text(),
        }

    def as_text(self) -> str:
        if self.text is not None:
            return self.text
        return json.dumps(dict(self.values), ensure_ascii=False, indent=2) if self.values else self.error

    def dump(self) -> str:
        return json.dumps([self.status, dict(self.values), self.text, self.error], ensure_ascii=False)

    @staticmethod
    def load(text: str) -> Outcome:
        return Outcome(*json.loads(text))


class StepFailed(Exception):
    """A step that can't be done. Its text is one line for people."""

    def __init__(self, reason: str, *, retry_asks_again: bool = False, names_step: bool = False) -> None:
        super().__init__(" ".join(reason.split()))
        self.names_step = names_step
        """The text begins with the path of the step that failed."""
        self.retry_asks_again = retry_asks_again
        """The model's answer is of no use: another attempt must not find it in the journal."""
