"""Making a folder hold exactly the files that it should, though strangers have written into it.

Nothing in the folder is trusted: links that were planted are removed before anything is written,
never followed, and a file counts as unchanged only while the system's own time of its last change,
which a program can't set, is the one noted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from otp_genesis_analyzers.decoding import readable


class Stamp(NamedTuple):
    """By what a file is known to be unchanged without reading it."""

    changed_ns: int
    modified_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_ctime_ns, status.st_mtime_ns, status.st_size, status.st_ino)


class Known(NamedTuple):
    """What was true when a file was last copied."""

    original: Stamp
    copy: Stamp


@dataclass(frozen=True)
class Wanted:
    """What should be there: what the file at the path `original` holds, a content, or a link."""

    original: str = ""
    stamp: Stamp | None = None
    """Of `original`."""
    content: bytes | None = None
    link: str = ""
    is_executable: bool = False


def mirror(
    folder: Path, wanted: Mapping[str, Wanted], known: Mapping[str, Known]
) -> tuple[frozenset[str], dict[str, Known]]:
    """Make `folder` hold the `wanted` files, by path, and no others.

    Gives the paths of those that were changed, added or removed, and what is `known` for the next
    time. A file whose original can't be read, or vanishes meanwhile, is left out. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    present = _present(folder)
    changed = {path for path in present if path not in wanted}
    for path in changed:
        (folder / path).unlink()
    now_known: dict[str, Known] = {}
    for path, file in wanted.items():
        there, noted = present.get(path), known.get(path)
        is_known = noted is not None and there is not None and noted == (file.stamp, Stamp.of(there))
        if is_known and noted is not None:
            now_known[path] = noted
            continue
        try:
            content = Path(file.original).read_bytes() if file.original else file.content
        except OSError:
            if there is not None:
                (folder / path).unlink()
                changed.add(path)
            continue
        target = folder / path
        if not _is_equal(target, there, file, content):
            _write(target, there, file, content)
            changed.add(path)
        if file.stamp is not None:
            now_known[path] = Known(file.stamp, Stamp.of(target.lstat()))
    return frozenset(changed), now_known


def read_known(file: Path) -> dict[str, Known]:
    """What `write_known` has kept; nothing if that can't be read: everything is compared then."""
    try:
        kept = msgspec.msgpack.decode(file.read_bytes(), type=readable(dict[bytes, Known]))
    except (OSError, ValueError):
        return {}
    return {os.fsdecode(path): each for path, each in kept.items()}


def write_known(file: Path, known: Mapping[str, Known]) -> None:
    """Raises OSError."""
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.msgpack.encode({os.fsencode(path): each for path, each in known.items()}))
    new.replace(file)


def _present(folder: Path) -> dict[str, os.stat_result]:
    """All that is in a folder but folders, by path."""
    found: dict[str, os.stat_result] = {}
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    found[f"{inside}{entry.name}"] = status
                    continue
                waiting.append(f"{inside}{entry.name}/")
                if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
                    Path(entry.path).chmod(stat.S_IRWXU)
    return found


def _is_equal(target: Path, there: os.stat_result | None, file: Wanted, content: bytes | None) -> bool:
    if there is None:
        return False
    if file.link:
        return stat.S_ISLNK(there.st_mode) and os.fspath(target.readlink()) == file.link
    is_plain = stat.S_ISREG(there.st_mode) and there.st_nlink == 1
    if not is_plain or there.st_mode & 0o777 != _mode(file) or there.st_size != len(content or b""):
        return False
    return target.read_bytes() == content


def _write(target: Path, there: os.stat_result | None, file: Wanted, content: bytes | None) -> None:
    if there is not None:
        target.unlink()  # or a link to it elsewhere would see the new content
    with suppress(NotADirectoryError):
        if target.is_dir():
            target.rmdir()
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.link:
        target.symlink_to(file.link)
        return
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _mode(file))
    with os.fdopen(handle, "wb") as new:
        os.fchmod(handle, _mode(file))
        new.write(content or b"")


def _mode(file: Wanted) -> int:
    return 0o755 if file.is_executable else 0o644
