"""Reading files of a folder, and of nothing else, whatever the folder holds.

A path is walked component by component from an open handle of the root, so that no link on the way is
followed, not even one that appears between a check and the reading.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from errno import ELOOP, ENOTDIR, ENXIO
from pathlib import Path

from otp_genesis_refactorers.applying.paths import objection_to
from otp_genesis_refactorers.change import Refused

LARGEST_FILE_BYTES = 4 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ANY_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe must not wait


class Missing(Refused, frozen=True):
    """There is no such file: nothing stands in the way of making it."""


def read_beneath(root: Path, path: str, *, for_change: bool = False) -> bytes | Refused:
    """The content of a regular file below `root`; for a change also one that has no other name."""
    objection = objection_to(path)
    if objection:
        return Refused(f"{path!r} can't be read, {objection}")
    try:
        with _opened(root, path) as handle:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return Refused(f"{path} is no regular file")
            if for_change and status.st_nlink > 1:
                return Refused(f"{path} is a hard link: a change would reach the file's other names")
            if status.st_size > LARGEST_FILE_BYTES:
                return Refused(f"{path} has more than {LARGEST_FILE_BYTES >> 20} MiB")
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        return Missing(f"there is no {path}")
    except OSError as error:
        return Refused(_worded(path, error))


@contextmanager
def _opened(root: Path, path: str) -> Generator[int]:
    """A handle of the file at `path`. Raises OSError."""
    *folders, name = path.split("/")
    # The root itself may be reached by way of links: it is what the user has named.
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        file = os.open(name, _ANY_FILE, dir_fd=handle)
    finally:
        os.close(handle)
    try:
        yield file
    finally:
        os.close(file)


def _worded(path: str, error: OSError) -> str:
    if error.errno == ELOOP:
        return f"{path} is a symbolic link, or lies behind one"
    if error.errno == ENOTDIR:  # also what Linux says of a link where a folder is wanted
        return f"{path} lies behind a symbolic link, or in a file"
    if error.errno == ENXIO:
        return f"{path} is no regular file"
    return f"{path} can't be read: {(error.strerror or 'no reason given').lower()}"
