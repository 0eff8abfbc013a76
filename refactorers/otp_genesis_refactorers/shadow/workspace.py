"""An isolated copy of a project, in which mix may do as it likes.

It lies in the user's cache folder and stays there with its build, so that the next verification
compiles what changed and nothing else. The project's own files, `_build`, `deps` and git state are
only ever read. One process uses it at a time; the kernel lets go of the lock when that dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from threading import Event

from otp_genesis_refactorers.machine import trust
from otp_genesis_refactorers.machine.user_folders import cache_folder
from otp_genesis_refactorers.shadow.build_times import age_build
from otp_genesis_refactorers.shadow.mirror import Wanted, mirror, read_known, write_known
from otp_genesis_refactorers.shadow.originals import Originals, on_disk
from otp_genesis_refactorers.shadow.path_dependencies import path_dependencies

_FORGOTTEN_SECONDS = 30 * 24 * 3600
"""After so long without use a shadow is deleted."""
_BUSY_SECONDS = 30 * 60
"""How long another process may use it before this one gives up."""
_LOOK_SECONDS = 0.05
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BUILT = ("_build", "deps")
_VERSION_CONTROL = (".git", ".hg", ".jj", ".svn")


class ShadowError(Exception):
    """The copy can't be made or kept. Its text says what, and what to do, in one line."""


class Shadow:
    """The copy, while this process alone may use it."""

    def __init__(self, original: Path, folder: Path, trusted: bool, originals: Originals = on_disk) -> None:
        self.original = original
        """The project that it is a copy of, a real path."""
        self.trusted = trusted
        """The user lets mix run on it."""
        self.folder = folder
        """All that belongs to the shadow."""
        self.files = folder / "files"
        """The copies: of the project, and of what it takes from beside itself."""
        self.build = folder / "build"
        self.in_place: tuple[Path, ...] = ()
        """Dependencies named by an absolute path, which stay where they are."""
        self._at = original.name
        self._originals = originals
        self._base: dict[str, Wanted] | None = None

    @property
    def root(self) -> Path:
        """The project's folder in the copy."""
        return self.files / self._at

    def sync(self, overlay: Mapping[str, bytes | None]) -> frozenset[str]:
        """Make the copy equal to its originals with `overlay` laid over, and give the paths that changed.

        `overlay` maps paths relative to the root, with `/`, to contents; None removes a file. It
        holds until the next call. Which files the project has was seen when the shadow was opened.
        What earlier runs wrote into the sources is undone. Raises ShadowError, after which the copy
        may be half way.
        """
        for path in overlay:
            _check_overlaid(path)
        try:
            os.scandir(self.original).close()
            if self._base is None:
                self._base = self._found()
            wanted = self._overlaid(self._base, overlay)
            try:
                changed = self._mirrored(wanted)
            except OSError as error:
                if error.errno in _FULL:
                    raise
                self.reset()  # a run has left something that can't be undone file by file
                changed = self._mirrored(wanted)
        except OSError as error:
            raise _worded(error, self.original) from error
        inside = f"{self._at}/"
        return frozenset(path.removeprefix(inside) for path in changed if path.startswith(inside))

    def reset(self) -> None:
        """Forget the build, and copy every file anew at the next `sync`. Raises ShadowError."""
        try:
            for part in (self.build, self.files):
                _discard(part)
            self._known_file.unlink(missing_ok=True)
        except OSError as error:
            raise _worded(error, self.original) from error

    @property
    def _known_file(self) -> Path:
        return self.folder / "known.msgpack"

    def _mirrored(self, wanted: Mapping[str, Wanted]) -> frozenset[str]:
        changed, known = mirror(self.files, wanted, read_known(self._known_file))
        write_known(self._known_file, known)
        if changed:
            age_build(self.build, self.files, changed)
        return changed

    def _found(self) -> dict[str, Wanted]:
        """Every file of the copy, by its path in `files`."""
        return {
            f"{at}/{path}": file
            for folder, at in self._copied_folders()
            for path, file in self._originals(folder, folder == self.original).items()
        }

    def _overlaid(self, base: Mapping[str, Wanted], overlay: Mapping[str, bytes | None]) -> dict[str, Wanted]:
        wanted = dict(base)
        for path, content in overlay.items():
            at = f"{self._at}/{PurePosixPath(path)}"
            before = wanted.pop(at, None)
            if content is not None:
                wanted[at] = Wanted(content=content, is_executable=bool(before and before.is_executable))
        return wanted

    def _copied_folders(self) -> list[tuple[Path, str]]:
        """What is copied, and its path in `files`: beside each other as they are on disk."""
        dependencies = path_dependencies(self.original)
        self.in_place = tuple(each.folder for each in dependencies if each.is_absolute)
        folders = [self.original, *(each.folder for each in dependencies if not each.is_absolute)]
        above = Path(os.path.commonpath([self.original.parent, *(folder.parent for folder in folders)]))
        self._at = self.original.relative_to(above).as_posix()
        return [(folder, folder.relative_to(above).as_posix()) for folder in reversed(folders)]


