"""Nothing is found that was not found before.

A finding is the same when it stands where the edits have moved it to, or when its fingerprint,
but for the number among its equals, is.
"""

from __future__ import annotations

from collections import Counter

from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial, identity_of_finding, place_of_finding


def check(trial: Trial) -> Passed | Failed:
    places = {trial.place_after(finding): finding for finding in trial.found_before}
    moved = [found for found in trial.found_after if place_of_finding(found) in places]
    unmatched = Counter(map(identity_of_finding, trial.found_before))
    unmatched.subtract(identity_of_finding(places[place_of_finding(found)]) for found in moved)
    for found in trial.found_after:
        if place_of_finding(found) in places:
            continue
        if unmatched[identity_of_finding(found)] <= 0:
            return Failed(f"{found.code} would be found anew in {found.path}: {found.message}")
        unmatched[identity_of_finding(found)] -= 1
    return Passed()
