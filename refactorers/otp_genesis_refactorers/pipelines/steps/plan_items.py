"""`plan_items`: what is open in the plan of the project, as its documents say it now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Formula, Json, Text
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed
from otp_genesis_refactorers.pipelines.plan_source import PlannedItem
from otp_genesis_refactorers.plan.model import PHASES


class PlanItems(Step):
    """Gives the open `items` in their order, each with what is still found of it: its `findings`.

    With `item` it gives that one; null when it is not open or can't be done any more, `reason` says why.
    """

    gives = ("items", "count", "item", "reason")

    type: Literal["plan_items"]
    phase: Annotated[int, Field(ge=0, le=len(PHASES))] | Formula = Field(
        default=0, description="1 to 5; 0 is all of them", examples=[1]
    )
    only: Json = Field(
        default=None,
        description="A list of ids; an empty one is all of them",
        examples=["{{ inputs.items }}"],
    )
    item: Text | None = Field(default=None, description="One item, by its id", examples=["{{ item.id }}"])

    async def run(self, here: Here) -> Outcome:
        phase = self.phase if isinstance(self.phase, int) else here.value(self.phase)
        if isinstance(phase, bool) or phase not in range(len(PHASES) + 1):
            raise StepFailed(f"'phase' gives {phase!r:.60}: there are the phases 1 to {len(PHASES)}")
        only: Any = here.value(self.only) or []
        if not isinstance(only, list):
            raise StepFailed(f"'only' gives {only!r:.60}, which is no list of ids")
        wanted = here.text(self.item) if self.item else ""
        open_ones = await here.in_thread(lambda _: here.engine.plan.open_items(here.codebase))
        if wanted:
            return _the_one(open_ones, wanted)
        items = [
            _as_data(each)
            for each in open_ones
            if phase in (0, each.item.phase) and (not only or each.item.id in cast(list[Any], only))
        ]
        if only and not items:
            raise StepFailed(f"the plan has no open item {' or '.join(map(str, cast(list[Any], only)))}")
        lines = [f"{each['number']} {each['title']}".strip() for each in items]
        values = {"items": items, "count": len(items), "item": None, "reason": ""}
        return Outcome(values=values, text="\n".join(lines) or "no item is open")


def _the_one(open_ones: Sequence[PlannedItem], wanted: str) -> Outcome:
    planned = next((each for each in open_ones if each.item.id == wanted), None)
    if planned is not None and planned.findings:
        item = _as_data(planned)
        values = {"items": [item], "count": 1, "item": item, "reason": ""}
        return Outcome(values=values, text=planned.item.title)
    gone = "none of its findings is there any more: refresh the plan"
    reason = (planned.item.stale or gone) if planned else "it is not open any more"
    return Outcome(values={"items": [], "count": 0, "item": None, "reason": reason}, text=reason)


def _as_data(planned: PlannedItem) -> dict[str, Any]:
    item = planned.item
    return {
        "id": item.id,
        "number": item.number,
        "title": item.title,
        "phase": item.phase,
        "problem": item.problem,
        "findings": [dict(finding) for finding in planned.findings],
    }
