"""What the items of a plan are about now, which may be less than when they were written."""

from __future__ import annotations

from collections.abc import Container, Mapping

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.plan.markdown import Item
from otp_genesis_refactorers.plan.merge import is_stale
from otp_genesis_refactorers.plan.model import State

StepFindings = Mapping[str, tuple[Finding, ...]]
"""What is still found of each step, by its id, in the order of the text."""


def stale_because(item: Item, found: StepFindings, files: Container[str]) -> str:
    """Why an open item can't be done any more as it stands; empty when it can. `files` are the project's.

    What a person wrote without a place or a finding of the tool's is theirs to judge.
    """
    step = item.step
    if step.state is not State.OPEN and not is_stale(item):
        return ""
    lost = [place.path for place in step.places if place.path not in files]
    if lost:
        return f"{lost[0]} is not there any more"
    if step.id and step.places and step.id not in found:
        return "none of its findings is there any more"
    return ""
