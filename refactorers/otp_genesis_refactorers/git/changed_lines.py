"""Which lines of the Elixir files below a folder differ from a git revision."""

from __future__ import annotations

import os
import re
from codecs import escape_decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_refactorers.git.repository import Git, NoHistory

_SUFFIXES = ("*.ex", "*.exs")
_HUNK = re.compile(rb"@@ -\d+(?:,(?P<old>\d+))? \+(?P<start>\d+)(?:,(?P<new>\d+))? @@")


@dataclass(frozen=True)
class ChangedLines:
    lines: Mapping[str, tuple[range, ...]]
    """The lines of each changed file, counted from 1, by its path relative to the folder."""
    untracked: frozenset[str]

    def touches(self, path: str, first: int, last: int) -> bool:
        """Whether one of these lines of a file, the last one included, is new or changed."""
        if path in self.untracked:
            return True
        return any(lines.start <= last and first < lines.stop for lines in self.lines.get(path, ()))


def changed_since(folder: Path, revision: str) -> ChangedLines:
    """What the work tree has that `revision` has not. Raises `NoHistory`."""
    git = Git(folder)
    commit = git.commit(revision)
    patch = git.run(
        "diff-index",
        *("--patch", "--unified=0", "--text", "--find-renames", "--relative", "--no-prefix"),
        *("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all"),
        *(commit, "--", *_SUFFIXES),
    )
    untracked = git.run("ls-files", "--others", "--exclude-standard", "-z", "--", *_SUFFIXES)
    return ChangedLines(read_patch(patch), frozenset(os.fsdecode(untracked).split("\0")[:-1]))


def checked_out(folder: Path) -> str:
    """The commit that the work tree around a folder was checked out from; empty when there is none."""
    try:
        return Git(folder).commit("HEAD")
    except NoHistory:
        return ""


def read_patch(patch: bytes) -> dict[str, tuple[range, ...]]:
    """The new lines of each file of a patch made with `--unified=0 --no-prefix`.

    Where lines were only deleted, nothing is new. The lines of a hunk are counted, never looked at: they
    may read like anything.
    """
    changed: dict[str, list[range]] = {}
    path = ""
    lines = iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"+++ "):
            path = _path(line[4:])
        elif hunk := _HUNK.match(line):
            start, count = int(hunk["start"]), int(hunk["new"] or 1)
            if count:
                changed.setdefault(path, []).append(range(start, start + count))
            _skip(lines, int(hunk["old"] or 1) + count)
    return {path: tuple(ranges) for path, ranges in changed.items()}


def _skip(lines: Iterator[bytes], count: int) -> None:
    while count:
        if not next(lines, b"").startswith(b"\\"):  # "\ No newline at end of file" is no line of either
            count -= 1


def _path(name: bytes) -> str:
    """A name as a patch writes it: in quotes when it has odd bytes, with a tab behind when it has blanks."""
    name = name.removesuffix(b"\t")
    if name.startswith(b'"'):
        name = escape_decode(name[1:-1])[0]
    return os.fsdecode(name)
