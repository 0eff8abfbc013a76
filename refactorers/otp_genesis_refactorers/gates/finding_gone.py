"""What the change was made for is no longer found; one that is a step of several has reached its goal."""

from __future__ import annotations

from otp_genesis_refactorers.gates.trial import (
    Failed,
    NotRun,
    Passed,
    Trial,
    identity_of_finding,
    place_of_finding,
)

RANK = 40


def check(trial: Trial) -> Passed | Failed | NotRun:
    if trial.finding is None:
        return NotRun("no finding was named", applies=False)
    if trial.goal is not None:
        missing = trial.goal(trial)
        return Failed(missing) if missing else Passed()
    place = trial.place_after(trial.finding)
    for found in trial.found_after:
        if place_of_finding(found) == place:
            return Failed(f"{found.code} would still be found in {found.path}: {found.message}")
    identity = identity_of_finding(trial.finding)
    before, after = (
        sum(identity_of_finding(found) == identity for found in findings)
        for findings in (trial.found_before, trial.found_after)
    )
    if 0 < before <= after:  # the edits cover its place, and it is found elsewhere
        return Failed(f"{trial.finding.code} would still be found in {trial.finding.path}")
    return Passed()
