"""The open items of a plan as work to do, and noting in its document what came of one."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten, write_files
from otp_genesis_refactorers.change import Outdated, content_hash
from otp_genesis_refactorers.plan.documents import folder_of
from otp_genesis_refactorers.plan.following import StepFindings, stale_because
from otp_genesis_refactorers.plan.markdown import Document, parse
from otp_genesis_refactorers.plan.model import PHASES, State
from otp_genesis_refactorers.plan.outcome import marked, replaced

_TRIES = 3
"""Of noting something in a document that others write into."""


@dataclass(frozen=True)
class OpenItem:
    id: str
    number: str
    title: str
    phase: int
    problem: str
    findings: tuple[Finding, ...]
    """What is still found of it, in the order of the text."""
    stale: str
    """Why it can't be done as it stands; empty when it can."""


def open_items(
    documents: Iterable[tuple[int, Document]], found: StepFindings, files: Container[str]
) -> tuple[OpenItem, ...]:
    """Those that the tool knows by their id, in the order of the documents, each given with its phase."""
    return tuple(
        OpenItem(
            id=item.step.id,
            number=item.step.number,
            title=item.step.title,
            phase=phase,
            problem=item.step.problem,
            findings=found.get(item.step.id, ()),
            stale=stale_because(item, found, files),
        )
        for phase, document in documents
        for item in document.items
        if item.step.id and item.step.state is State.OPEN
    )


def phase_documents(root: Path) -> Mapping[int, Document]:
    """The documents of the plan in a project, by phase. Raises `NotWritten` where one can't be read."""
    contents = folder_of(root).read()
    numbers = {file: number for number, _, file in PHASES}
    return {numbers[file]: parse(contents[file].decode()) for file in contents if file in numbers}


def note_on_disk(root: Path, item_id: str, state: State, note: str) -> str:
    """Write an item's state and note into its line, wherever that stands by now. Why not, if not."""
    reason = ""
    for _ in range(_TRIES):
        try:
            return _noted(root, item_id, state, note)
        except (HalfWritten, NotWritten, Outdated) as error:
            reason = str(error)
    return reason


def _noted(root: Path, item_id: str, state: State, note: str) -> str:
    folder = folder_of(root)
    for file, content in folder.read().items():
        document = parse(content.decode())
        item = next((item for item in document.items if item.step.id == item_id), None)
        if item is None:
            continue
        edits = marked(item, state, note)
        if not edits:
            return f"the item in {file} has lost its brackets"
        path = folder.prefix + file
        write_files(root, {path: replaced(document, edits).encode()}, {path: content_hash(content)})
        return ""
    return f"no document of the plan has an item {item_id} any more"
