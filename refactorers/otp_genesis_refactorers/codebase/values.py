"""What a code base answers, as plain data."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from otp_genesis_analyzers.decoding import readable


class Text(Struct, frozen=True):
    """Some lines of a file. `first`, `last` and `total` count from 1; `last` is 0 of an empty file."""

    path: str
    first: int
    last: int
    total: int
    text: str


class Match(Struct, frozen=True):
    """A line, counted from 1, in which something was found; a long one is cut."""

    path: str
    line: int
    text: str


class Matches(Struct, frozen=True):
    """`more`: there are others, beyond the limit of matches or of time."""

    found: tuple[Match, ...]
    more: bool = False


class TextEdit(Struct, frozen=True):
    """Put `new` in the place of `old`, which stands in the file exactly once; empty for a new file."""

    path: str
    old: str
    new: str


class Snapshot(Struct, frozen=True):
    """What was changed at a moment. None is a file that was removed."""

    base: str
    """The commit, empty for files."""
    contents: Mapping[str, bytes | None]

    def dump(self) -> str:
        return msgspec.json.encode(self).decode()

    @staticmethod
    def load(text: str) -> Snapshot:
        """Raises msgspec.DecodeError."""
        return msgspec.json.decode(text, type=readable(Snapshot))
