"""Fixes of which only those are kept that pass all gates, those that run mix too.

What is fixed in code is proved at once, since each proof is a run of all tests; where that fails, and for
tests and configuration, which decide what a proof is worth, one fix is proved after another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.overlay import with_files
from otp_genesis_refactorers.change import content_hash
from otp_genesis_refactorers.fix_all import FixResult, fix_all
from otp_genesis_refactorers.gates.trial import Trial
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_refactorers.proof.verification import OnGate, Request, verify


@dataclass(frozen=True)
class Proving:
    """Where and how fixes are proved. `told` is given each proof when it is done."""

    root: Path
    trusted_for_this_run: bool = False
    cancel: Event | None = None
    on_gate: OnGate | None = None
    told: Callable[[Evidence], None] = lambda _evidence: None


@dataclass(frozen=True)
class Proved:
    """`result` holds what is proved; `unproved` the findings whose fixes are left out, with the reason."""

    result: FixResult
    unproved: tuple[tuple[Finding, str], ...]


def fix_all_proved(
    project: Project,
    findings: Iterable[Finding],
    allow: AbstractSet[FixKind],
    config: Config,
    proving: Proving,
) -> Proved:
    """`fix_all`, but for what can't be proved. Nothing is written. Raises OSError."""
    findings = tuple(findings)
    in_code = [finding for finding in findings if project.role_of(finding.path).is_application_code]
    first = fix_all(project, in_code, allow, config)
    reason = ""
    if first.changed:
        evidence = _proof(proving, Request(proving.root, project, config, first.changed))
        reason = "" if evidence.verdict == "verified" else evidence.reason
        if evidence.verdict == "not_verified":
            unproved = tuple((finding, reason) for finding in first.applied)
            return Proved(_without_changes(first), unproved)
    one_by_one = findings if reason else tuple(set(findings) - set(in_code))
    if not one_by_one:
        return Proved(first, ())
    return _one_by_one(project, first if not reason else None, one_by_one, allow, config, proving)


def _one_by_one(
    project: Project,
    first: FixResult | None,
    findings: Iterable[Finding],
    allow: AbstractSet[FixKind],
    config: Config,
    proving: Proving,
) -> Proved:
    """Each fix proved on what was proved before it, `first` to begin with."""
    begin = with_files(project, dict(first.changed)) if first is not None else project
    unproved: dict[Finding, str] = {}

    def objection(given: Finding, trial: Trial) -> str:
        paths = [file.path for file in trial.change.files]
        contents = {path: trial.after.read(path) for path in paths}
        known = {path: trial.before.read(path) for path in changed if path in trial.before.files}
        request = Request(proving.root, trial.before, config, contents, trial.finding, unsaved=known)
        evidence = _proof(proving, request)
        if evidence.verdict == "verified":
            changed.update(paths)
            return ""
        unproved[given] = evidence.reason
        return evidence.reason

    changed = set(first.changed) if first is not None else set[str]()
    ordered = sorted(findings, key=lambda finding: (finding.path, finding.span))
    second = fix_all(begin, ordered, allow, config, objection)
    refused = tuple(each for each in second.refused if each[0] not in unproved)
    result = replace(second, refused=refused)
    return Proved(_together(project, first, result), tuple(unproved.items()))


def _together(project: Project, first: FixResult | None, second: FixResult) -> FixResult:
    """Two results, the second computed on the first, as one of the project as it is."""
    if first is None:
        return second
    paths = {*first.changed, *second.changed}
    return FixResult(
        changed={path: second.changed.get(path, first.changed.get(path, b"")) for path in sorted(paths)},
        original_hashes={path: content_hash(project.read(path)) for path in paths if path in project.files},
        applied=(*first.applied, *second.applied),
        refused=(*first.refused, *second.refused),
        notes=tuple(dict.fromkeys((*first.notes, *second.notes))),
    )


def _without_changes(result: FixResult) -> FixResult:
    return FixResult({}, {}, (), result.refused)


def _proof(proving: Proving, request: Request) -> Evidence:
    request = replace(request, trusted_for_this_run=proving.trusted_for_this_run)
    evidence = verify(request, cancel=proving.cancel, on_gate=proving.on_gate)
    proving.told(evidence)
    return evidence
