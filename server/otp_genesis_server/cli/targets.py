"""What a command line's paths ask for: which project to read, which of its files to speak about.

A project is always read as a whole, since its supervision tree decides what is a finding; the
paths only choose what is shown.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from otp_genesis_analyzers.discovery import MIX_FILE, elixir_files, project_above


@dataclass(frozen=True)
class Target:
    root: Path
    """The folder that is read: the mix project's, the umbrella's, or one that holds several projects."""
    shown_root: Path
    """The folder that results are relative to: the one given, or `root` when files were given."""
    chosen: tuple[str, ...]
    """The files and folders asked for, relative to `root`; "" for all of it."""
    alone: bool = False
    """Files that belong to no mix project."""
    packed: frozenset[str] | None = None
    """Those that a pack holds, relative to `root`: no other is asked for. None without a pack."""

    def includes(self, path: str) -> bool:
        """Whether a path relative to `root` was asked for."""
        in_pack = self.packed is None or path in self.packed
        return in_pack and any(covers(chosen, path) for chosen in self.chosen)

    def relative(self, path: str) -> str:
        """A path relative to `root` as one relative to `shown_root`."""
        return posixpath.relpath(path, self.shown_root.relative_to(self.root).as_posix())

    def shown(self, path: str) -> str:
        """The same for people and programs: what is no text in it is replaced."""
        return self.relative(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def covers(chosen: str, path: str) -> bool:
    """Whether a file is the one chosen or stands in the folder chosen, "" being the root."""
    return not chosen or path == chosen or path.startswith(f"{chosen}/")


def target_of(paths: Sequence[str]) -> Target:
    """What `paths` ask for, the current folder without any. Raises click.UsageError."""
    given = [_existing(path) for path in paths or (".",)]
    roots = {project_above(path if path.is_dir() else path.parent) for path in given}
    if len(roots) > 1:
        raise click.UsageError("the paths belong to different mix projects: give one project at a time")
    root = roots.pop()
    if root is None:
        return _without_project_above(given)
    shown_root = given[0] if len(given) == 1 and given[0].is_dir() else root
    return Target(root, shown_root, tuple(_relative(path, root) for path in given))


def target_of_text(name: str) -> Target:
    """What is asked for by a text that stands for the file `name`, which need not exist.

    Raises click.UsageError for a folder.
    """
    file = Path(name).parent.resolve() / Path(name).name
    if file.is_dir():
        raise click.UsageError(f"{name!r} is a folder: name the file that the text is of")
    root = project_above(file.parent)
    folder = root or file.parent
    return Target(folder, folder, (_relative(file, folder),), alone=root is None)


def target_of_pack(folder: str, paths: Collection[str]) -> Target:
    """What is asked for by a pack of these paths, which are relative to `folder`.

    The project around the folder is read with it when the disk has any of them, or a project in the
    folder. Raises click.UsageError when there is no such folder.
    """
    given = Path(folder).resolve()
    if not given.is_dir():
        raise click.UsageError(
            f"{folder!r} is no folder: with --input-file, give the one that was packed, or none"
        )
    is_there = any((given / path).is_file() for path in (MIX_FILE, *paths))
    root = (project_above(given) if is_there else None) or given
    chosen = _relative(given, root)
    inside = f"{chosen}/" if chosen else ""
    return Target(root, given, (chosen,), packed=frozenset(f"{inside}{path}" for path in paths))


def _existing(path: str) -> Path:
    given = Path(path)
    if not given.exists():
        raise click.UsageError(f"{path!r} does not exist: give a mix project, or folders or files of one")
    # A file keeps its own name, so that a link is named as the project names it.
    return given.resolve() if given.is_dir() else given.parent.resolve() / given.name


def _without_project_above(given: Sequence[Path]) -> Target:
    if all(path.is_file() for path in given):
        root = _common_folder([path.parent for path in given])
        return Target(root, root, tuple(_relative(path, root) for path in given), alone=True)
    if len(given) > 1:
        raise click.UsageError("the paths belong to no common mix project: give one project at a time")
    folder = given[0]
    if not any(PurePosixPath(path).name == MIX_FILE for path in elixir_files(folder)):
        raise click.UsageError(
            f"{str(folder)!r} is no mix project, there is no {MIX_FILE} in it, above it or below it:"
            " give the folder of one"
        )
    return Target(folder, folder, ("",))


def _common_folder(folders: Sequence[Path]) -> Path:
    ancestors = (folders[0], *folders[0].parents)
    return next(folder for folder in ancestors if all(other.is_relative_to(folder) for other in folders))


def _relative(path: Path, root: Path) -> str:
    return "" if path == root else path.relative_to(root).as_posix()
