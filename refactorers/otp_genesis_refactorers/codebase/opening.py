"""Making a `Codebase`: of a commit, or of the files on the disk with what editors hold over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.discovery import elixir_among
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.paths import objection_to
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase.base import Base, CommittedBase, FilesBase, read_or_raise
from otp_genesis_refactorers.codebase.codebase import Codebase
from otp_genesis_refactorers.codebase.layer import Layer
from otp_genesis_refactorers.git.repository import NoHistory
from otp_genesis_refactorers.git.tree import tree_of
from otp_genesis_refactorers.parallel import in_processes, processor_count
from otp_genesis_refactorers.shadow.project_files import is_copied

_CONFIGURATION = (".otp-genesis.toml", "mix.exs")
"""Names of files that decide how all others are read."""


def open_commit(root: Path, revision: str = "HEAD") -> Codebase | Refused:
    """The project in `root` as a commit has it, whatever lies in the work tree."""
    try:
        base = CommittedBase(tree_of(root, revision))
    except NoHistory as error:
        return Refused(str(error))
    if not base.paths:
        return Refused(f"commit {base.tree.commit[:12]} has no files below {root}: commit them first")
    return Codebase(root.resolve(), Layer(base, _project(root, base)))


def open_files(
    root: Path, unsaved: Mapping[str, bytes] | None = None, project: Project | None = None
) -> Codebase | Refused:
    """The project in `root` as the disk and editors hold it. `project` is its analysis, if known."""
    root = root.resolve()
    if not root.is_dir():
        return Refused(f"{root} is no folder")
    held = unsaved or {}
    there = {*FilesBase(root, {}).paths, *held}
    # An editor may also hold files of dependencies, or such as lie elsewhere.
    of_project = {path: text for path, text in held.items() if _is_part(path, there)}
    base = FilesBase(root, of_project)
    return Codebase(root, Layer(base, project or _project(root, base)))


def moved_to(codebase: Codebase, commit: str) -> Codebase | Refused:
    """The same project at a commit that was made of what was changed, nothing laid over it.

    What is known of it is kept where the commit is just that.
    """
    try:
        base = CommittedBase(tree_of(codebase.root, commit))
    except NoHistory as error:
        return Refused(str(error))
    is_known = _is_what_was_made(codebase, base)
    project = codebase.project if is_known else _project(codebase.root, base)
    return Codebase(codebase.root, Layer(base, project))


def _is_what_was_made(codebase: Codebase, base: CommittedBase) -> bool:
    before, changed = codebase.tree, codebase.changed
    if before is None or any(path.rpartition("/")[2] in _CONFIGURATION for path in changed):
        return False
    kept = {path: blob for path, blob in before.blobs.items() if path not in changed}
    if kept != {path: blob for path, blob in base.tree.blobs.items() if path not in changed}:
        return False
    return all(base.tree.contents.get(path) == content for path, content in changed.items())


def _is_part(path: str, paths: Collection[str]) -> bool:
    return not objection_to(path) and is_copied(path, paths, with_dependencies=False)


def _project(root: Path, base: Base) -> Project:
    return engine.load(
        root,
        paths=elixir_among(base.paths),
        read=partial(read_or_raise, base),
        analyze_all=in_processes(processor_count()),
    ).project
