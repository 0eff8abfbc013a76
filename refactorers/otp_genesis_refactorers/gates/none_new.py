"""Nothing is found that was not found before.

A finding is the same when it stands where the edits have moved it to, or when its fingerprint,
but for the number among its equals, is. Of other rules than the one that the change is for, as many
findings in a file as before are the same ones: some speak of a module, and stand at one place or another.
Their hints are advice, and stop nothing.
"""

from __future__ import annotations

from collections import Counter

from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial, identity_of_finding, place_of_finding

RANK = 50


def check(trial: Trial) -> Passed | Failed:
    places = {trial.place_after(finding): finding for finding in trial.found_before}
    moved = [found for found in trial.found_after if place_of_finding(found) in places]
    unmatched = Counter(map(identity_of_finding, trial.found_before))
    unmatched.subtract(identity_of_finding(places[place_of_finding(found)]) for found in moved)
    before, after = Counter(map(_kind, trial.found_before)), Counter(map(_kind, trial.found_after))
    for found in trial.found_after:
        if place_of_finding(found) in places:
            continue
        kind = _kind(found)
        if not _is_own(trial, found) and (found.severity is Severity.HINT or after[kind] <= before[kind]):
            continue
        if unmatched[identity_of_finding(found)] <= 0:
            return Failed(f"{found.code} would be found anew in {found.path}: {found.message}")
        unmatched[identity_of_finding(found)] -= 1
    return Passed()


def _kind(finding: Finding) -> tuple[str, str]:
    return finding.code, finding.path


def _is_own(trial: Trial, found: Finding) -> bool:
    return trial.finding is not None and found.code == trial.finding.code
