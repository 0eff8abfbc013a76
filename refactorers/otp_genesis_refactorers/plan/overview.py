"""README.md of the plan: where to begin, how the documents are used, what they don't prove."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from otp_genesis_analyzers.findings import Confidence, Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.plan.advice.sections import ADVICE
from otp_genesis_refactorers.plan.inline import code
from otp_genesis_refactorers.plan.markdown import Document, Item, part_name
from otp_genesis_refactorers.plan.model import OVERVIEW, PHASES, Phase, Section, State
from otp_genesis_refactorers.plan.summary import counted, listed

_ORDER = """\
1. Work through the phases in their order: what is supervised (1) can survive a crash (2), what survives a
   crash can be taken apart (3), and what has its final shape can be tested and deployed (4, 5).
2. Within a phase, from top to bottom. Move an item where you see a dependency that the list doesn't.
3. One item, one commit: the tests pass before the next one begins."""

_USE = """\
- An item is open `[ ]`, done `[x]`, skipped `[-]`, failed or stale `[!]`. Write the reason behind the title
  of what you skip: `skipped: removed with the old API in May`.
- Edit, move and delete items, and add your own. `otp-genesis plan` run again keeps all of that: it adds what
  is newly found, updates items whose text is as it wrote it, and marks those stale whose finding is gone.
- A number is an item's name, it never changes. The comments tie items to findings: leave them in.
- To start a document over, delete it."""


def overview(
    documents: Mapping[int, Document], findings: Sequence[Finding], found: Collection[str], project: Project
) -> Phase:
    """The overview as a document.

    `documents` are the phases' documents by number, as they are going to stand, and `found` the ids of the
    steps that still have a finding.
    """
    items = {number: document.items for number, document in documents.items()}
    paths = {finding.path for finding in findings}
    total = counted(sum(map(len, items.values())), "item")
    source = f"{counted(len(findings), 'finding')} in {counted(len(paths), 'file')}"
    advised = any(part_name(ADVICE) in document.parts for document in documents.values())
    how = "from the code, with the advice of a model" if advised else "from the code alone, without a model"
    summary = f"{total}, from {source}. Written by `otp-genesis plan` {how}."
    sections = (
        Section("Phases", _table(items)),
        Section("Order of work", _ORDER),
        Section("How to use this plan", _USE),
        Section("What is not verified", _unverified(items, findings, found, project)),
    )
    return Phase(*OVERVIEW, summary, sections=sections)


def _table(items: Mapping[int, Sequence[Item]]) -> str:
    rows: list[tuple[str, ...]] = [("Phase", "Open", "Done", "Skipped", "Failed or stale")]
    for number, title, file in PHASES:
        states = [item.step.state for item in items[number]]
        rows.append((f"[{number}: {title}]({file})", *(str(states.count(state)) for state in State)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows)


def _unverified(
    items: Mapping[int, Sequence[Item]],
    findings: Sequence[Finding],
    found: Collection[str],
    project: Project,
) -> str:
    lines = [
        "Nothing in these documents was compiled or run: the changes are computed from the code as text. "
        "Compile and test each before you tick it.",
        "Each change fits the code as it was when the plan was written. Where several touch one file, apply "
        "one and run `otp-genesis plan` again.",
        "What only shows at run time is out of sight: code made by macros, other configurations, the load of "
        "production.",
    ]
    scored = sum(1 for finding in findings if finding.confidence is Confidence.HEURISTIC)
    if scored:
        lines.append(f"Found by a score and not by a proof: {counted(scored, 'finding')}. The items say so.")
    ticked = [
        item.step.number
        for own in items.values()
        for item in own
        if item.step.state is State.DONE and item.step.id in found
    ]
    if ticked:
        lines.append(f"Ticked, but still found in the code: {listed(ticked)}.")
    broken = sorted(path for path, analysis in project.files.items() if analysis.facts.broken)
    if broken:
        lines.append(f"Only partly read, for a syntax error: {listed([code(path) for path in broken])}.")
    return "\n".join(f"- {line}" for line in lines)
