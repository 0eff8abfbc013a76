"""Whether a test is worth having: it passes in any order, and fails when the code is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from otp_genesis_refactorers.exunit.mutants import Mutant
from otp_genesis_refactorers.gates.running import generated_test
from otp_genesis_refactorers.gates.running.experiment import Experiment, GivenTest
from otp_genesis_refactorers.gates.running.generated_test import SEEDS
from otp_genesis_refactorers.gates.running.runs import gist, how_it_ended, patient, unheard
from otp_genesis_refactorers.gates.trial import Failed, NotRun
from otp_genesis_refactorers.mix.results import TestResult

MOST_MUTANTS = 6

OnStep = Callable[[str], None]
"""Is told what is done next, in a few words."""


@dataclass(frozen=True)
class Proof:
    """`reason` says why the test is not proven; it is proven without one."""

    reason: str = ""
    details: str = ""
    """What the tests said, where that is more than fits a sentence."""
    killed: tuple[str, ...] = ()
    """What was broken in the code and noticed, in words."""
    survived: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    """The tests that do not pass on the code as it is."""
    ran: bool = True
    """False when nobody knows what the test does: mix could not run."""
    for_change: bool = False
    """It fails without the change and passes with it; no mutant was needed."""

    @property
    def proven(self) -> bool:
        return not self.reason

    @property
    def headline(self) -> str:
        """One line."""
        if self.reason:
            return f"not proven: {self.reason}"
        if self.for_change:
            return f"proven: fails without the change, passes {len(SEEDS)} times with it"
        tried = len(self.killed) + len(self.survived)
        ways = f"{len(self.killed)} of {tried} ways"
        return f"proven: passes {len(SEEDS)} times, and fails when the code is broken ({ways})"


def prove_for_code(
    experiment: Experiment, test: GivenTest, path: str, mutants: Sequence[Mutant], on_step: OnStep
) -> Proof:
    """A test for the code as it is. `path` is the file that is broken by the mutants. Raises ShadowError."""
    experiment.lay(experiment.contents, {test.path: test.source})
    seconds = 0.0
    for number, seed in enumerate(SEEDS, start=1):
        on_step(f"running the test, {number} of {len(SEEDS)}")
        begin = monotonic()
        result = experiment.run_tests([test.path], seed)
        seconds = max(seconds, monotonic() - begin)
        problem = _does_not_pass(result)
        if problem is not None:
            return problem
    return _against_mutants(experiment, test, path, mutants, seconds, on_step)


def prove_for_change(experiment: Experiment) -> Proof:
    """The test of an experiment with a change. Raises ShadowError."""
    verdict = generated_test.check(experiment)
    if isinstance(verdict, Failed):
        return Proof(verdict.reason, verdict.details)
    return Proof(verdict.reason, ran=False) if isinstance(verdict, NotRun) else Proof(for_change=True)


def _does_not_pass(result: TestResult) -> Proof | None:
    silent = unheard(result.run)
    if silent is not None:
        return Proof(silent.reason, ran=False)
    failed = [*result.in_state("failed"), *result.in_state("invalid")]
    if failed:
        first = failed[0]
        return Proof(
            f"the test {first.name!r} fails (seed {result.seed}): {gist(first)}",
            first.message,
            failing=tuple(test.name for test in failed),
        )
    if not result.finished:
        return Proof(f"the test does not run: {how_it_ended(result.run)}", result.run.stderr[-4000:])
    return None if result.in_state("passed") else Proof("the file holds no test that is run")


def _against_mutants(
    experiment: Experiment,
    test: GivenTest,
    path: str,
    mutants: Sequence[Mutant],
    seconds: float,
    on_step: OnStep,
) -> Proof:
    killed: list[str] = []
    survived: list[str] = []
    for mutant in mutants:
        tried = len(killed) + len(survived)
        if tried == MOST_MUTANTS:
            break
        on_step(f"trying without {mutant.what}")
        experiment.lay({**experiment.contents, path: mutant.content}, {test.path: test.source})
        result = experiment.run_tests([test.path], SEEDS[0], patient(seconds))
        silent = unheard(result.run)
        if silent is not None:
            return Proof(silent.reason, ran=False)
        if result.in_state("failed") or result.in_state("invalid") or result.run.status == "timed_out":
            killed.append(mutant.what)
        elif result.finished:
            survived.append(mutant.what)
    if killed:
        return Proof(killed=tuple(killed), survived=tuple(survived))
    if not survived:
        return Proof("there is nothing in this code that can be broken to see whether the test notices")
    return Proof(f"it passes as well without {' or '.join(survived[:2])}", survived=tuple(survived))
