"""The plan's documents on disk: read, merged, and written together or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.write import NotWritten, write_files
from otp_genesis_refactorers.change import content_hash
from otp_genesis_refactorers.fixes import fix as deterministic_fix
from otp_genesis_refactorers.plan.draft import Draft, draft, draft_beside
from otp_genesis_refactorers.plan.markdown import parse
from otp_genesis_refactorers.plan.merge import Earlier, is_stale
from otp_genesis_refactorers.plan.model import FOLDER, OVERVIEW, PHASES
from otp_genesis_refactorers.plan.proposals import Fix


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
    folder = folder_of(root, out)
    contents = folder.read()
    made = draft(project, findings, goal, contents, fix)
    return folder.write(made, contents, made.texts())


def plan_texts(
    project: Project, findings: Sequence[Finding], goal: str, earlier: Earlier, fix: Fix
) -> dict[str, str]:
    """Every document's text by its file name, the overview first, from the documents that there are.

    Raises `NotWritten` or `Outdated` when a file of the project can't be read.
    """
    return draft_beside(project, findings, goal, earlier, fix).texts()


def folder_of(root: Path, out: Path | None = None) -> PlanFolder:
    """Where a plan is: `out`, else `.otp-genesis/plan` below `root`."""
    return PlanFolder(out, "") if out else PlanFolder(root, f"{FOLDER}/")


@dataclass(frozen=True)
class PlanFolder:
    """The folder with a plan's documents, which must not lead out of `base`."""

    base: Path
    prefix: str

    def read(self) -> dict[str, bytes]:
        """The documents that are there, by file name. Raises `NotWritten` where one can't be read."""
        contents: dict[str, bytes] = {}
        for _, _, file in (OVERVIEW, *PHASES):
            content = _read(self.base, self.prefix + file)
            if content is not None:
                contents[file] = content
        return contents

    def write(self, made: Draft, contents: Mapping[str, bytes], texts: Mapping[str, str]) -> Written:
        """Write the texts that differ from `contents`, together.

        Raises `NotWritten`, `Outdated`, `HalfWritten`.
        """
        changed = changed_documents(contents, texts)
        hashes = {self.prefix + file: content_hash(contents[file]) for file in changed if file in contents}
        write_files(self.base, {self.prefix + file: new for file, new in changed.items()}, hashes)
        return _written(self.base / self.prefix, texts, made.earlier, set(changed))


def changed_documents(contents: Mapping[str, bytes], texts: Mapping[str, str]) -> dict[str, bytes]:
    """What is to be written: what is up to date is left alone."""
    new = {file: text.encode() for file, text in texts.items()}
    return {file: text for file, text in new.items() if contents.get(file) != text}


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
