"""A run's own part of a file that somebody else is changing too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from otp_genesis_refactorers.change import Refused


@dataclass(frozen=True, order=True)
class _Hunk:
    """Lines of the common text, from `start` up to `end`, and what stands in their place."""

    start: int
    end: int
    lines: tuple[bytes, ...]

    def meets(self, other: _Hunk) -> bool:
        """Whether both change the same line, or say what comes at the same place."""
        if self.start == self.end == other.start == other.end:
            return True
        return self.start < other.end and other.start < self.end


def own_hunks(before: bytes, after: bytes, onto: bytes) -> bytes | Refused:
    """What `onto` becomes by the change that makes `after` of `before`.

    `before` and `onto` are two states of one file, such as the user's and the last commit's. Refused where
    they differ in what is changed. Line ends are those of `onto`.
    """
    if _is_crlf(before) != _is_crlf(onto):
        before, after = (_with_ends_of(onto, text) for text in (before, after))
    old = before.splitlines(keepends=True)
    theirs = list(_hunks(before, onto))
    ours = [hunk for hunk in _hunks(before, after) if hunk not in theirs]
    for hunk in ours:
        met = next((other for other in theirs if other.meets(hunk)), None)
        if met is not None:
            return Refused(
                f"line {met.start + 1} and those after it are being changed by somebody else too, and are not"
                " committed yet: commit that first"
            )
    result: list[bytes] = []
    at = 0
    for hunk in sorted([*ours, *theirs]):
        result += [*old[at : hunk.start], *hunk.lines]
        at = hunk.end
    return b"".join([*result, *old[at:]])


def _hunks(before: bytes, after: bytes) -> Iterator[_Hunk]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield _Hunk(i1, i2, tuple(new[j1:j2]))


def _is_crlf(content: bytes) -> bool:
    return 0 < content.count(b"\n") == content.count(b"\r\n")


def _with_ends_of(like: bytes, content: bytes) -> bytes:
    plain = content.replace(b"\r\n", b"\n")
    return plain.replace(b"\n", b"\r\n") if _is_crlf(like) else plain
