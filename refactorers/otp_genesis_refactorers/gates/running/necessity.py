"""Every part of the change is needed: without it, something that is proved would no longer be.

What can be left out does not belong to the fix: it may be anything. Parts are the hunks of a diff; those
that bring a name which is new to the files stand and fall together. Comments, documentation and type
specifications may always come along.

A change of our own is not rejected for that: such a part is left out, if the tests run all of it, so that
they would show what it is good for. What no test runs is kept: nobody has shown that it can go.
"""

from __future__ import annotations

from collections import Counter

from otp_genesis_refactorers.applying.patch import NewContents
from otp_genesis_refactorers.gates import static_gates
from otp_genesis_refactorers.gates.running import compile as compile_gate
from otp_genesis_refactorers.gates.running.baseline import id_of
from otp_genesis_refactorers.gates.running.coverage import times_run
from otp_genesis_refactorers.gates.running.experiment import Experiment
from otp_genesis_refactorers.gates.running.generated_test import SEEDS
from otp_genesis_refactorers.gates.running.hunks import Part, lines_of, parts_of, same_code, without
from otp_genesis_refactorers.gates.running.runs import patient, unheard
from otp_genesis_refactorers.gates.trial import Failed, NotRun, Passed, Trial, Verdict, try_contents

RANK = 150


def check(experiment: Experiment) -> Verdict:
    trial = experiment.trial
    if trial.finding is None:
        return NotRun("no finding was named, so nobody knows what is needed", applies=False)
    if experiment.baseline.problem:
        return NotRun(experiment.baseline.problem)
    old = {file.path: trial.before.read(file.path) for file in trial.change.files if file.original_hash}
    parts = parts_of(old, experiment.contents)
    if len(parts) < 2:  # without its only part it is the old code, in which the finding stands
        return Passed()
    for part in parts:
        rest = without(part, old, experiment.contents)
        verdict = _needed(experiment, part, rest)
        if isinstance(verdict, Failed) and experiment.ours:
            counts = times_run(experiment, lines_of(part, experiment.contents))
            if counts and all(counts):
                experiment.needed = rest
                return Passed()
        elif verdict is not None:
            return verdict
    return Passed()


def _needed(experiment: Experiment, part: Part, rest: NewContents) -> Failed | NotRun | None:
    """None when the rest of the change does not stand without this part."""
    if same_code(experiment.contents, {path: rest.get(path) for path in experiment.contents}):
        return None
    if _is_refuted(experiment.trial, rest):
        return None
    experiment.lay(rest)
    baseline = experiment.baseline
    compiled = experiment.compile(patient(baseline.compile_seconds))
    silent = unheard(compiled.run)
    if silent is not None:
        return silent
    if isinstance(compile_gate.judged(compiled, Counter(baseline.diagnostics)), Failed):
        return None
    if _tests_fail(experiment, rest):
        return None
    return Failed(
        f"the change at {part.place} is not needed: without it all the same is proved; leave it to another"
        " patch"
    )


def _is_refuted(trial: Trial, rest: NewContents) -> bool:
    """Whether reading the rest of the change is enough to see that it is not good."""
    less = try_contents(trial.finding, rest, trial.before, trial.found_before, trial.config, trial.goal)
    return any(isinstance(gate.check(less), Failed) for gate in static_gates() if gate.name != "scope")


def _tests_fail(experiment: Experiment, rest: NewContents) -> bool:
    limits = patient(experiment.baseline.test_seconds)
    if experiment.baseline.passing:
        result = experiment.run_tests(seed=SEEDS[0], limits=limits)
        passed = {id_of(test) for test in result.in_state("passed")}
        if not result.finished or not passed.issuperset(experiment.baseline.passing):
            return True
    test = experiment.test
    if test is None:
        return False
    experiment.lay(rest, {test.path: test.source})
    return experiment.run_tests([test.path], SEEDS[0], limits).run.status != "ok"