@contextmanager
def open_shadow(
    root: Path,
    *,
    trusted_for_this_run: bool = False,
    cancel: Event | None = None,
    originals: Originals = on_disk,
) -> Generator[Shadow]:
    """The shadow of the mix project (or umbrella) in `root`, synchronised with its `originals`.

    Waits while another use of it lasts, one in this process too, so it must not be opened twice in
    a row. Raises ShadowError, also when `cancel` is set meanwhile. Mix runs on it only if the user
    has trusted the folder, or has done so for this run.
    """
    original = root.resolve()
    if not (original / "mix.exs").is_file():
        raise ShadowError(f"{original} is no mix project: there is no mix.exs in it")
    shadows = cache_folder() / "shadows"
    digest = blake2b(os.fsencode(original), digest_size=8).hexdigest()
    folder = shadows / f"{_plain(original.name)}-{digest}"
    try:
        shadows.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _locked(shadows / f"{folder.name}.lock", cancel)
    except OSError as error:
        raise _worded(error, original) from error
    try:
        _remove_stale(shadows, folder)
        try:
            folder.mkdir(exist_ok=True)
            for leftover in (*folder.glob("report-*"), *folder.glob("discarded-*")):
                _remove(leftover)  # its process was killed
            (folder / "original").write_bytes(os.fsencode(original))
        except OSError as error:
            raise _worded(error, original) from error
        trusted = trusted_for_this_run or trust.is_trusted(original)
        shadow = Shadow(original, folder, trusted, originals)
        shadow.sync({})
        yield shadow
    finally:
        os.close(lock)


def _plain(name: str) -> str:
    """A folder's name for people, which may be any; the digest tells two of the same name apart."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)[:40]


def _check_overlaid(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or path.endswith("/"):
        raise ShadowError(f"{path!r} is no path of a file in the project")
    if parts[0] in _BUILT or any(part in _VERSION_CONTROL for part in parts):
        raise ShadowError(
            f"{path!r} belongs to a build, a dependency or version control: it can't be changed"
        )


def _worded(error: OSError, original: Path) -> ShadowError:
    if error.errno in _FULL:
        return ShadowError(f"the disk that holds {cache_folder()} is full: free some space there")
    if not original.is_dir():
        return ShadowError(f"{original} is gone")
    return ShadowError(f"the copy of {original} can't be made: {error.filename}: {error.strerror}")


def _locked(file: Path, cancel: Event | None) -> int:
    """A handle that holds the lock until it is closed. Raises OSError, ShadowError."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        handle = _lock_now(file)
        if handle is not None:
            return handle
        if cancel is not None and cancel.is_set():
            raise ShadowError("cancelled while waiting for another verification of the same project")
        if time.monotonic() > until:
            raise ShadowError(
                f"another verification of the same project has not ended for {_BUSY_SECONDS // 60} minutes:"
                f" end the process that holds {file}"
            )
        time.sleep(_LOOK_SECONDS)


def _lock_now(file: Path) -> int | None:
    """The lock, None while another has it."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_ino == file.stat().st_ino:
            return handle
    except (BlockingIOError, FileNotFoundError):  # the latter: whoever had it has removed it
        pass
    except OSError:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _remove_stale(shadows: Path, own: Path) -> None:
    """Delete shadows long unused, and those whose projects are gone. What can't be deleted stays."""
    with suppress(OSError):
        for folder in shadows.iterdir():
            if folder == own or not folder.is_dir() or not _is_stale(folder):
                continue
            lock_file = shadows / f"{folder.name}.lock"
            handle = _lock_now(lock_file)
            if handle is None:
                continue
            if _is_stale(folder):  # still: somebody may have used it meanwhile
                _remove(folder)
                lock_file.unlink(missing_ok=True)
            os.close(handle)


def _is_stale(folder: Path) -> bool:
    note = folder / "original"
    try:
        unused_seconds = time.time() - note.stat().st_mtime
        is_gone = not Path(os.fsdecode(note.read_bytes())).exists()
    except OSError:  # it was being made when its process was killed, or is being made now and locked
        return True
    return unused_seconds > _FORGOTTEN_SECONDS or is_gone


def _discard(folder: Path) -> None:
    """Get a folder out of the way, whatever is in it. Raises OSError."""
    if not folder.exists():
        return
    aside = folder.with_name(f"discarded-{time.time_ns()}")
    folder.rename(aside)
    _remove(aside)


def _remove(folder: Path) -> None:
    """Delete a folder as far as that can be done."""
    with suppress(RecursionError):  # it is deeper than Python's stack reaches
        shutil.rmtree(folder, ignore_errors=True)
