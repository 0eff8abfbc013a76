"""The tests that passed before pass still, all of them.

Those that failed, or passed only now and then, before the change say nothing about it. A test that fails
now is run again, on both sides, before it is believed. Without a change, all of them pass.
"""

from __future__ import annotations

from otp_genesis_refactorers.gates.running.baseline import Baseline, TestId, id_of
from otp_genesis_refactorers.gates.running.experiment import Experiment
from otp_genesis_refactorers.gates.running.runs import gist, how_it_ended, patient, unheard
from otp_genesis_refactorers.gates.trial import Failed, NotRun, Passed, Verdict
from otp_genesis_refactorers.mix.results import TestCase, TestResult

RANK = 120
_AGAIN_SEEDS = (2, 3)
_OLD_SEEDS = (3, 4, 5)


def check(experiment: Experiment) -> Verdict:
    baseline = experiment.baseline
    if baseline.problem or baseline.test_problem:
        return NotRun(baseline.problem or baseline.test_problem)
    if not experiment.contents:
        return _all_pass(baseline)
    experiment.lay(experiment.contents)
    result = experiment.run_tests(seed=1, limits=patient(baseline.test_seconds))
    silent = unheard(result.run)
    if silent is not None:
        return silent
    if not result.finished:
        return Failed(
            f"the tests no longer come to their end: {how_it_ended(result.run)}", result.run.stderr[-4000:]
        )
    missing = sorted(set(baseline.passing) - {id_of(test) for test in result.tests})
    if missing:
        return Failed(f"the test {_named(missing[0])!r} is no longer run")
    broken = [
        test for test in result.tests if id_of(test) in set(baseline.passing) and test.state != "passed"
    ]
    return _believed(experiment, broken) if broken else Passed()


def _all_pass(baseline: Baseline) -> Passed | Failed:
    if baseline.failing:
        return Failed(f"the test {_named(baseline.failing[0])!r} fails")
    if baseline.flaky:
        return Failed(f"the test {_named(baseline.flaky[0])!r} passes only now and then")
    return Passed()


def _believed(experiment: Experiment, broken: list[TestCase]) -> Verdict:
    """Whether what fails now fails because of the change: it fails always, or it never did before."""
    files = sorted({test.path for test in broken})
    limits = patient(experiment.baseline.test_seconds)
    again = [experiment.run_tests(files, seed, limits) for seed in _AGAIN_SEEDS]
    sure = [test for test in broken if not any(_passed(result, id_of(test)) for result in again)]
    if sure:
        return _failure(sure[0])
    experiment.lay({})
    before = [experiment.run_tests(files, seed, limits) for seed in _OLD_SEEDS]
    for test in broken:
        if all(_passed(result, id_of(test)) for result in before):
            return _failure(test, " now and then")
    return Passed()


def _passed(result: TestResult, test: TestId) -> bool:
    return any(id_of(each) == test for each in result.in_state("passed"))


def _failure(test: TestCase, often: str = "") -> Failed:
    place = f"{test.path}:{test.line}"
    return Failed(
        f"the test {test.name!r} ({place}) fails{often}, which passed before: {gist(test)}", test.message
    )


def _named(test: TestId) -> str:
    return f"{test[0]}: {test[1]}"
