"""A test file that is changed, since what was found stands in it, still tests what it tested."""

from __future__ import annotations

from collections import Counter

from otp_genesis_analyzers.facts.model import FileFacts
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial

RANK = 25
_ASSERTING = ("assert", "refute", "start_supervised!", "start_link_supervised!")
"""The last two fail the test when the process does not start."""


def check(trial: Trial) -> Passed | Failed:
    for file in trial.change.files:
        path = file.path
        if not file.original_hash or path not in trial.before.files or path in trial.removed:
            continue
        if not trial.before.role_of(path).is_test:
            continue
        before, after = trial.before.all_facts(path), trial.after.all_facts(path)
        gone = _tests(before) - _tests(after)
        if gone:
            return Failed(f"{path} has lost the test {next(iter(gone))!r}")
        if _assertions(after) < _assertions(before):
            return Failed(f"{path} asserts less than before: {_assertions(after)} of {_assertions(before)}")
    return Passed()


def _tests(facts: FileFacts) -> Counter[str]:
    return Counter(
        f"{module.name} {function.name}"
        for module in facts.modules
        for function in module.functions
        if function.kind == "test" and not function.name.startswith("setup")
        for _ in function.clauses
    )


def _assertions(facts: FileFacts) -> int:
    return sum(
        call.name.startswith(_ASSERTING)
        for module in facts.modules
        for function in module.functions
        for clause in function.clauses
        for call in clause.calls
    )
