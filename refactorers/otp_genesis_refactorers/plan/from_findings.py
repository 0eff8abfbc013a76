"""From findings to steps. No model: the same findings give the same plan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from otp_genesis_analyzers.findings import Confidence, Finding, Related
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.plan.inline import code, prose, sentence
from otp_genesis_refactorers.plan.model import ID_LENGTH, PHASES, Phase, Place, Step
from otp_genesis_refactorers.plan.proposals import CodeLines, Fix, proposal
from otp_genesis_refactorers.plan.summary import phase_summary
from otp_genesis_refactorers.plan.wording import wording

Identified = tuple[str, Finding]
"""A finding and its id in the plan."""

_TEST_SCOPE = re.compile(r".+?\.test (.+)/\d+")
_CONFIDENCE_ORDER = [Confidence.EXACT, Confidence.STRONG, Confidence.HEURISTIC]


def from_findings(
    findings: Iterable[Finding],
    project: Project,
    fix: Fix,
    owners: Mapping[str, str] | None = None,
    open_steps: frozenset[str] = frozenset(),
) -> tuple[Phase, ...]:
    """The five phases with a step for each finding; findings of one rule in one function share a step.

    `owners` names the steps of an earlier plan that findings belong to already, by the ids of both. A new
    finding joins such a step only if it is one of `open_steps`: else it would vanish in a step that a
    person has finished, skipped, reworded or deleted. Steps have no numbers yet.
    Raises OSError when a file of the project can't be read, `Outdated` when it changed meanwhile.
    """
    identified = _identified(findings)
    lines = CodeLines(project)
    phases: list[Phase] = []
    for number, title, file in PHASES:
        own = [(id_, finding) for id_, finding in identified if finding.phase == number]
        groups = _grouped(own, owners or {}, open_steps)
        steps = tuple(_step(id_, members, lines, fix) for id_, members in groups)
        summary = phase_summary(number, [finding for _, finding in own])
        phases.append(Phase(number, title, file, summary, steps))
    return tuple(phases)


def findings_by_step(
    findings: Iterable[Finding], owners: Mapping[str, str], open_steps: frozenset[str]
) -> dict[str, tuple[Finding, ...]]:
    """The findings of each step, by its id, in the order of the text; see `from_findings`."""
    groups = _grouped(_identified(findings), owners, open_steps)
    return {
        id_: tuple(sorted((finding for _, finding in members), key=lambda finding: finding.sort_key))
        for id_, members in groups
    }


def _identified(findings: Iterable[Finding]) -> list[Identified]:
    """Each finding with its id, the most critical first."""
    ordered = sorted(
        findings,
        key=lambda finding: (
            -finding.severity,
            _CONFIDENCE_ORDER.index(finding.confidence),
            finding.code,
            finding.sort_key,
        ),
    )
    identified: dict[str, Finding] = {}
    for finding in ordered:
        # Two fingerprints may begin alike; the second finding then gets the next digits.
        starts = range(0, len(finding.fingerprint), ID_LENGTH)
        ids = [finding.fingerprint[start : start + ID_LENGTH] for start in starts]
        free = next((id_ for id_ in ids if id_ not in identified), None)
        if free:
            identified[free] = finding
    return list(identified.items())


def _grouped(
    findings: Sequence[Identified], owners: Mapping[str, str], open_steps: frozenset[str]
) -> list[tuple[str, list[Identified]]]:
    """Findings by the step that they belong to, in the order of each step's first finding."""
    joinable = {
        _place_of_work(finding): owners[id_] for id_, finding in findings if owners.get(id_) in open_steps
    }
    groups: dict[str, list[Identified]] = {}
    new: dict[object, str] = {}
    for id_, finding in findings:
        key = _place_of_work(finding)
        step = owners.get(id_) or joinable.get(key) or new.setdefault(key, id_)
        groups.setdefault(step, []).append((id_, finding))
    return list(groups.items())


def _place_of_work(finding: Finding) -> object:
    """What one step is about: a rule in a function, or a single finding outside functions."""
    if "/" in finding.scope:
        return finding.code, finding.path, finding.scope
    return finding.fingerprint


def _step(id_: str, members: Sequence[Identified], lines: CodeLines, fix: Fix) -> Step:
    findings = sorted((finding for _, finding in members), key=lambda finding: finding.sort_key)
    first = findings[0]
    words = wording(first.name)
    scope = _subject(first)
    count = f" ({len(findings)} places)" if len(findings) > 1 else ""
    related = [_related(lines, place) for finding in findings for place in finding.related]
    return Step(
        id=id_,
        title=words.title.replace("{scope}", scope) + count,
        places=tuple(_place(lines, finding) for finding in findings),
        related=tuple(dict.fromkeys(related)),
        problem=_problem(findings),
        change=proposal(findings, lines, fix),
        test=words.test.replace("{scope}", scope),
        findings=(id_, *(other for other, _ in members if other != id_)),
    )


def _subject(finding: Finding) -> str:
    """The code that a step is about: a function, a module, a test by its name, else the file."""
    test = _TEST_SCOPE.fullmatch(finding.scope)
    return f"the test {code(test[1])}" if test else code(finding.scope or finding.path)


def _place(lines: CodeLines, finding: Finding) -> Place:
    return Place(finding.path, lines.line(finding.path, finding.span), f"{finding.code} {finding.name}")


def _related(lines: CodeLines, related: Related) -> Place:
    return Place(related.path, lines.line(related.path, related.span), prose(related.message))


def _problem(findings: Sequence[Finding]) -> str:
    messages = " ".join({sentence(finding.message): None for finding in findings})
    if all(finding.confidence is Confidence.HEURISTIC for finding in findings):
        return f"{messages} (A score says so, not a proof: look first.)"
    return messages
