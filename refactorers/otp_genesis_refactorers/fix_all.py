"""Fixes proved by the static gates, one or one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused, content_hash
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.gates import first_failure
from otp_genesis_refactorers.gates.trial import Trial, try_out


@dataclass(frozen=True)
class FixResult:
    """What came of fixing several findings. Nothing is written yet.

    `changed` holds the new content of each changed file and `original_hashes` the `content_hash`
    of what it was, as `write_files` takes them. `applied` and `refused` hold the findings as
    they were given.
    """

    changed: Mapping[str, bytes]
    original_hashes: Mapping[str, str]
    applied: tuple[Finding, ...]
    refused: tuple[tuple[Finding, str], ...]
    notes: tuple[str, ...] = ()
    """What a person should know, each once."""


def left_by_hand(found: int, result: FixResult) -> str:
    """What of so many findings a person has to do, and why; empty when nothing is left."""
    fixed = len(result.applied)
    if fixed == found:
        return ""
    reasons = "; ".join(dict.fromkeys(reason for _, reason in result.refused))
    if not fixed:
        return reasons or "there is no fix without judgement: it is to be done by hand"
    left = f"{found - fixed} of {found} places are left to do by hand"
    return f"{left}: {reasons}" if reasons else left


def proven_fix(finding: Finding, project: Project, config: Config) -> Change | Refused:
    """The change that removes a finding, if it passes the static gates under `config`."""
    trial = _tried(finding, project, engine.check(project, config), config)
    return trial if isinstance(trial, Refused) else trial.change


Objection = Callable[[Finding, Trial], str]
"""Why a fix that passes the static gates is not wanted, by the finding as it was given; empty if it is."""


def fix_all(
    project: Project,
    findings: Iterable[Finding],
    allow: AbstractSet[FixKind],
    config: Config | None = None,
    objection: Objection | None = None,
) -> FixResult:
    """Fix one finding after another, each on what the fixes before it left, until no more can be fixed.

    `findings` are those of `engine.check(project, config)` that are wanted; one whose fix is of a
    kind that is not in `allow` is passed over in silence. A fix that fails a gate, or meets with an
    `objection`, is refused.
    """
    config = config or Config()
    now, found = project, engine.check(project, config)
    open_findings: dict[Finding, Finding | None] = {f: f for f in findings if f.fix in allow}
    applied: list[Trial] = []
    fixed: list[Finding] = []
    refused: dict[Finding, str] = {}
    rejected: list[tuple[Finding, str]] = []
    progress = True
    while progress:
        progress = False
        for given in list(open_findings):
            trial = _tried(open_findings[given], now, found, config)
            if isinstance(trial, Refused):
                refused[given] = trial.reason
                continue
            against = objection(given, trial) if objection is not None else ""
            if against:  # it would be the same another time
                rejected.append((given, against))
                del open_findings[given]
                continue
            progress = True
            now, found = trial.after, trial.found_after
            del open_findings[given]
            open_findings = _followed(open_findings, trial)
            applied.append(trial)
            fixed.append(given)
    refusals = [*((given, refused[given]) for given in open_findings), *rejected]
    return _result(project, now, applied, fixed, refusals)


def _followed(findings: Mapping[Finding, Finding | None], trial: Trial) -> dict[Finding, Finding | None]:
    """Where each finding is after a fix. One whose own text was rewritten is found by its function."""
    followed = {given: at and trial.counterpart(at) for given, at in findings.items()}
    lost = [(given, at) for given, at in findings.items() if at is not None and followed[given] is None]
    if not lost:
        return followed
    kinds = {_kind(at) for _, at in lost}
    known = {trial.counterpart(finding) for finding in trial.found_before if _kind(finding) in kinds}
    new = [finding for finding in trial.found_after if _kind(finding) in kinds and finding not in known]
    for given, at in lost:
        follower = next((finding for finding in new if _kind(finding) == _kind(at)), None)
        if follower is not None:
            followed[given] = follower
            new.remove(follower)
    return followed


def _kind(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.path, finding.scope


def _tried(
    finding: Finding | None, project: Project, found: tuple[Finding, ...], config: Config
) -> Trial | Refused:
    if finding is None:
        return Refused("it is no longer found after the other fixes")
    change = fix(finding, project)
    if isinstance(change, Refused):
        return change
    trial = try_out(finding, change, project, found, config)
    failure = first_failure(trial)
    return trial if failure is None else Refused(f"the fix was not good enough: {failure.reason}")


def _result(
    before: Project,
    after: Project,
    applied: list[Trial],
    fixed: list[Finding],
    refused: list[tuple[Finding, str]],
) -> FixResult:
    changed = {file.path for trial in applied for file in trial.change.files}
    return FixResult(
        changed={path: after.read(path) for path in sorted(changed)},
        original_hashes={path: content_hash(before.read(path)) for path in changed if path in before.files},
        applied=tuple(fixed),
        refused=tuple(refused),
        notes=tuple(dict.fromkeys(note for trial in applied for note in trial.change.notes)),
    )
