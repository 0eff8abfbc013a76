"""`search`: lines of the code base that hold a text or match a regular expression."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Text
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed


class Search(Step):
    """Gives `matches`: `path`, `line` and `text` each."""

    gives = ("matches", "paths", "count", "more")

    type: Literal["search"]
    pattern: Text = Field(examples=["spawn("])
    regex: bool = False
    glob: Text | None = Field(default=None, description="As in .gitignore", examples=["lib/**/*.ex"])
    limit: Annotated[int, Field(ge=1, le=10_000)] = 200

    async def run(self, here: Here) -> Outcome:
        pattern, glob = here.text(self.pattern), here.text(self.glob) if self.glob else ""
        found = await here.in_thread(
            lambda _: here.codebase.search(pattern, glob, regex=self.regex, limit=self.limit)
        )
        if isinstance(found, Refused):
            raise StepFailed(found.reason)
        matches = [{"path": each.path, "line": each.line, "text": each.text} for each in found.found]
        lines = [f"{each.path}:{each.line}: {each.text}" for each in found.found]
        paths = list(dict.fromkeys(each.path for each in found.found))
        values = {"matches": matches, "paths": paths, "count": len(matches), "more": found.more}
        return Outcome(values=values, text="\n".join(lines) or "nothing was found")
