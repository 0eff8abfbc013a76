"""Ratios of one run: the commands take turns, so that a busy machine is busy for all of them."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""That of everything measured: what is installed has its bytecode, and so has what was run once."""


@dataclass(frozen=True)
class Command:
    """What is measured; `before` makes each of its runs start from the same."""

    arguments: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    before: Callable[[], object] = lambda: None

    def start(self) -> subprocess.Popen[bytes]:
        self.before()
        return subprocess.Popen(
            self.arguments,
            env={**ENVIRONMENT, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@dataclass(frozen=True)
class Cost:
    wall_seconds: float
    cpu_seconds: float
    """Of all its processes."""


def medians(commands: Mapping[str, Command], runs: int) -> dict[str, Cost]:
    """The median cost of each command; they take turns, after one turn that does not count."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            cost = _cost(command)
            if turn:
                costs[name].append(cost)
    return {
        name: Cost(
            statistics.median(cost.wall_seconds for cost in found),
            statistics.median(cost.cpu_seconds for cost in found),
        )
        for name, found in costs.items()
    }


def _cost(command: Command) -> Cost:
    process = command.start()
    begin = time.perf_counter()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{command.arguments} ended with {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime)


def peak_pss_megabytes(command: Command) -> float:
    """The most memory that a command and all its child processes held, shared pages counted once."""
    process = command.start()
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_pss_kilobytes, _with_children(process.pid))))
        time.sleep(0.02)
    return peak / 1024


def _with_children(process_id: int) -> list[int]:
    try:
        children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    except OSError:
        return []
    return [process_id, *(below for child in children for below in _with_children(int(child)))]


def _pss_kilobytes(process_id: int) -> int:
    try:
        lines = Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def processor_seconds(process_id: int) -> float:
    """What all threads of a running process took of a processor so far, to the nanosecond."""
    tasks = Path(f"/proc/{process_id}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def copy_elixir(folders: Sequence[Path], target: Path) -> tuple[int, int]:
    """The Elixir files of all folders below `target`, their times kept; how many, and their bytes."""
    files = size = 0
    for folder in folders:
        for file in folder.rglob("*.ex*"):
            if file.suffix in (".ex", ".exs") and file.is_file():
                copied = target / folder.resolve().name / file.relative_to(folder)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, copied)
                files, size = files + 1, size + copied.stat().st_size
    return files, size


def ratio(name: str, one: Cost, other: Cost, limit: float | None) -> str:
    """A row of the table: wall and processor time against each other, and what is allowed."""
    wall, cpu = one.wall_seconds / other.wall_seconds, one.cpu_seconds / other.cpu_seconds
    return row(name, f"{wall:.2f}", f"{cpu:.2f}", limit)


def row(name: str, value: str, second: str, limit: float | None) -> str:
    met = "" if limit is None else f"≤ {limit:g}"
    return f"| {name} | {value} | {second} | {met} |"
