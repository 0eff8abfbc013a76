"""A unified diff from anywhere, as what it makes of a project's files. Nothing is written.

The diff may have been made by git, by `diff -u`, or by a model. It is applied exactly: every hunk where it
says, or at the one other place that reads like it; nowhere by guess. What leads out of the project,
through a symbolic link, or into git's own files is refused before a byte is read.
"""

from __future__ import annotations

import os
import stat
from codecs import escape_decode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from msgspec import Struct
from unidiff.constants import DEV_NULL, LINE_TYPE_EMPTY, LINE_TYPE_NO_NEWLINE
from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, PatchedFile, PatchSet

from otp_genesis_refactorers.applying.paths import objection_to

MAX_PATCH_BYTES = 256 << 10
_ENCODING = "latin-1"  # a byte a character: what comes out are the bytes that went in
_REGULAR_FILE = "100"
_SHOWN_CHARACTERS = 80


class PatchRefused(Struct, frozen=True):
    """Why a patch can't be applied. `gate` names what it fails: it does not fit, or goes too far."""

    gate: Literal["applies", "scope"]
    reason: str


NewContents = Mapping[str, bytes | None]
"""The new content of each changed file by its path relative to the project's root; None removes it."""


def apply_patch(
    patch: bytes, root: Path | None, read: Callable[[str], bytes], *, repository_path: str = ""
) -> NewContents | PatchRefused:
    """What the files below `root` become; None when they are not on the disk.

    `read` gives the present content by the path relative to `root`, or raises OSError: `Project.read`. The
    names in the patch are relative to `root` too, or to the repository in which it is `repository_path`.
    """
    files = _parsed(patch)
    if isinstance(files, PatchRefused):
        return files
    contents: dict[str, bytes | None] = {}
    for file in files:
        new = _applied(file, repository_path, root, read)
        if isinstance(new, PatchRefused):
            return new
        for path, content in new.items():
            if path in contents:
                return PatchRefused("applies", f"the patch changes {path} twice")
            contents[path] = content
    return contents


def _parsed(patch: bytes) -> PatchSet | PatchRefused:
    if len(patch) > MAX_PATCH_BYTES:
        return PatchRefused(
            "scope", f"the patch has more than {MAX_PATCH_BYTES >> 10} KiB: too much to be proved at once"
        )
    try:
        files = PatchSet(patch.decode(_ENCODING))
    except UnidiffParseError as error:
        words = " ".join(str(error).encode(_ENCODING).decode("utf-8", "replace").split())
        return PatchRefused("applies", f"this is no unified diff that can be read: {words}")
    if not files:
        return PatchRefused(
            "applies", "there is no diff in the patch: it has no line that starts with '+++ '"
        )
    return files


def _applied(
    file: PatchedFile, repository_path: str, root: Path | None, read: Callable[[str], bytes]
) -> dict[str, bytes | None] | PatchRefused:
    old, new = (
        name.removeprefix(f"{repository_path}/") if repository_path else name for name in _paths(file)
    )
    for path in filter(None, dict.fromkeys((old, new))):
        objection = objection_to_path(path, root)
        if objection:
            return PatchRefused("scope", f"the patch changes {path!r}, {objection}")
    if file.is_binary_file:
        return PatchRefused(
            "scope", f"the patch changes {new or old} as a binary file, which nobody can judge"
        )
    modes = {mode for mode in (file.source_mode, file.target_mode) if mode}
    if any(not mode.startswith(_REGULAR_FILE) for mode in modes):
        return PatchRefused("scope", f"the patch makes {new or old} a link or a submodule")
    if len(modes) > 1 and old and new:
        return PatchRefused("scope", f"the patch changes the mode of {new}")
    try:
        before = read(old) if old else b""
    except OSError:
        return PatchRefused("applies", f"the patch changes {old}, which does not exist")
    if new and new != old and _exists(new, root, read):
        return PatchRefused("applies", f"the patch makes {new}, which exists already")
    after = _patched(before, file)
    if isinstance(after, PatchRefused):
        return after
    if not new and after:
        return PatchRefused("applies", f"the patch removes {old}, but does not name all of its lines")
    removed: dict[str, bytes | None] = {old: None} if old and old != new else {}
    return {**removed, new: after} if new else removed


