"""Which of the changed lines the project's own tests run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    counts = times_run(experiment, _changed(experiment))
    return (sum(count > 0 for count in counts), len(counts)) if counts else None


def times_run(experiment: Experiment, lines: Mapping[str, Iterable[int]]) -> list[int]:
    """How often the tests run each of these lines that holds code; none when that can't be told."""
    wanted = {path: numbers for path, numbers in lines.items() if path.endswith(".ex")}
    if not wanted:
        return []
    experiment.lay(experiment.contents)
    run, entries = mix.run_own_task(
        experiment.shadow,
        _SCRIPT,
        ["otp_genesis.executed_lines", ",".join(wanted), "--seed", "1"],
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
    return [
        counts[path, line] for path, numbers in wanted.items() for line in numbers if (path, line) in counts
    ]


def _changed(experiment: Experiment) -> dict[str, list[int]]:
    trial = experiment.trial
    old = {file.path: trial.before.read(file.path) for file in trial.change.files if file.original_hash}
    return {path: lines for path, lines in changed_lines(old, experiment.contents).items() if lines}
