"""Advice as sections of the documents, below the items, in words that say whose it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from otp_genesis_refactorers.plan.advice.check import Advice, Ranked
from otp_genesis_refactorers.plan.markdown import Document, render_step
from otp_genesis_refactorers.plan.model import Section, Step

ADVICE, PROPOSALS = "Advice of a model", "Proposals of a model"


def advice_sections(advice: Advice, number: int, documents: Mapping[int, Document]) -> tuple[Section, ...]:
    """The sections of one phase. `documents` are those of all phases, which number the items."""
    phase = advice.phases.get(number)
    if phase is None:
        return ()
    numbers = {item.step.id: item.step.number for document in documents.values() for item in document.items}
    paragraphs = [*phase.summary, *_order(phase.order, numbers)]
    sections: list[Section] = []
    if paragraphs:
        said = f"By {advice.by}, from the findings and the heads of files. Nothing of it was compiled or run."
        sections.append(Section(ADVICE, "\n\n".join([said, *paragraphs])))
    if phase.proposals:
        said = (
            f"By {advice.by}: the files and lines exist, the rest is for you to judge. Edit, tick or delete"
            " them; what you touch stays."
        )
        items = "".join(render_step(_told(step, numbers)) for step in phase.proposals).rstrip("\n")
        sections.append(Section(PROPOSALS, f"{said}\n\n{items}"))
    return tuple(sections)


def _order(order: Sequence[Ranked], numbers: Mapping[str, str]) -> list[str]:
    named = [(numbers[ranked.step], ranked.why) for ranked in order if numbers.get(ranked.step)]
    lines = [f"- {number}{f': {why}' if why else ''}" for number, why in named]
    return ["In this order, by risk and by what depends on what:", "\n".join(lines)] if lines else []


def _told(step: Step, numbers: Mapping[str, str]) -> Step:
    """A proposal with the items that it follows from by their numbers."""
    from_items = ", ".join(numbers[id_] for id_ in step.findings if numbers.get(id_))
    follows = f" Follows from {from_items}." if from_items else ""
    return replace(step, problem=f"{step.problem}{follows}".strip(), findings=())
