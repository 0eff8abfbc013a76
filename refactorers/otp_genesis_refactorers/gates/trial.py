"""A change tried out: the project with and without it, and what is found in both.

It is judged by what is read of it alone; what runs it is in `running`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.applying.overlay import with_files
from otp_genesis_refactorers.change import Change, Edit, FileChange, apply_to, file_change
from otp_genesis_refactorers.rewriting.edits import edits_between, moved


class Passed(Struct, frozen=True):
    pass


class Failed(Struct, frozen=True):
    """Why the change is not good enough, in words for the user, and for a model that is to mend it."""

    reason: str
    details: str = ""
    """What the compiler or the tests said, where that is more than fits a sentence."""


class NotRun(Struct, frozen=True):
    """Why a gate says nothing. What does not apply is no lack: the rest can still prove the change."""

    reason: str
    applies: bool = True


Verdict = Passed | Failed | NotRun

Goal = Callable[["Trial"], str]
"""What is to be reached by a change that is one step of several, after which the finding may still be there:
gives what is missing, empty when it is reached."""

FindingPlace = tuple[str, str, int]
"""Code, path and start of a finding."""
FindingIdentity = tuple[str, str, str, str]
"""A finding's fingerprint in the open, without the number among its equals."""


@dataclass(frozen=True)
class Trial:
    """`finding` is what `change` is to remove, None when that is not known.

    `found_*` are what `engine.check` gives for each project. In `change` a removed file is one that is
    left empty; `removed` has its path.
    """

    finding: Finding | None
    change: Change
    before: Project
    after: Project
    found_before: tuple[Finding, ...]
    found_after: tuple[Finding, ...]
    config: Config = field(default_factory=Config)
    """What decides which findings count."""
    removed: frozenset[str] = frozenset()
    goal: Goal | None = None

    def edits_of(self, path: str) -> tuple[Edit, ...]:
        return next((file.edits for file in self.change.files if file.path == path), ())

    def place_after(self, finding: Finding) -> FindingPlace:
        """Where a finding stands after the change, if it is still there."""
        return finding.code, finding.path, moved(finding.span.start, self.edits_of(finding.path))

    def counterpart(self, finding: Finding) -> Finding | None:
        """What a finding has become: the one at its place, else one of its identity; None when gone."""
        place, identity = self.place_after(finding), identity_of_finding(finding)
        same_place = (found for found in self.found_after if place_of_finding(found) == place)
        same_identity = (found for found in self.found_after if identity_of_finding(found) == identity)
        return next(same_place, None) or next(same_identity, None)


def place_of_finding(finding: Finding) -> FindingPlace:
    return finding.code, finding.path, finding.span.start


def identity_of_finding(finding: Finding) -> FindingIdentity:
    return finding.code, finding.path, finding.scope, finding.snippet


def try_out(
    finding: Finding, change: Change, before: Project, found_before: tuple[Finding, ...], config: Config
) -> Trial:
    """Analyse the project with the change. Raises `Outdated` when the change fits another text."""
    contents = {file.path: before.read(file.path) for file in change.files if file.original_hash}
    after = with_files(before, apply_to(change, contents))
    return Trial(finding, change, before, after, found_before, engine.check(after, config), config)


def try_contents(
    finding: Finding | None,
    contents: Mapping[str, bytes | None],
    before: Project,
    found_before: tuple[Finding, ...],
    config: Config,
    goal: Goal | None = None,
) -> Trial:
    """The same for the new contents of files, None for one that is removed. Raises OSError."""
    files = [_file_change(path, content or b"", before) for path, content in sorted(contents.items())]
    change = Change("Apply the patch", FixKind.UNSAFE, tuple(files))
    # Whoever uses a wrapper that is changed reads as something else from then on.
    after = engine.with_wrappers(with_files(before, contents))
    removed = frozenset(path for path, content in contents.items() if content is None)
    found_after = engine.check(after, config)
    return Trial(finding, change, before, after, found_before, found_after, config, removed, goal)


def _file_change(path: str, content: bytes, before: Project) -> FileChange:
    try:
        original = before.read(path)
    except FileNotFoundError:
        return FileChange(path, "", (Edit(Span(0, 0), content.decode("utf-8", "replace")),))
    try:
        return file_change(path, original, edits_between(original, content))
    except UnicodeDecodeError:
        return file_change(path, original, [Edit(Span(0, len(original)), content.decode("utf-8", "replace"))])
