"""`plan_note`: writes into the plan what was proved of an item. Only the item's own line changes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Text
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.language.templates import parse_template
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed
from otp_genesis_refactorers.proof.evidence import stored


class PlanNote(Step):
    """The item is done when it was verified, failed when it was rejected; no text of a model decides that.

    `reason` says why nothing was written; it is empty when it was.
    """

    gives = ("reason",)
    reads_code = False

    type: Literal["plan_note"]
    item: Text = Field(description="By its id", examples=["{{ item.id }}"])
    evidence: Text = Field(
        description="The record of a verify step", examples=["{{ steps.verify.evidence }}"]
    )
    left: Text = Field(
        default=parse_template(""),
        description="What of it is to be done by hand, so that it stays open",
        examples=["{{ steps.edit.left }}"],
    )

    async def run(self, here: Here) -> Outcome:
        item, id_, left = here.text(self.item), here.text(self.evidence), here.text(self.left)
        evidence = await here.in_thread(lambda _: stored(here.code.root, id_))
        if evidence is None:
            raise StepFailed(f"there is no record {id_!r:.40} of a verification")
        reason = await here.in_thread(lambda _: here.engine.plan.note(item, evidence, left))
        return Outcome(values={"reason": reason}, text=reason or "noted")