def _paths(file: PatchedFile) -> tuple[str, str]:
    """The file's path before and after; empty where it does not exist."""
    names = (_name(file.source_file), _name(file.target_file))
    prefixed = all(
        name == DEV_NULL or name.startswith(prefix) for name, prefix in zip(names, ("a/", "b/"), strict=True)
    )
    old, new = ("" if name == DEV_NULL else name[2:] if prefixed else name for name in names)
    return old, new


def _name(written: str) -> str:
    name = written.encode(_ENCODING)
    if name.startswith(b'"'):
        name = escape_decode(name.strip(b'"'))[0]
    return os.fsdecode(name)


def _exists(path: str, root: Path | None, read: Callable[[str], bytes]) -> bool:
    if root is not None:
        return os.path.lexists(root / path)
    try:
        read(path)
    except OSError:
        return False
    return True


def objection_to_path(path: str, root: Path | None) -> str:
    """Why nobody may change what this path names; empty when there is no reason."""
    objection = objection_to(path)
    if objection or root is None:
        return objection
    pure = PurePosixPath(path)
    for place in [*reversed((root / pure).parents), root / pure][len(root.parts) :]:
        try:
            mode = place.lstat().st_mode
        except (OSError, ValueError):
            return ""
        if stat.S_ISLNK(mode):
            return "which lies behind a symbolic link"
        if not (stat.S_ISREG(mode) if place == root / pure else stat.S_ISDIR(mode)):
            return "which is no regular file"
    return ""


def _patched(before: bytes, file: PatchedFile) -> bytes | PatchRefused:
    old = before.split(b"\n")
    lines = [*(line + b"\n" for line in old[:-1]), *([old[-1]] if old[-1] else [])]
    result: list[bytes] = []
    position = moved = 0
    for hunk in file:
        wanted, given = list(_side(hunk, added=False)), list(_side(hunk, added=True))
        at = _place(lines, wanted, max(0, hunk.source_start - bool(wanted)) + moved, position)
        if at is None:
            return PatchRefused("applies", _mismatch(hunk, wanted, lines, _name(file.path)))
        moved = at - max(0, hunk.source_start - bool(wanted))
        result += [*lines[position:at], *given]
        position = at + len(wanted)
    return b"".join([*result, *lines[position:]])


def _mismatch(hunk: Hunk, wanted: list[bytes], lines: list[bytes], path: str) -> str:
    """Where the file first differs from what a hunk says of it."""
    first = max(0, hunk.source_start - 1)
    for number, line in enumerate(wanted, first):
        is_there = lines[number : number + 1]
        if is_there != [line]:
            found = repr(_shown(is_there[0])) if is_there else "not there"
            return (
                f"line {number + 1} of {path} is {found}, and {_shown(line)!r} in the patch: make the patch"
                " again from the files as they are"
            )
    return f"the hunk at line {hunk.source_start} of {path} stands behind one that comes later in the file"


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _side(hunk: Hunk, *, added: bool) -> Iterator[bytes]:
    """The lines of a hunk as they are before or after it."""
    for index, line in enumerate(hunk):
        if line.line_type in (LINE_TYPE_EMPTY, LINE_TYPE_NO_NEWLINE):
            continue
        if line.is_context or line.is_added == added:
            value = line.value.encode(_ENCODING)
            ends_file = hunk[index + 1 : index + 2] and hunk[index + 1].line_type == LINE_TYPE_NO_NEWLINE
            yield value.removesuffix(b"\n") if ends_file else value


def _place(lines: list[bytes], wanted: list[bytes], stated: int, earliest: int) -> int | None:
    """The index of a hunk's first line: where it is stated, else where alone it fits; None when nowhere."""
    if earliest <= stated <= len(lines) and lines[stated : stated + len(wanted)] == wanted:
        return stated
    if not wanted:
        return None
    last = len(lines) - len(wanted)
    fitting = [at for at in range(earliest, last + 1) if lines[at : at + len(wanted)] == wanted]
    return fitting[0] if len(fitting) == 1 else None
