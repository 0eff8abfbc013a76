"""Which folders the user lets mix run in: it executes whatever a project says.

A grant is a file of the user's data folder, never of the project, and holds for the real path of
one folder. Each has its own file, so that two processes never write the same one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.machine.user_folders import data_folder, write_whole


@dataclass(frozen=True)
class Grant:
    folder: Path
    since: datetime


class _Granted(msgspec.Struct):
    folder: bytes
    """A path need not be text."""
    since: datetime


def is_trusted(root: Path) -> bool:
    """Whether the user has granted it for this very folder."""
    folder = root.resolve()
    kept = _read(_file_of(folder))
    return kept is not None and kept.folder == folder


def grant(root: Path) -> None:
    """Remember that mix may run on this folder. Raises OSError."""
    folder = root.resolve()
    write_whole(_file_of(folder), msgspec.json.encode(_Granted(os.fsencode(folder), datetime.now(UTC))))


def revoke(root: Path) -> bool:
    """Forget it; whether there was a grant. Raises OSError."""
    try:
        _file_of(root.resolve()).unlink()
    except FileNotFoundError:
        return False
    return True


def grants() -> tuple[Grant, ...]:
    """All grants, by folder."""
    kept = [_read(file) for file in _folder().glob("*.json")]
    return tuple(sorted((each for each in kept if each), key=lambda each: each.folder))


def _folder() -> Path:
    return data_folder() / "trusted"


def _file_of(folder: Path) -> Path:
    return _folder() / f"{blake2b(os.fsencode(folder), digest_size=16).hexdigest()}.json"


def _read(file: Path) -> Grant | None:
    """The grant in a file; None without one, or with one that can't be read: then nothing was granted."""
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=readable(_Granted))
    except (OSError, ValueError):
        return None
    return Grant(Path(os.fsdecode(kept.folder)), kept.since)
