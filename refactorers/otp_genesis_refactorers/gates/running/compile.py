"""It compiles, and the compiler has nothing new to say. Without a change: it compiles."""

from __future__ import annotations

from collections import Counter

from otp_genesis_refactorers.gates.running.baseline import said
from otp_genesis_refactorers.gates.running.experiment import Experiment
from otp_genesis_refactorers.gates.running.runs import how_it_ended, patient, unheard
from otp_genesis_refactorers.gates.trial import Failed, NotRun, Passed, Verdict
from otp_genesis_refactorers.mix.results import CompileResult, Diagnostic

RANK = 100


def check(experiment: Experiment) -> Verdict:
    baseline = experiment.baseline
    if baseline.broken and not experiment.contents:
        return Failed(baseline.problem)
    if baseline.problem:
        return NotRun(baseline.problem)
    experiment.lay(experiment.contents)
    result = experiment.compile(patient(baseline.compile_seconds))
    return unheard(result.run) or judged(result, Counter(baseline.diagnostics))


def judged(result: CompileResult, before: Counter[tuple[str, str, str]]) -> Passed | Failed:
    """`before` is what the compiler says anyway."""
    left = before.copy()
    for diagnostic in sorted(result.diagnostics, key=lambda each: each.severity != "error"):
        (key,) = said([diagnostic])
        if left[key] > 0:
            left[key] -= 1
        elif diagnostic.severity in ("error", "warning"):
            verb = "it does not compile" if diagnostic.severity == "error" else "the compiler warns anew"
            return Failed(f"{verb}: {_place(diagnostic)} {_first_line(diagnostic)}", diagnostic.message)
    if result.run.status != "ok":
        return Failed(f"it does not compile: {how_it_ended(result.run)}", result.run.stderr[-4000:])
    return Passed()


def _place(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.path}:{diagnostic.line}" if diagnostic.line else diagnostic.path


def _first_line(diagnostic: Diagnostic) -> str:
    lines = [line.strip() for line in diagnostic.message.splitlines() if line.strip()]
    return lines[0] if lines else "the compiler does not say why"
