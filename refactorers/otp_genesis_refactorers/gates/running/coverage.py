"""Which of the changed lines the project's own tests run."""

from __future__ import annotations

from pathlib import Path

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.gates.running.experiment import Experiment
from otp_genesis_refactorers.gates.running.hunks import changed_lines
from otp_genesis_refactorers.gates.running.runs import patient

_SCRIPT = Path(__file__).with_name("elixir") / "executed_lines.ex"


def executed(experiment: Experiment) -> tuple[int, int] | None:
    """How many of the changed lines that hold code the tests run, and how many there are.

    None when that can't be told: in an umbrella, without Erlang's `tools`, or when nothing that is compiled
    has changed.
    """
    trial = experiment.trial
    old = {file.path: trial.before.read(file.path) for file in trial.change.files if file.original_hash}
    changed = {
        path: lines
        for path, lines in changed_lines(old, experiment.contents).items()
        if path.endswith(".ex") and lines
    }
    if not changed:
        return None
    experiment.lay(experiment.contents)
    run, entries = mix.run_own_task(
        experiment.shadow,
        _SCRIPT,
        ["otp_genesis.executed_lines", ",".join(changed), "--seed", "1"],
        limits=patient(experiment.baseline.test_seconds),
        cancel=experiment.cancel,
    )
    experiment.log.append(run)
    counts: dict[tuple[str, int], int] = {}
    for entry in entries:
        match entry:
            case {"event": "line", "file": str(file), "line": int(line), "count": int(count)}:
                counts[file, line] = max(count, counts.get((file, line), 0))
            case _:
                pass
    found = [
        counts[path, line] for path, lines in changed.items() for line in lines if (path, line) in counts
    ]
    return (sum(count > 0 for count in found), len(found)) if found else None
