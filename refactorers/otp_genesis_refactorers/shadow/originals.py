"""What a copy is made of: the files as they lie on the disk, or those of a commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from otp_genesis_refactorers.git.repository import NoHistory
from otp_genesis_refactorers.git.tree import Blob, Tree, tree_of
from otp_genesis_refactorers.shadow.mirror import Stamp, Wanted
from otp_genesis_refactorers.shadow.project_files import is_copied, project_files

Originals = Callable[[Path, bool], Mapping[str, Wanted]]
"""Is asked with a folder, and whether its fetched dependencies are wanted; gives what to copy, by path."""

_FETCHED = "deps/"


def on_disk(folder: Path, with_dependencies: bool) -> dict[str, Wanted]:
    """The `Originals` of the work tree. Raises OSError when the folder can't be read."""
    return {
        file.path: Wanted(
            original="" if file.link else f"{folder}/{file.path}",
            stamp=None if file.link else Stamp.of(file.status),
            link=file.link,
            is_executable=bool(file.status.st_mode & 0o100),
        )
        for file in project_files(folder, with_dependencies)
    }


def of_commit(tree: Tree) -> Originals:
    """The `Originals` of a commit: what is not in it is not copied, but for fetched dependencies.

    `tree` is that of the project; the projects beside it that it needs are taken from the same commit
    if they are in the same repository, else from the disk.
    """

    def originals(folder: Path, with_dependencies: bool) -> dict[str, Wanted]:
        there = on_disk(folder, with_dependencies)
        try:
            of_folder = tree if folder == tree.top / tree.at else tree_of(folder, tree.commit)
        except NoHistory:
            return there
        wanted = dict(_committed(of_folder, there, with_dependencies))
        taken = {path: file for path, file in there.items() if path not in wanted}
        wanted |= {path: file for path, file in taken.items() if _is_beside_history(path, of_folder)}
        return wanted

    return originals


def _committed(
    tree: Tree, there: Mapping[str, Wanted], with_dependencies: bool
) -> Iterator[tuple[str, Wanted]]:
    for path, blob in tree.blobs.items():
        if not is_copied(path, tree.blobs, with_dependencies):
            continue
        if path in tree.contents:
            yield path, _of_blob(blob, tree.contents[path])
        elif path in there:  # too large to be kept in memory, or kept on another server
            yield path, there[path]


def _of_blob(blob: Blob, content: bytes) -> Wanted:
    stamp = Stamp(int(blob.id[:15], 16), int(blob.is_executable), blob.size, 0)
    return Wanted(content=content, stamp=stamp, is_executable=blob.is_executable)


def _is_beside_history(path: str, tree: Tree) -> bool:
    """Fetched dependencies, links, and what is in submodules: git has no content of theirs in this commit."""
    return path.startswith(_FETCHED) or any(
        path == other or path.startswith(f"{other}/") for other in tree.others
    )
