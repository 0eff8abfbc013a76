"""`Change`: the one type that every fix produces, whatever becomes of it.

It can be rendered as a diff, written to files, or turned into a workspace edit; all three
come from the same edits. A change remembers the hash of every file it was computed from.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from itertools import pairwise

from msgspec import Struct

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.source import Span


class Edit(Struct, frozen=True, array_like=True, order=True):
    """Replace a range of bytes; an empty range inserts."""

    span: Span
    text: str


class FileChange(Struct, frozen=True, array_like=True):
    """The edits of one file, sorted and disjoint. `original_hash` is empty for a new file."""

    path: str
    original_hash: str
    edits: tuple[Edit, ...]


class Change(Struct, frozen=True):
    """One unit: all of it is applied, or nothing."""

    title: str
    """An imperative sentence without a full stop: "Supervise the task under Shop.TaskSupervisor"."""
    kind: FixKind
    files: tuple[FileChange, ...]
    notes: tuple[str, ...] = ()
    """What a person should know before accepting it: a lost link, a test that must start something."""


class Refused(Struct, frozen=True):
    """Why there is no change, in words for the user, with what to do by hand where that is known."""

    reason: str


def content_hash(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def file_change(path: str, original: bytes, edits: list[Edit]) -> FileChange:
    """The edits of one file; raises ValueError when two of them overlap."""
    ordered = sorted(edits)
    for before, after in pairwise(ordered):
        if after.span.start < before.span.end or before.span == after.span:
            raise ValueError(f"edits of {path} overlap at byte {after.span.start}")
    return FileChange(path, content_hash(original), tuple(ordered))


def edited(content: bytes, edits: tuple[Edit, ...]) -> bytes:
    """`content` with the edits applied. Bytes outside them are kept as they are."""
    parts: list[bytes] = []
    position = 0
    for edit in edits:
        parts += [content[position : edit.span.start], edit.text.encode()]
        position = edit.span.end
    return b"".join([*parts, content[position:]])


def apply_to(change: Change, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The new content of every file of the change, computed from the old ones. Writes nothing.

    Raises `Outdated` when a file is not the one that the change was computed from.
    """
    result: dict[str, bytes] = {}
    for file in change.files:
        original = contents.get(file.path, b"")
        if file.original_hash and content_hash(original) != file.original_hash:
            raise Outdated(file.path)
        result[file.path] = edited(original, file.edits)
    return result


class Outdated(Exception):
    """A file changed since the change was computed."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} has changed since the fix was computed; nothing was written")
        self.path = path
