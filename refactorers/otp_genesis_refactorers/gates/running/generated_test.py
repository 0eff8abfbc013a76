"""The test that came with the change shows the flaw: it fails without the change, and passes with it.

It must fail by what it asserts, or by the exit that it waits for: a function that is not there yet, or a
file that does not compile, proves nothing. With the change it passes three times, in different orders.
"""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.gates.running.coverage import executed
from otp_genesis_refactorers.gates.running.experiment import Experiment, GivenTest
from otp_genesis_refactorers.gates.running.runs import gist, how_it_ended, patient, unheard
from otp_genesis_refactorers.gates.trial import Failed, NotRun, Passed, Verdict
from otp_genesis_refactorers.mix.results import TestCase, TestResult

RANK = 130
SEEDS = (1, 2, 3)
_PROVING = ("assertion", "exit", "timeout")
_READING = frozenset({"read", "read!", "stream!", "open", "open!", "wildcard", "string_to_quoted"})
_READERS = ("File", "Path", "Code", ":file", ":elixir")


def check(experiment: Experiment) -> Verdict:
    test = experiment.test
    if test is None:
        return NotRun(f"no test was given that shows the flaw{_otherwise_tested(experiment)}", applies=False)
    if experiment.baseline.problem:
        return NotRun(experiment.baseline.problem)
    peeking = reads_sources(test)
    if peeking:
        return Failed(f"the test looks at the source with {peeking}, not at what the code does")
    limits = patient(experiment.baseline.test_seconds)
    if experiment.contents:
        experiment.lay({}, {test.path: test.source})
        old = experiment.run_tests([test.path], SEEDS[0], limits)
        objection = unheard(old.run) or _fails_rightly(old)
        if objection is not None:
            return objection
    experiment.lay(experiment.contents, {test.path: test.source})
    for seed in SEEDS:
        objection = passes(experiment.run_tests([test.path], seed, limits))
        if objection is not None:
            return objection
    return Passed()


def _otherwise_tested(experiment: Experiment) -> str:
    """What the project's own tests say for the change, in their place."""
    if experiment.baseline.problem or not experiment.baseline.passing:
        return ""
    lines = executed(experiment)
    return f"; the project's tests run {lines[0]} of {lines[1]} changed lines" if lines else ""


def _fails_rightly(old: TestResult) -> Failed | None:
    """None when the test fails on the old code as a test should."""
    failed = [*old.in_state("failed"), *old.in_state("invalid")]
    if not old.finished and old.run.status == "timed_out":
        return Failed("the test does not come to an end without the change: let it wait with a time limit")
    if not old.finished:
        return Failed(
            f"the test does not run without the change: {how_it_ended(old.run)}", old.run.stderr[-4000:]
        )
    if not old.tests:
        return Failed("the test file holds no test")
    if not failed:
        return Failed("the test passes without the change too: it does not show the flaw")
    if not any(test.kind in _PROVING for test in failed):
        return Failed(
            f"without the change the test {failed[0].name!r} fails by {_how(failed[0])}, not by what it"
            " asserts",
            failed[0].message,
        )
    return None


def passes(new: TestResult) -> Failed | NotRun | None:
    """None when every test of a run with the change passed."""
    silent = unheard(new.run)
    if silent is not None:
        return silent
    failed = [*new.in_state("failed"), *new.in_state("invalid")]
    if failed:
        how = f"the test {failed[0].name!r} fails with the change (seed {new.seed}): {gist(failed[0])}"
        return Failed(how, failed[0].message)
    if not new.finished:
        return Failed(f"the test does not come to an end with the change: {how_it_ended(new.run)}")
    if not new.in_state("passed"):
        return Failed("the test is skipped")
    return None


def _how(test: TestCase) -> str:
    return test.exception or test.kind or "no word"


def reads_sources(test: GivenTest) -> str:
    """The call by which a test reads the code instead of running it; empty without one."""
    facts = read_facts(Source(test.path, test.source))
    for module in facts.modules:
        for function in module.functions:
            for clause in function.clauses:
                for call in clause.calls:
                    if call.module in _READERS and call.name in _READING and _names_source(call):
                        return call.target
    return ""


def _names_source(call: Call) -> bool:
    texts = [term.value for argument in call.args for term in argument.walk() if term.kind == "string"]
    return any(text.endswith((".ex", ".exs")) or text.split("/")[0] == "lib" for text in texts)
