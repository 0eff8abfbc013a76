"""What a code base is before anything is changed: the files of a commit, or those on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from errno import ENOENT
from functools import cached_property
from pathlib import Path

from otp_genesis_refactorers.applying.paths import objection_to
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase.beneath import LARGEST_FILE_BYTES, Missing, read_beneath
from otp_genesis_refactorers.git.tree import Tree
from otp_genesis_refactorers.shadow.project_files import is_copied, project_files

NO_PART = "belongs to a build, a dependency or a hidden folder, or is where keys are kept"


@dataclass(frozen=True)
class CommittedBase:
    tree: Tree

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every file, sorted; dependencies, builds and what hidden folders hold are left out."""
        blobs = self.tree.blobs
        return tuple(sorted(path for path in blobs if is_copied(path, blobs, with_dependencies=False)))

    def content(self, path: str, *, for_change: bool = False) -> bytes | Refused:
        if path in self._readable:
            content = self.tree.contents.get(path)
            if content is not None:
                return content
            return Refused(f"{path} is too large to be a source, or is not kept in this repository")
        objection = objection_to(path)
        if objection:
            return Refused(f"{path!r} can't be read, {objection}")
        if any(f"{path}/".startswith(f"{other}/") for other in self.tree.others):
            return Refused(f"{path} is a symbolic link or in a submodule, or lies behind one")
        return Missing(f"there is no {path} in commit {self.tree.commit[:12]}")

    @cached_property
    def _readable(self) -> frozenset[str]:
        return frozenset(self.paths)


@dataclass(frozen=True)
class FilesBase:
    """`unsaved` is what open editors hold, by path."""

    root: Path
    unsaved: Mapping[str, bytes]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every file that there was when this was first asked, sorted, as for a commit."""
        return tuple(sorted({*self._on_disk(), *self.unsaved}))

    def content(self, path: str, *, for_change: bool = False) -> bytes | Refused:
        unsaved = self.unsaved.get(path)
        if unsaved is not None and not for_change:
            return unsaved
        if not objection_to(path) and not is_copied(path, self._known, with_dependencies=False):
            return Refused(f"{path} {NO_PART}")
        on_disk = read_beneath(self.root, path, for_change=for_change)
        if unsaved is None or (isinstance(on_disk, Refused) and not isinstance(on_disk, Missing)):
            return on_disk
        return unsaved

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.paths)

    def _on_disk(self) -> Iterator[str]:
        for file in project_files(self.root, with_dependencies=False):
            if not file.link and file.status.st_size <= LARGEST_FILE_BYTES:
                yield file.path


Base = CommittedBase | FilesBase


def read_or_raise(base: Base, path: str) -> bytes:
    """As `Project.read` wants it: raises OSError."""
    content = base.content(path)
    if isinstance(content, Refused):
        raise FileNotFoundError(ENOENT, content.reason, path)
    return content
