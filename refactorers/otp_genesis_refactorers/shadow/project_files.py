"""Which files of a project its copy needs."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST_FILE_BYTES = 64 * 1024 * 1024
"""A larger one is a dump, a video, a model: nothing that a project needs to compile."""
_NEVER = frozenset({"node_modules", "_build"})
_BESIDE_MIX = frozenset({"cover", "doc"})
_HIDDEN_FOLDERS = frozenset({".credo"})
_SECRETS = (".env", ".netrc", ".npmrc", ".pgpass", ".git-credentials")
"""Beginnings of the names of files in which people keep keys."""


@dataclass(frozen=True)
class ProjectFile:
    path: str
    """Relative to the folder that was looked through, with `/`."""
    status: os.stat_result
    """Of the file itself, links not followed."""
    link: str = ""
    """Where a symbolic link leads; empty for a regular file."""


def project_files(root: Path, with_dependencies: bool) -> Iterator[ProjectFile]:
    """The files of the project in `root` as a build needs them, or those of one of its dependencies.

    Left out are builds, version control, hidden folders, files where keys are kept, very large
    files, and links that lead out of the project. Of the fetched dependencies in `deps` everything
    is taken, since mix asks git for the state of those that came from there. Raises OSError when
    `root` can't be read; what vanishes meanwhile is not there.
    """
    os.scandir(root).close()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        entries = _entries(root / folder)
        is_mix_project = any(entry.name == "mix.exs" for entry in entries)
        for entry in entries:
            path = f"{folder}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if folder == "" and entry.name == "deps" and is_mix_project:
                    yield from _fetched(root) if with_dependencies else ()
                elif _is_wanted_folder(entry.name, is_mix_project):
                    waiting.append(f"{path}/")
            elif not entry.name.startswith(_SECRETS):
                yield from _file(root, path, entry)


def is_copied(path: str, paths: Container[str], with_dependencies: bool) -> bool:
    """Whether `project_files` would give a regular file of this path in a project of these `paths`."""
    *folders, name = path.split("/")
    above = ""
    for folder in folders:
        beside_mix_file = f"{above}mix.exs" in paths
        if not above and folder == "deps" and beside_mix_file:
            return with_dependencies
        if not _is_wanted_folder(folder, beside_mix_file):
            return False
        above += f"{folder}/"
    return not name.startswith(_SECRETS)


def _is_wanted_folder(name: str, beside_mix_file: bool) -> bool:
    if name.startswith("."):
        return name in _HIDDEN_FOLDERS
    return name not in _NEVER and not (beside_mix_file and name in _BESIDE_MIX)


def _fetched(root: Path) -> Iterator[ProjectFile]:
    waiting = ["deps/"]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(root / folder):
            path = f"{folder}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                yield from _file(root, path, entry)
            elif entry.name not in _NEVER and not path.endswith("/.git/hooks"):
                waiting.append(f"{path}/")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _file(root: Path, path: str, entry: os.DirEntry[str]) -> Iterator[ProjectFile]:
    """The file, if it is one that can be copied."""
    try:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_FILE_BYTES:
            yield ProjectFile(path, status)
        elif stat.S_ISLNK(status.st_mode):
            link = os.fspath(Path(entry.path).readlink())
            if not link.startswith("/") and Path(entry.path).resolve().is_relative_to(root.resolve()):
                yield ProjectFile(path, status, link)
    except (OSError, RuntimeError):  # it has vanished; a loop of links
        return
