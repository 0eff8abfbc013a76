"""The plan's documents on disk: read, merged, and written together or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.write import NotWritten, write_files
from otp_genesis_refactorers.change import content_hash
from otp_genesis_refactorers.fixes import fix as deterministic_fix
from otp_genesis_refactorers.plan.from_findings import from_findings
from otp_genesis_refactorers.plan.inline import prose
from otp_genesis_refactorers.plan.markdown import parse
from otp_genesis_refactorers.plan.merge import Earlier, is_stale, merged, new_document
from otp_genesis_refactorers.plan.model import OVERVIEW, PHASES, Phase
from otp_genesis_refactorers.plan.overview import overview
from otp_genesis_refactorers.plan.proposals import Fix
from otp_genesis_refactorers.plan.rollout import rollout_sections

FOLDER = ".otp-genesis/plan"
DEFAULT_GOAL = "Make this code base fault-tolerant"


@dataclass(frozen=True)
class PlanFile:
    path: Path
    items: int
    changed: bool
    """Whether it was written: what is up to date is left alone."""


@dataclass(frozen=True)
class Written:
    """What `write_plan` did. `added`, `kept` and `stale` count items in all documents."""

    folder: Path
    files: tuple[PlanFile, ...]
    added: int
    kept: int
    stale: int


def write_plan(
    project: Project,
    findings: Sequence[Finding],
    root: Path,
    goal: str,
    out: Path | None = None,
    fix: Fix = deterministic_fix,
) -> Written:
    """Write the plan's six documents, or bring the ones that are there up to date.

    They go to `out`, else to `.otp-genesis/plan` below `root`. An empty `goal` keeps the plan's goal.
    Raises `NotWritten` or `Outdated`, no document being changed then: one can't be read or written or leads
    out of the folder, it is not UTF-8 text, or a file of the project can't be read.
    """
    folder = out or root / FOLDER
    base, prefix = (folder, "") if out else (root, f"{FOLDER}/")
    contents = _read_all(base, prefix)
    earlier = Earlier({file: parse(old.decode()) for file, old in contents.items() if old.strip()})
    texts = plan_texts(project, findings, goal, earlier, fix)
    changed = {file: text.encode() for file, text in texts.items() if contents.get(file) != text.encode()}
    hashes = {prefix + file: content_hash(content) for file, content in contents.items() if file in changed}
    write_files(base, {prefix + file: content for file, content in changed.items()}, hashes)
    return _written(folder, texts, earlier, set(changed))


def plan_texts(
    project: Project, findings: Sequence[Finding], goal: str, earlier: Earlier, fix: Fix
) -> dict[str, str]:
    """Every document's text by its file name, the overview first, from the documents that there are.

    Raises `NotWritten` or `Outdated` when a file of the project can't be read.
    """
    goal = prose(goal) or _earlier_goal(earlier) or DEFAULT_GOAL
    try:
        phases = from_findings(findings, project, fix, earlier.owners, earlier.open_steps)
    except OSError as error:
        raise NotWritten(str(error.filename or "the code"), f"can't be read: {error.strerror}") from error
    fresh = {step.id: step for phase in phases for step in phase.steps}

    def brought_up_to_date(phase: Phase) -> str:
        document = earlier.documents.get(phase.file)
        if document is None:
            return new_document(phase, goal, earlier.steps)
        return merged(document, phase, goal, earlier, fresh)

    texts = {phase.file: brought_up_to_date(phase) for phase in phases}
    documents = {phase.number: parse(texts[phase.file]) for phase in phases}
    rollout = phases[-1]
    with_sections = replace(rollout, steps=(), sections=rollout_sections(documents, project))
    texts[rollout.file] = merged(documents[rollout.number], with_sections, goal, earlier, fresh)
    summary = overview(documents, findings, fresh, project)
    return {OVERVIEW.file: brought_up_to_date(summary), **texts}


def _read_all(base: Path, prefix: str) -> dict[str, bytes]:
    """The documents that are there, by file name."""
    contents: dict[str, bytes] = {}
    for _, _, file in (OVERVIEW, *PHASES):
        content = _read(base, prefix + file)
        if content is not None:
            contents[file] = content
    return contents


def _read(base: Path, path: str) -> bytes | None:
    file = base / path
    try:
        if not file.exists():
            return None
        if not file.resolve().is_relative_to(base.resolve()):
            raise NotWritten(path, f"leads outside {base.resolve()}")
        if not file.is_file():
            raise NotWritten(path, "is not a regular file")
        content = file.read_bytes()
        content.decode()
    except OSError as error:
        raise NotWritten(path, f"can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NotWritten(path, "is not UTF-8 text: convert it or move it away") from error
    return content


def _earlier_goal(earlier: Earlier) -> str:
    """The goal as the documents have it, the overview's before the others'."""
    files = [OVERVIEW.file, *(phase.file for phase in PHASES)]
    goals = [earlier.documents[file].goal for file in files if file in earlier.documents]
    return next((goal for goal in goals if goal), "")


def _written(folder: Path, texts: Mapping[str, str], earlier: Earlier, changed: Collection[str]) -> Written:
    items = {file: parse(text).items for file, text in texts.items()}
    kept = sum(len(document.items) for document in earlier.documents.values())
    return Written(
        folder=folder,
        files=tuple(PlanFile(folder / file, len(own), file in changed) for file, own in items.items()),
        added=sum(map(len, items.values())) - kept,
        kept=kept,
        stale=sum(1 for own in items.values() for item in own if is_stale(item)),
    )
