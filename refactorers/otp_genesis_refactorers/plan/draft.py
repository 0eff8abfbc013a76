"""A plan before it is written: what is found now, beside the documents that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from msgspec.structs import replace

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.write import NotWritten
from otp_genesis_refactorers.plan.advice.check import Advice
from otp_genesis_refactorers.plan.advice.sections import advice_sections
from otp_genesis_refactorers.plan.from_findings import from_findings
from otp_genesis_refactorers.plan.inline import prose
from otp_genesis_refactorers.plan.markdown import Document, parse
from otp_genesis_refactorers.plan.merge import Earlier, merged, new_document, reordered
from otp_genesis_refactorers.plan.model import OVERVIEW, PHASES, Phase, Section, State, Step
from otp_genesis_refactorers.plan.overview import overview
from otp_genesis_refactorers.plan.proposals import Fix
from otp_genesis_refactorers.plan.rollout import rollout_sections

DEFAULT_GOAL = "Make this code base fault-tolerant"


@dataclass(frozen=True)
class Draft:
    """`phases` are what is found now, `earlier` the documents, in which a person may have done anything."""

    project: Project
    findings: Sequence[Finding]
    goal: str
    earlier: Earlier
    phases: tuple[Phase, ...]

    @cached_property
    def fresh(self) -> Mapping[str, Step]:
        """What is found now, by the ids of the steps."""
        return {step.id: step for phase in self.phases for step in phase.steps}

    def open_steps(self, phase: Phase) -> tuple[Step, ...]:
        """What is left to do of a phase: without what a person finished, skipped, deleted or moved away."""
        document = self.earlier.documents.get(phase.file)
        items = document.items if document else ()
        present = {item.step.id: item.step.state for item in items if item.step.id}
        known = self.earlier.steps
        return tuple(
            step for step in phase.steps if present.get(step.id) is State.OPEN or step.id not in known
        )

    def texts(self, advice: Advice | None = None) -> dict[str, str]:
        """Every document's text by its file name, the overview first."""
        texts = {phase.file: self._of_phase(phase, advice) for phase in self.phases}
        documents = {phase.number: parse(texts[phase.file]) for phase in self.phases}
        rollout = self.phases[-1]
        sections = rollout_sections(documents, self.project)
        texts[rollout.file] = self._with_sections(rollout, documents, sections)
        documents[rollout.number] = parse(texts[rollout.file])
        for phase in self.phases:
            advised = advice_sections(advice, phase.number, documents) if advice else ()
            if advised:
                texts[phase.file] = self._with_sections(phase, documents, advised)
                documents[phase.number] = parse(texts[phase.file])
        summary = overview(documents, self.findings, self.fresh, self.project)
        return {OVERVIEW.file: self._brought_up_to_date(summary), **texts}

    def _of_phase(self, phase: Phase, advice: Advice | None) -> str:
        if advice is None:
            return self._brought_up_to_date(phase)
        order = advice.order(phase.number)
        rank = {id_: position for position, id_ in enumerate(order)}
        steps = sorted(phase.steps, key=lambda step: rank.get(step.id, len(rank)))
        text = self._brought_up_to_date(replace(phase, steps=tuple(steps)))
        return reordered(text, [step.id for step in steps]) if order else text

    def _brought_up_to_date(self, phase: Phase) -> str:
        document = self.earlier.documents.get(phase.file)
        if document is None:
            return new_document(phase, self.goal, self.earlier.steps)
        return merged(document, phase, self.goal, self.earlier, self.fresh)

    def _with_sections(
        self, phase: Phase, documents: Mapping[int, Document], sections: tuple[Section, ...]
    ) -> str:
        """A document that was brought up to date already, with sections told from all of them."""
        document = documents[phase.number]
        phase = replace(phase, steps=(), sections=sections)
        return merged(document, phase, self.goal, self.earlier, self.fresh)


def draft(
    project: Project, findings: Sequence[Finding], goal: str, contents: Mapping[str, bytes], fix: Fix
) -> Draft:
    """A draft from the documents that there are, by file name. An empty `goal` keeps the plan's goal.

    Raises `NotWritten` or `Outdated` when a file of the project can't be read.
    """
    earlier = Earlier({file: parse(old.decode()) for file, old in contents.items() if old.strip()})
    return draft_beside(project, findings, goal, earlier, fix)


def draft_beside(
    project: Project, findings: Sequence[Finding], goal: str, earlier: Earlier, fix: Fix
) -> Draft:
    """As `draft`, beside documents that were read."""
    goal = prose(goal) or _earlier_goal(earlier) or DEFAULT_GOAL
    try:
        phases = from_findings(findings, project, fix, earlier.owners, earlier.open_steps)
    except OSError as error:
        raise NotWritten(str(error.filename or "the code"), f"can't be read: {error.strerror}") from error
    return Draft(project, findings, goal, earlier, phases)


def _earlier_goal(earlier: Earlier) -> str:
    """The goal as the documents have it, the overview's before the others'."""
    files = [OVERVIEW.file, *(phase.file for phase in PHASES)]
    goals = [earlier.documents[file].goal for file in files if file in earlier.documents]
    return next((goal for goal in goals if goal), "")
