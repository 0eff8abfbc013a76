"""Which lines of the Elixir files below a folder differ from a git revision.

A repository may have come from anywhere, with its own `.git/config`: what that file names to be
run (filters, external diffs, file system monitors, hooks) is not run, and nothing is fetched.
"""

from __future__ import annotations

import os
import re
import subprocess
from codecs import escape_decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_SUFFIXES = ("*.ex", "*.exs")
_SETTINGS = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "core.quotePath=false")
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}
_WHERE_THE_USER_CONFIGURES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
_HUNK = re.compile(rb"@@ -\d+(?:,(?P<old>\d+))? \+(?P<start>\d+)(?:,(?P<new>\d+))? @@")


class NoHistory(Exception):
    """Why git can't tell, in words for the user."""


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
    git = _Git(folder)
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
        return _Git(folder).commit("HEAD")
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


class _Git:
    """Git in a folder, with nothing that the repository could have it run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # What a hook that runs us has set speaks of another folder, or of a half-written index.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("GIT_") or name in _WHERE_THE_USER_CONFIGURES
        }
        self._environment = {**kept, **_ENVIRONMENT}
        if b"not a git repository" in self._try("rev-parse", "--git-dir").stderr:
            raise NoHistory(f"{folder} is in no git repository")
        self._environment |= self._without_filters()

    def commit(self, revision: str) -> str:
        name = f"{revision}^{{commit}}"
        found = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        if found.returncode:
            raise NoHistory(
                f"git knows no commit {revision!r} in {self._folder}: give a branch, a tag or a commit that"
                " has been fetched"
            )
        return found.stdout.decode().strip()

    def run(self, *arguments: str) -> bytes:
        done = self._try(*arguments)
        if done.returncode:
            raise NoHistory(f"git {arguments[0]}: {_first_line(done.stderr)}")
        return done.stdout

    def _without_filters(self) -> dict[str, str]:
        """A clean filter is run on every changed file, and there is no option against it."""
        listed = os.fsdecode(self._try("config", "--name-only", "-z", "--get-regexp", r"^filter\.").stdout)
        names = {name.rpartition(".")[0] for name in listed.split("\0")[:-1]}
        settings = [
            (f"{name}.{key}", value)
            for name in sorted(names)
            for key, value in (("clean", ""), ("process", ""), ("required", "false"))
        ]
        numbered = {
            f"GIT_CONFIG_{part}_{number}": text
            for number, setting in enumerate(settings)
            for part, text in zip(("KEY", "VALUE"), setting, strict=True)
        }
        return {"GIT_CONFIG_COUNT": str(len(settings)), **numbered}

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        try:
            return subprocess.run(
                ["git", "--no-pager", *settings, *arguments],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise NoHistory("git was not found: install it, or put it on the PATH") from error


def _first_line(stderr: bytes) -> str:
    lines = os.fsdecode(stderr).strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else "failed without a word"
