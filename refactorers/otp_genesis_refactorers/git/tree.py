"""The files of a commit, read from git's own objects: what the work tree holds plays no part."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_refactorers.git.repository import Git, NoHistory

LARGEST_BLOB_BYTES = 1 << 20
"""A larger one is no source; it is left unread."""
_FILE, _EXECUTABLE = "100644", "100755"
_KEPT_ELSEWHERE = b"version https://git-lfs.github.com/"
"""With this begins what git has in place of a file that lies on another server."""


@dataclass(frozen=True)
class Blob:
    id: str
    size: int
    is_executable: bool = False


@dataclass(frozen=True)
class Tree:
    """The regular files of `commit` below the folder `at` of the repository."""

    commit: str
    top: Path
    """The work tree's folder, a real path."""
    at: str
    """Relative to `top`, with `/`; empty for all of it."""
    blobs: Mapping[str, Blob]
    """By path, relative to `at`."""
    contents: Mapping[str, bytes]
    """Of all but large ones, and those that git keeps elsewhere."""
    others: frozenset[str] = frozenset()
    """Paths of links and of submodules."""


def tree_of(folder: Path, revision: str = "HEAD") -> Tree:
    """What a commit has below a folder of its work tree. Raises NoHistory."""
    folder = folder.resolve()
    git = Git(folder)
    top = work_tree(git, folder)
    at = "" if folder == top else folder.relative_to(top).as_posix()
    commit = git.commit(revision)
    listed = git.run("ls-tree", "-r", "-z", "--long", "--full-tree", commit, *(["--", at] if at else []))
    blobs, others = _listed(listed, f"{at}/" if at else "")
    return Tree(commit, top, at, blobs, _contents(git, blobs), frozenset(others))


def work_tree(git: Git, folder: Path) -> Path:
    """The folder that a repository is checked out into, around `folder`. Raises NoHistory."""
    named = git.answer("rev-parse", "--show-toplevel")
    if not named:
        raise NoHistory(f"{folder} is in a bare repository: clone it, and work in the clone")
    top = Path(named).resolve()
    if not folder.is_relative_to(top):
        raise NoHistory(f"the repository around {folder} says that its files are in {top}: see core.worktree")
    return top


def _listed(listed: bytes, inside: str) -> tuple[dict[str, Blob], list[str]]:
    """The regular files by path, and the paths of all else."""
    blobs: dict[str, Blob] = {}
    others: list[str] = []
    for entry in listed.split(b"\0")[:-1]:
        words, _, name = entry.partition(b"\t")
        mode, _, blob_id, size = words.decode().split()
        path = os.fsdecode(name).removeprefix(inside)
        if mode in (_FILE, _EXECUTABLE):
            blobs[path] = Blob(blob_id, int(size), mode == _EXECUTABLE)
        else:
            others.append(path)
    return blobs, others


def _contents(git: Git, blobs: Mapping[str, Blob]) -> dict[str, bytes]:
    wanted = {blob.id for blob in blobs.values() if blob.size <= LARGEST_BLOB_BYTES}
    known = _read(git, sorted(wanted))
    return {path: known[blob.id] for path, blob in blobs.items() if blob.id in known}


def _read(git: Git, ids: Iterable[str]) -> dict[str, bytes]:
    """The content of each blob; a blob that a partial clone lacks is left out."""
    answered = git.run("cat-file", "--batch", "--buffer", stdin="".join(f"{id_}\n" for id_ in ids).encode())
    contents: dict[str, bytes] = {}
    at = 0
    while at < len(answered):
        end = answered.index(b"\n", at)
        words = answered[at:end].decode().split()
        at = end + 1
        if words[-1] == "missing":
            continue
        blob_id, size = words[0], int(words[2])
        content = answered[at : at + size]
        if not content.startswith(_KEPT_ELSEWHERE):
            contents[blob_id] = content
        at += size + 1
    return contents
