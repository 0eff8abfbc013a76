"""Writing files so that nothing is ever lost.

All files of one call are written, or none. Each is prepared beside its target as
`.NAME.otp-genesis-XXXX.tmp`, then renamed over it, so that a reader, or whoever looks after a
power cut or a `kill -9`, finds the old file or the new one, never a part. A file whose content is
not the one that the change was computed from is left alone.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_refactorers.change import Change, Outdated, apply_to, content_hash

NEW_FILE_MODE = 0o644
_ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class NotWritten(Exception):
    """A file can't be written. Nothing was changed, in no file."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} {reason}; nothing was written")
        self.path = path
        self.reason = reason


class HalfWritten(Exception):
    """Writing failed, and so did putting back what had been replaced before."""

    def __init__(self, places: list[str]) -> None:
        super().__init__(
            f"writing failed half-way and these files could not be put back: {', '.join(places)}"
        )


@dataclass(frozen=True)
class _Target:
    path: str
    """As the caller named it."""
    file: Path
    """What is replaced: symbolic links inside the root are followed."""
    content: bytes
    original_hash: str
    """Empty for a new file."""


@dataclass
class _Prepared:
    target: _Target
    new: Path
    backup: Path | None = None
    replaced: bool = False


def write_change(root: Path, change: Change) -> None:
    """Apply a change to the files below `root`. Raises `Outdated` or `NotWritten`, nothing being written."""
    contents: dict[str, bytes] = {}
    for file in change.files:
        if file.original_hash:
            contents[file.path] = _read(file.path, _resolved(root, file.path))
    hashes = {file.path: file.original_hash for file in change.files}
    write_files(root, apply_to(change, contents), hashes)


def write_files(root: Path, contents: Mapping[str, bytes], original_hashes: Mapping[str, str]) -> None:
    """Write files below `root`, given by paths relative to it.

    `original_hashes` are the `content_hash`es of the files that the new contents were computed
    from; a path without one is a new file, which must not exist yet. Raises `Outdated` for a file
    that has changed since, `NotWritten` for one that can't be written; nothing is written then.
    """
    targets = [
        _Target(path, _resolved(root, path), content, original_hashes.get(path, ""))
        for path, content in sorted(contents.items())
    ]
    _check_distinct(targets)
    for target in targets:
        _check_writable(target)
        _check_unchanged(target)
    with _prepared(targets) as files:
        for target in targets:
            _check_unchanged(target)
        _replace_all(files)


def _resolved(root: Path, path: str) -> Path:
    root = root.resolve()
    try:
        file = (root / path).resolve()
    except (OSError, RuntimeError) as error:
        raise NotWritten(path, "is a symbolic link that leads nowhere") from error
    if not file.is_relative_to(root):
        raise NotWritten(path, f"leads outside {root}")
    return file


def _check_distinct(targets: list[_Target]) -> None:
    seen: dict[Path, str] = {}
    for target in targets:
        if target.file in seen:
            raise NotWritten(target.path, f"is the same file as {seen[target.file]}")
        seen[target.file] = target.path


def _check_writable(target: _Target) -> None:
    """Root may write anything, so the bits are looked at: they say what the owner wants."""
    file = target.file
    if file.exists():
        if not file.is_file():
            raise NotWritten(target.path, "is not a regular file")
        if not file.stat().st_mode & _ANY_WRITE or not os.access(file, os.W_OK):
            raise NotWritten(target.path, "is read-only")
    folder = next(parent for parent in file.parents if parent.exists())
    if not folder.stat().st_mode & _ANY_WRITE or not os.access(folder, os.W_OK | os.X_OK):
        raise NotWritten(target.path, f"is in a read-only folder, {folder}")


def _check_unchanged(target: _Target) -> None:
    if not target.original_hash:
        if target.file.exists():
            raise NotWritten(target.path, "exists already")
        return
    if content_hash(_read(target.path, target.file)) != target.original_hash:
        raise Outdated(target.path)


def _read(path: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise Outdated(path) from error
    except OSError as error:
        raise NotWritten(path, f"can't be read: {error.strerror}") from error


@contextmanager
def _prepared(targets: list[_Target]) -> Generator[list[_Prepared]]:
    """The new contents, complete on disk beside their targets. What is left of them is removed at the end."""
    files: list[_Prepared] = []
    try:
        for target in targets:
            try:
                files.append(_prepare(target))
            except OSError as error:
                raise NotWritten(target.path, f"can't be written: {error.strerror}") from error
        yield files
    finally:
        for file in files:
            for leftover in (file.new, file.backup):
                if leftover is not None:
                    with suppress(OSError):
                        leftover.unlink(missing_ok=True)


def _prepare(target: _Target) -> _Prepared:
    target.file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{target.file.name}.otp-genesis-", suffix=".tmp", dir=target.file.parent
    )
    prepared = _Prepared(target, Path(name))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(target.content)
            file.flush()
            _keep_mode_and_owner(file.fileno(), target.file)
            os.fsync(file.fileno())
    except OSError:
        prepared.new.unlink(missing_ok=True)
        raise
    return prepared


def _keep_mode_and_owner(handle: int, original: Path) -> None:
    if not original.exists():
        os.fchmod(handle, NEW_FILE_MODE)
        return
    status = original.stat()
    with suppress(PermissionError):  # another user's file in a folder that is shared: it becomes ours
        os.fchown(handle, status.st_uid, status.st_gid)
    os.fchmod(handle, stat.S_IMODE(status.st_mode))


def _replace_all(files: list[_Prepared]) -> None:
    """Rename every prepared file over its target; when that is cut short, put the earlier ones back."""
    path = ""
    try:
        for file in files:
            path = file.target.path
            file.backup = _backup(file)
            file.new.replace(file.target.file)
            file.replaced = True
            _sync_folder(file.target.file.parent)
    except OSError as error:
        _put_back(files)
        raise NotWritten(path, f"can't be replaced: {error.strerror}") from error
    except BaseException:
        _put_back(files)
        raise


def _backup(file: _Prepared) -> Path | None:
    """A second name for the old file, from which it can be put back whole."""
    if not file.target.original_hash:
        return None
    name = file.new.with_name(file.new.name.removesuffix(".tmp") + "-old.tmp")
    try:
        name.hardlink_to(file.target.file)
    except OSError:  # a file system without hard links
        name.write_bytes(file.target.file.read_bytes())
        name.chmod(stat.S_IMODE(file.target.file.stat().st_mode))
    return name


def _put_back(files: list[_Prepared]) -> None:
    lost: list[str] = []
    for file in files:
        if not file.replaced:
            continue
        try:
            if file.backup is None:
                file.target.file.unlink(missing_ok=True)
            else:
                file.backup.replace(file.target.file)
        except OSError:
            lost.append(f"{file.target.path} (its old content is in {file.backup})")
            file.backup = None  # else it would be removed with the other leftovers
    if lost:
        raise HalfWritten(lost)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system can
            os.fsync(handle)
    finally:
        os.close(handle)
