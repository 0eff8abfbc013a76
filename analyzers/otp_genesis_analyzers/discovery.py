"""Which files of a folder are looked at, and which folders are mix projects."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path

from otp_genesis_analyzers.project import MixApp
from otp_genesis_analyzers.source import Source

SUFFIXES = (".ex", ".exs")
MIX_FILE = "mix.exs"
_NEVER = frozenset({"node_modules"})
_BESIDE_MIX = frozenset({"deps", "_build", "cover", "doc"})


def elixir_files(root: Path) -> Iterator[str]:
    """The Elixir files below `root`, relative to it with `/`, in sorted order.

    Hidden folders, `node_modules`, and `deps`, `_build`, `cover` and `doc` beside a `mix.exs` are left out.
    Links to folders are not followed, so that a loop of links ends nowhere; links to files are.
    """
    open_folders = [_looked_at(os.fspath(root), "")]
    while open_folders:  # a loop, since folders may lie deeper than Python's stack reaches
        path, entry = next(open_folders[-1], (None, None))
        if path is None or entry is None:
            open_folders.pop()
        elif entry.is_dir(follow_symlinks=False):
            open_folders.append(_looked_at(entry.path, f"{path}/"))
        elif entry.name.endswith(SUFFIXES) and _is_file(entry):
            yield path


def _looked_at(folder: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The entries of a folder that are not left out, with their paths."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    skipped = _NEVER | _BESIDE_MIX if any(entry.name == "mix.exs" for entry in entries) else _NEVER
    for entry in entries:
        is_left_out = entry.name in skipped and entry.is_dir(follow_symlinks=False)
        if not entry.name.startswith(".") and not is_left_out:
            yield prefix + entry.name, entry


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Pipes and devices are none, they may never end. A link that leads nowhere is one, to be reported."""
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


def elixir_among(paths: Iterable[str]) -> list[str]:
    """Those that `elixir_files` would give if they were the files below a folder, in the same order."""
    paths = sorted(paths, key=lambda path: path.split("/"))
    beside_mix = {path.removesuffix("mix.exs") for path in paths if path.split("/")[-1] == "mix.exs"}
    return [path for path in paths if path.endswith(SUFFIXES) and not _is_skipped(path, beside_mix)]


def _is_skipped(path: str, beside_mix: Container[str]) -> bool:
    *folders, name = path.split("/")
    above = ""
    for folder in folders:
        skipped = _NEVER | _BESIDE_MIX if above in beside_mix else _NEVER
        if folder.startswith(".") or folder in skipped:
            return True
        above += f"{folder}/"
    return name.startswith(".")


def is_ignored(path: str) -> bool:
    """Whether a single path, given relative to the root, would never be looked at."""
    folders = path.split("/")[:-1]
    return any(part.startswith(".") or part in _NEVER or part in ("deps", "_build") for part in folders)


def find_apps(paths: Iterable[str], read: Callable[[str], bytes]) -> tuple[MixApp, ...]:
    """The mix projects among the files: every readable `mix.exs` but those of test fixtures."""
    from otp_genesis_analyzers.mix_project import read_mix_project

    apps: list[MixApp] = []
    for folder in mix_folders(paths):
        path = f"{folder}/mix.exs" if folder else "mix.exs"
        try:
            apps.append(read_mix_project(Source(path, read(path)), folder))
        except OSError:
            continue
    return tuple(apps)


def mix_folders(paths: Iterable[str]) -> list[str]:
    """The folders of the mix projects among the files, "" for the root."""
    return [
        folder
        for folder, _, name in (path.rpartition("/") for path in paths)
        if name == "mix.exs" and "fixtures" not in folder.split("/")
    ]


def project_above(folder: Path) -> Path | None:
    """The folder of the mix project that holds `folder`; for an app of an umbrella, the umbrella's."""
    projects = [candidate for candidate in (folder, *folder.parents) if (candidate / MIX_FILE).is_file()]
    for project in projects[1:]:
        inside = (projects[0] / MIX_FILE).relative_to(project).as_posix()
        if not is_ignored(inside) and _is_umbrella(project):
            return project
    return projects[0] if projects else None


def _is_umbrella(folder: Path) -> bool:
    from otp_genesis_analyzers.mix_project import read_mix_project

    try:
        content = (folder / MIX_FILE).read_bytes()
    except OSError:
        return False
    return read_mix_project(Source(MIX_FILE, content), "").umbrella
