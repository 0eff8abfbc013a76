"""Good and bad patches through all gates: who is accepted, who is rejected and by whom, and what it costs.

    .venv/bin/python bench/verify.py [PROJECT...] [--only TEXT] [--jobs N] [--verbose]

The patches are those of `tests/patches`. Each project is verified in turn with its shadow warm; the user's
own cache and trust are left alone. Exits with 1 when fewer than 98 % of the bad patches are stopped by a gate
that sees what is wrong, fewer than 95 % of the good ones are accepted, or a process is left behind.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.proof.evidence import Evidence
from tests.patches.corpus import Case, projects, prove, rejecting_gate
from tests.patches.spoiling import left_behind

BAD_SHARE, GOOD_SHARE = 0.98, 0.95


@dataclass(frozen=True)
class Outcome:
    case: Case
    evidence: Evidence

    @property
    def right(self) -> bool:
        return self.case.judged_rightly(self.evidence)

    @property
    def gate(self) -> str:
        return rejecting_gate(self.evidence) or self.evidence.verdict


def judge(name: str, only: str, folder: Path) -> list[Outcome]:
    """The cases of one project, one after another."""
    (patched,) = (project for project in projects() if project.name == name)
    root = patched.write(folder)
    project = engine.load(root).project
    outcomes: list[Outcome] = []
    for case in patched.cases:
        if only in case.id:
            outcomes.append(Outcome(case, prove(case, root, project)))
            _tell(outcomes[-1])
    return outcomes


def _tell(outcome: Outcome) -> None:
    sign = "ok   " if outcome.right else "WRONG"
    line = f"{sign} {outcome.evidence.seconds:6.1f} s  {outcome.case.id}: {outcome.gate}"
    click.echo(
        line if outcome.right else f"{line}, expected {outcome.case.expect}\n{_gates(outcome)}", err=True
    )


def _gates(outcome: Outcome) -> str:
    return "\n".join(
        f"      {gate.name}: {gate.status} {gate.reason}"
        for gate in outcome.evidence.gates
        if gate.status != "pass"
    )


def confusion(outcomes: Sequence[Outcome]) -> str:
    good = [outcome for outcome in outcomes if outcome.case.good]
    bad = [outcome for outcome in outcomes if not outcome.case.good]
    rows = ["| | verified | rejected | for the right reason | not verified |", "|---|--:|--:|--:|--:|"]
    for name, of in (("good", good), ("bad", bad)):
        verdicts = Counter(outcome.evidence.verdict for outcome in of)
        rightly = "" if name == "good" else sum(outcome.right for outcome in of)
        rows.append(
            f"| {len(of)} {name} | {verdicts['verified']} | {verdicts['rejected']} | {rightly}"
            f" | {verdicts['not_verified']} |"
        )
    rules = {outcome.case.code for outcome in outcomes}
    return "\n".join([*rows, "", f"{len(rules)} rules, {len({o.case.project for o in outcomes})} projects"])


def kinds(outcomes: Iterable[Outcome]) -> str:
    """What is wrong with the bad patches, and how many of each kind were stopped for that."""
    bad = [outcome for outcome in outcomes if not outcome.case.good]
    rightly = Counter(outcome.case.kind for outcome in bad if outcome.right)
    rows = ["| what is wrong | patches | rejected for it |", "|---|--:|--:|"]
    counted = sorted(
        Counter(outcome.case.kind for outcome in bad).items(), key=lambda each: (-each[1], each[0])
    )
    return "\n".join([*rows, *(f"| {kind} | {count} | {rightly[kind]} |" for kind, count in counted)])


def costs(outcomes: Iterable[Outcome]) -> str:
    """What each gate took, and what it stopped."""
    seconds: dict[str, list[float]] = defaultdict(list)
    stopped: Counter[str] = Counter()
    full: list[float] = []
    for outcome in outcomes:
        for gate in outcome.evidence.gates:
            stopped[gate.name] += gate.status == "fail"
            if gate.status != "not_run":
                seconds[gate.name].append(gate.seconds)
        if outcome.evidence.verdict == "verified":
            full.append(outcome.evidence.seconds)
    rows = ["| gate | asked | stopped | median s | most s |", "|---|--:|--:|--:|--:|"]
    rows += [
        f"| {name} | {len(took)} | {stopped[name]} | {statistics.median(took):.3f} | {max(took):.2f} |"
        for name, took in seconds.items()
    ]
    if full:
        rows.append(
            f"| a full pass, warm | {len(full)} | | {statistics.median(full):.2f} | {max(full):.2f} |"
        )
    return "\n".join(rows)


@click.command()
@click.argument("names", metavar="[PROJECT]...", nargs=-1)
@click.option("--only", default="", help="Only the cases whose name holds this.")
@click.option("--jobs", default=1, show_default=True, help="How many projects at a time.")
def main(names: tuple[str, ...], only: str, jobs: int) -> None:
    """Judge the patches and print the confusion table."""
    chosen = [project.name for project in projects() if not names or project.name in names]
    with tempfile.TemporaryDirectory(prefix="otp-genesis-verify-") as folder:
        for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
            os.environ[variable] = str(Path(folder) / variable.lower())
        count = len(chosen)
        with ProcessPoolExecutor(jobs) as pool:
            results = pool.map(judge, chosen, [only] * count, [Path(folder) / "projects"] * count)
            outcomes = [outcome for result in results for outcome in result]
    click.echo(f"{confusion(outcomes)}\n\n{kinds(outcomes)}\n\n{costs(outcomes)}")
    leftovers = left_behind()
    if leftovers:
        click.echo(f"{len(leftovers)} processes are left behind: {leftovers[0]}")
    sys.exit(bool(leftovers) or not _met(outcomes))


def _met(outcomes: Sequence[Outcome]) -> bool:
    good = [outcome.right for outcome in outcomes if outcome.case.good]
    bad = [outcome.right for outcome in outcomes if not outcome.case.good]
    return sum(good) >= GOOD_SHARE * len(good) and sum(bad) >= BAD_SHARE * len(bad)


if __name__ == "__main__":
    main()
