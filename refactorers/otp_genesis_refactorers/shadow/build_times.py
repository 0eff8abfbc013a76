"""Times of a build, so that mix sees every change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def age_build(build: Path, files: Path, changed: Iterable[str]) -> None:
    """Make what mix notes of its last compilation older than the `changed` files below `files`.

    Mix compares times in whole seconds: a file that is written in the second in which the last
    compilation ended, with as many bytes as before, would be taken for unchanged. Dating the file
    later is no way out, mix resets times of the future. Raises OSError.
    """
    times: list[float] = []
    for path in changed:
        with suppress(FileNotFoundError):  # it was removed
            times.append((files / path).lstat().st_mtime)
    if not times:
        return
    oldest_second = int(min(times))
    for manifest in _manifests(build):
        status = manifest.stat(follow_symlinks=False)
        if int(status.st_mtime) >= oldest_second:
            os.utime(manifest.path, (status.st_atime, oldest_second - 1), follow_symlinks=False)


def _manifests(build: Path) -> Iterator[os.DirEntry[str]]:
    """`lib/*/.mix/*`, no link being followed: one could lead to the build of the user."""
    for app in _entries(build / "lib"):
        if app.is_dir(follow_symlinks=False):
            for entry in _entries(Path(app.path, ".mix")):
                if entry.is_file(follow_symlinks=False):
                    yield entry


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return list(entries)
