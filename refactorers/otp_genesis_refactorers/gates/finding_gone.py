"""What the change was made for is no longer found."""

from __future__ import annotations

from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial, place_of_finding


def check(trial: Trial) -> Passed | Failed:
    place = trial.place_after(trial.finding)
    for found in trial.found_after:
        if place_of_finding(found) == place:
            return Failed(f"{found.code} would still be found in {found.path}: {found.message}")
    return Passed()
