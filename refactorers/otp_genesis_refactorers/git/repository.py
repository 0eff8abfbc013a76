"""Git in a folder, asked so that nothing of the repository runs.

A repository may have come from anywhere, with its own `.git/config`: what that file names to be run
(filters, external diffs, file system monitors, hooks, programs that sign) is not run, and nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SETTINGS = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.quotePath=false",
    "core.splitIndex=false",  # else a part of an index of ours would be left in the repository
    "core.sparseCheckout=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}
_OF_THE_USER = (
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
    *("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"),
)


class NoHistory(Exception):
    """Why git can't tell, in words for the user."""


class Git:
    """Git in `folder`. Raises NoHistory where there is no repository, or no git."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # What a hook that runs us has set speaks of another folder, or of a half-written index.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("GIT_") or name in _OF_THE_USER
        }
        self._environment = {**kept, **_ENVIRONMENT}
        found = self._try("rev-parse", "--git-dir")
        if b"not a git repository" in found.stderr:
            raise NoHistory(f"{folder} is in no git repository")
        if found.returncode:
            raise NoHistory(f"git can't read the repository around {folder}: {_first_line(found.stderr)}")
        self._environment |= self._without_filters()

    def commit(self, revision: str) -> str:
        """The id of the commit that a revision names. Raises NoHistory."""
        name = f"{revision}^{{commit}}"
        found = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        if found.returncode:
            raise NoHistory(
                f"git knows no commit {revision!r} in {self._folder}: give a branch, a tag or a commit that"
                " has been fetched"
            )
        return found.stdout.decode().strip()

    def run(self, *arguments: str, stdin: bytes = b"", index: Path | None = None) -> bytes:
        """What git prints; `index` is used in place of the user's. Raises NoHistory when it fails."""
        done = self._try(*arguments, stdin=stdin, index=index)
        if done.returncode:
            raise NoHistory(f"git {arguments[0]}: {_first_line(done.stderr)}")
        return done.stdout

    def line(self, *arguments: str, stdin: bytes = b"", index: Path | None = None) -> str:
        """The same as one line of text."""
        return os.fsdecode(self.run(*arguments, stdin=stdin, index=index)).rstrip("\n")

    def answer(self, *arguments: str) -> str:
        """The same, empty when git has no answer."""
        done = self._try(*arguments)
        return "" if done.returncode else os.fsdecode(done.stdout).rstrip("\n")

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

    def _try(
        self, *arguments: str, stdin: bytes = b"", index: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        own_index: Mapping[str, str] = {"GIT_INDEX_FILE": os.fspath(index)} if index else {}
        try:
            return subprocess.run(
                ["git", "--no-pager", *settings, *arguments],
                cwd=self._folder,
                env={**self._environment, **own_index},
                input=stdin,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise NoHistory("git was not found: install it, or put it on the PATH") from error


def _first_line(stderr: bytes) -> str:
    lines = os.fsdecode(stderr).strip().splitlines()
    return lines[0].removeprefix("fatal: ").removeprefix("error: ") if lines else "failed without a word"
