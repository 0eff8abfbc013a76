"""Proving what stands in the editor, or a fix of it, by all gates. It runs in a thread.

mix works on projects, the editor on folders: what is proved is the mix project (or the umbrella) around a
file, which may be part of the folder that is open or larger than it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.discovery import is_ignored
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.line_edits import edits_between
from otp_genesis_refactorers.applying.patch import NewContents
from otp_genesis_refactorers.change import Change, FileChange, Refused, apply_to
from otp_genesis_refactorers.fix_all import proven_fix
from otp_genesis_refactorers.gates import static_gates
from otp_genesis_refactorers.gates.running import running_gates
from otp_genesis_refactorers.proof import evidence
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_refactorers.proof.verification import Proved, Request, prove
from otp_genesis_server.lsp.work.long_work import Work
from otp_genesis_server.lsp.workspace.snapshot import Document, Snapshot, reader


@dataclass(frozen=True)
class Subject:
    """The mix project in `root` as the editor shows it."""

    root: Path
    snapshot: Snapshot
    """Of the folder that is open."""
    documents: Mapping[str, Document]
    """The open documents of the project, by path relative to `root`."""
    trusted: bool

    def project(self) -> Project:
        """All of it, read anew where another folder than this is open."""
        if self.root == self.snapshot.root:
            return engine.with_wrappers(self.snapshot.project)
        return engine.load(self.root, read=reader(self.root, self.documents)).project

    def unsaved(self) -> dict[str, bytes]:
        """What is typed and not saved."""
        return {
            path: document.content
            for path, document in self.documents.items()
            if not (is_ignored(path) or _is_saved(document))
        }

    def path_in_project(self, path: str) -> str:
        """A path of the snapshot, as the project names it."""
        return Path(os.path.relpath(self.snapshot.root / path, self.root)).as_posix()


def proved(subject: Subject, work: Work) -> Evidence:
    """The project as the editor shows it. Raises GivenUp."""
    project = subject.project()
    return _proved(Request(subject.root, project, project.config, {}), subject, work).evidence


def proved_fix(subject: Subject, finding: Finding, work: Work) -> tuple[Evidence, Change] | Refused:
    """The rule's own fix of a finding, and what is proved of it: a part may be left out that nothing needs.

    The finding and the change are those of the snapshot. Raises GivenUp, OSError.
    """
    around = engine.with_wrappers(subject.snapshot.project)
    change = proven_fix(finding, around, around.config)
    if isinstance(change, Refused):
        return change
    project = subject.project()
    same = same_finding(finding, subject, project)
    if same is None:
        return Refused(f"{finding.code} is not found where {subject.root} is looked at by itself")
    before = {file.path: around.read(file.path) for file in change.files if file.original_hash}
    after = apply_to(change, before)
    contents = {subject.path_in_project(path): content for path, content in after.items()}
    outcome = _proved(
        Request(subject.root, project, project.config, contents, same, ours=True), subject, work
    )
    if outcome.contents == contents:
        return outcome.evidence, change
    left = {path: outcome.contents.get(subject.path_in_project(path)) for path in after}
    return outcome.evidence, _less(change, before, left)


def changed_since(root: Path, then: Mapping[str, Document], now_open: Mapping[str, Document]) -> str:
    """A file of a project of which the editor shows something else than it did `then`; empty for none.

    Both are the documents that were or are open in it.
    """
    for path in sorted({*then, *now_open}):
        if content_shown(root, path, then) != content_shown(root, path, now_open):
            return path
    return ""


def content_shown(root: Path, path: str, documents: Mapping[str, Document]) -> bytes | None:
    """What a file of a project holds for a user with these documents open; None where it is not there."""
    document = documents.get(path)
    return document.content if document else _on_disk(root / path)


def _proved(request: Request, subject: Subject, work: Work) -> Proved:
    total, asked = len(static_gates()) + len(running_gates()), 0

    def tell(gate: str) -> None:
        nonlocal asked
        work.say(gate.replace("_", " "), min(99, 100 * asked // total))
        asked += 1

    request = replace(request, unsaved=subject.unsaved(), trusted_for_this_run=subject.trusted)
    outcome = prove(request, cancel=work.cancel, on_gate=tell)
    work.go_on()
    with suppress(OSError):  # it is shown, only not kept
        evidence.store(subject.root, outcome.evidence)
    return outcome


def same_finding(finding: Finding, subject: Subject, project: Project) -> Finding | None:
    """The finding as one of the project."""
    path = subject.path_in_project(finding.path)
    for found in engine.check(project, project.config):
        if (found.code, found.path, found.span) == (finding.code, path, finding.span):
            return found
    return None


def _less(change: Change, before: Mapping[str, bytes], left: NewContents) -> Change:
    """The change with this content of its files; None where one is not changed after all."""
    files = tuple(
        FileChange(file.path, file.original_hash, edits_between(before.get(file.path, b""), content))
        for file in change.files
        if (content := left[file.path]) is not None and content != before.get(file.path)
    )
    return Change(change.title, change.kind, files, change.notes)


def _is_saved(document: Document) -> bool:
    return _on_disk(document.file) == document.content


def _on_disk(file: Path) -> bytes | None:
    with suppress(OSError):
        return file.read_bytes()
    return None
