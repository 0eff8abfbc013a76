"""A change tried out: the project with and without it, and what is found in both."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Edit, apply_to
from otp_genesis_refactorers.overlay import with_files
from otp_genesis_refactorers.rewriting.edits import moved


class Passed(Struct, frozen=True):
    pass


class Failed(Struct, frozen=True):
    """Why the change is not good enough, in words for the user."""

    reason: str


FindingPlace = tuple[str, str, int]
"""Code, path and start of a finding."""
FindingIdentity = tuple[str, str, str, str]
"""A finding's fingerprint in the open, without the number among its equals."""


@dataclass(frozen=True)
class Trial:
    """`finding` is what `change` is to remove; `found_*` are what `engine.check` gives for each project."""

    finding: Finding
    change: Change
    before: Project
    after: Project
    found_before: tuple[Finding, ...]
    found_after: tuple[Finding, ...]

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
    return Trial(finding, change, before, after, found_before, engine.check(after, config))
