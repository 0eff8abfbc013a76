"""A model's answer about a plan as advice: what names no item, file or line that exists is dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import LineIndex
from otp_genesis_refactorers.plan.advice.words import code_of, line_of, paragraphs_of
from otp_genesis_refactorers.plan.model import Place, Proposal, Step

if TYPE_CHECKING:
    from otp_genesis_refactorers.plan.advice.answer import AboutPhase, CodePlace, PlanAnswer, ProposedItem

_LINE, _TITLE, _SKETCH = 600, 120, 4_000
"""Characters at most."""
_MOST_PARAGRAPHS, _MOST_PROPOSALS, _MOST_STEPS = 4, 12, 12


@dataclass(frozen=True)
class Ranked:
    step: str
    why: str


@dataclass(frozen=True)
class PhaseAdvice:
    summary: tuple[str, ...] = ()
    """Paragraphs, each one line of Markdown."""
    order: tuple[Ranked, ...] = ()
    proposals: tuple[Step, ...] = ()
    """Without ids of their own; `findings` are the ids of the steps that they follow from."""


@dataclass(frozen=True)
class Advice:
    """What is left of an answer. `dropped` says of the rest why, a sentence each."""

    by: str
    """Whose it is, for people: `Claude`."""
    phases: Mapping[int, PhaseAdvice]
    dropped: tuple[str, ...] = ()

    def order(self, number: int) -> tuple[str, ...]:
        phase = self.phases.get(number)
        return tuple(ranked.step for ranked in phase.order) if phase else ()


def checked(answer: PlanAnswer, asked: Mapping[int, Collection[str]], project: Project, by: str) -> Advice:
    """`asked` are the ids of the items that the model was asked about, by phase."""
    dropped: list[str] = []
    summaries: dict[int, tuple[str, ...]] = {}
    orders: dict[int, tuple[Ranked, ...]] = {}
    for about in answer.phases:
        if about.phase not in asked or about.phase in summaries:
            dropped.append(f"there is no phase {about.phase} to speak of")
            continue
        summaries[about.phase] = paragraphs_of(about.summary, _LINE, _MOST_PARAGRAPHS)
        orders[about.phase] = tuple(_ranked(about, asked[about.phase], dropped))
    proposals: dict[int, list[Step]] = {}
    for proposed in answer.proposals[:_MOST_PROPOSALS]:
        step = _proposal(proposed, asked, project, dropped)
        if step is not None:
            proposals.setdefault(proposed.phase, []).append(step)
    if len(answer.proposals) > _MOST_PROPOSALS:
        dropped.append(f"only the first {_MOST_PROPOSALS} of {len(answer.proposals)} proposals are kept")
    phases = {
        number: PhaseAdvice(
            summaries.get(number, ()), orders.get(number, ()), tuple(proposals.get(number, ()))
        )
        for number in sorted({*summaries, *proposals})
    }
    return Advice(by, phases, tuple(dict.fromkeys(dropped)))


def _ranked(about: AboutPhase, ids: Collection[str], dropped: list[str]) -> Iterator[Ranked]:
    seen: set[str] = set()
    for ranked in about.order:
        if ranked.item not in ids:
            dropped.append(f"phase {about.phase} has no open item {line_of(ranked.item, _TITLE)}")
        elif ranked.item not in seen:
            seen.add(ranked.item)
            yield Ranked(ranked.item, line_of(ranked.why, _LINE))


def _proposal(
    proposed: ProposedItem, asked: Mapping[int, Collection[str]], project: Project, dropped: list[str]
) -> Step | None:
    title = line_of(proposed.title, _TITLE).rstrip(".")
    every = {id_ for ids in asked.values() for id_ in ids}
    items = tuple(dict.fromkeys(item for item in proposed.items if item in every))
    reason = _objection(proposed, project)
    if proposed.phase not in asked:
        reason = f"there is no phase {proposed.phase}"
    elif not items:
        reason = "it follows from no item of the plan"
    elif not title:
        reason = "it has no title"
    if reason:
        dropped.append(f"the proposal “{title}”: {reason}")
        return None
    steps = " ".join(
        f"({number}) {line_of(step, _LINE)}" for number, step in enumerate(proposed.steps[:_MOST_STEPS], 1)
    )
    places = (Place(place.path, place.line, line_of(place.about, _TITLE)) for place in proposed.places)
    return Step(
        id="",
        title=title,
        places=tuple(dict.fromkeys(places)),
        problem=line_of(proposed.problem, _LINE),
        change=Proposal("by hand", steps, "elixir", code_of(proposed.sketch, _SKETCH)),
        test=line_of(proposed.test, _LINE),
        findings=items,
    )


def _objection(proposed: ProposedItem, project: Project) -> str:
    """Why the places of a proposal are none of the project; empty when they all exist."""
    if not proposed.places:
        return "it names no code"
    return next((reason for place in proposed.places if (reason := _missing(place, project))), "")


def _missing(place: CodePlace, project: Project) -> str:
    path = line_of(place.path, _TITLE)
    if place.path not in project.files:
        return f"{path} is no file of the project"
    try:
        lines = len(LineIndex(project.read(place.path)).starts)
    except OSError:
        return f"{path} can't be read"
    return "" if 1 <= place.line <= lines else f"{path} has no line {place.line}"
