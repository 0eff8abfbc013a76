"""Mutated Elixir sources: nothing may raise, take long, or make findings elsewhere.

    .venv/bin/python bench/fuzz.py DIR [--first 0] [--count 20000] [--seed N] [--only CASE]

Each case takes a file below DIR or of the example shop, mutates it (`tests/mutated.py`), puts it into the
example shop together with its neighbours, and asks for what `tests/fuzzed.py` says must hold. The time that
reading the text takes, less the parser's own, is compared with that of parsing and reading an ordinary file
of its size: the median, over the files below DIR, of the time for a byte. Exits with 1 when a case fails, and
prints the smallest text found for each flaw.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from types import FrameType

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.discovery import elixir_files
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from tests.fuzzed import Stage, prove, reading_seconds, shrunk, stage, with_file
from tests.mutated import mutated

SHOP = Path(__file__).parents[1] / "examples" / "shaky_shop"
CHUNK_CASES = 50
LARGEST_BYTES = 60_000
NEIGHBOURS = 2
OWN_SHARE, THOROUGH_SHARE = 0.3, 0.03
HEAD = 60
LONGEST_SECONDS = 60
"""Of a processor, before a case is given up."""
TIMES_ORDINARY = 10.0
FLOOR_SECONDS = 0.001
"""An ordinary file of any size takes this long: below it the clock measures itself."""


@dataclass(frozen=True)
class Outcome:
    case: int
    size_bytes: int
    broken: bool
    parse_times_ordinary: float
    """The time of tree-sitter as a multiple of what parsing and reading an ordinary file of its size take."""
    times_ordinary: float
    """Our time, likewise."""
    failure: str = ""
    """What went wrong and where; empty when nothing did."""

    @property
    def flaw(self) -> str:
        """The beginning, which several cases may share."""
        return self.failure[:HEAD]


@dataclass(frozen=True)
class Job:
    folder: Path
    seed: int
    seconds_per_byte: float
    cases: tuple[int, ...]


def run(job: Job) -> list[Outcome]:
    return [outcome(job, case) for case in job.cases]


def outcome(job: Job, case: int) -> Outcome:
    random = Random(f"{job.seed} {case}")
    on, text = _case(job.folder, random)
    chances = random.random()
    ordinary = max(FLOOR_SECONDS, len(text) * job.seconds_per_byte)
    failure = _failure(on, text, chances)
    parse, ours = (seconds / ordinary for seconds in reading_seconds(on, text)) if not failure else (0, 0)
    for _ in range(3):  # another process may have had the processor's cache
        if ours > TIMES_ORDINARY / 2:
            ours = min(ours, reading_seconds(on, text)[1] / ordinary)
    if ours > TIMES_ORDINARY:
        failure = f"slow: {ours:.0f} times an ordinary file"
    return Outcome(case, len(text), Source(on.path, text).broken, parse, ours, failure)


def smallest(job: Job, case: int) -> tuple[str, bytes]:
    """Where a case that fails puts its text, and the smallest one found that fails likewise."""
    random = Random(f"{job.seed} {case}")
    on, text = _case(job.folder, random)
    chances = random.random()
    flaw = _failure(on, text, chances)[:HEAD]
    return on.path, shrunk(
        text, lambda smaller: _failure(on, smaller, chances)[:HEAD] == flaw
    ) if flaw else text


def _failure(on: Stage, text: bytes, chances: float) -> str:
    signal.setitimer(signal.ITIMER_PROF, LONGEST_SECONDS)
    try:
        prove(on, text, Random(chances), thoroughly=chances < THOROUGH_SHARE)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(place.filename).name}:{place.name}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


class GivenUp(Exception):
    """No `TimeoutError`, which code that reads files would take for theirs."""


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise GivenUp(f"more than {LONGEST_SECONDS} seconds")


def _case(folder: Path, random: Random) -> tuple[Stage, bytes]:
    if random.random() < OWN_SHARE:
        path = random.choice(sorted(_shop().files))
        on = _own_stage(path)
    else:
        on = _foreign_stage(folder, random.choice(_sources(folder)))
    content = on.healthy.content
    other = (folder / random.choice(_sources(folder))).read_bytes()
    return on, mutated(random, content, other)


@cache
def _shop() -> Project:
    return engine.load(SHOP).project


@cache
def _sources(folder: Path) -> list[str]:
    """Healthy files that are not too large."""
    paths = elixir_files(folder)
    return [path for path in paths if (folder / path).stat().st_size <= LARGEST_BYTES]


@cache
def _own_stage(path: str) -> Stage:
    return stage(_shop(), path)


@lru_cache(maxsize=200)
def _foreign_stage(folder: Path, path: str) -> Stage:
    """The shop with this file and a few from its folder."""
    project, inside = _shop(), path
    near = [other for other in _by_folder(folder)[Path(path).parent] if other != path]
    for other in [*near[:NEIGHBOURS], path]:
        top = "test" if "test" in Path(other).parts else "lib"
        inside = f"{top}/{Path(other).parent.name}/{Path(other).name}"
        project = with_file(project, inside, (folder / other).read_bytes())
    return stage(project, inside)


@cache
def _by_folder(folder: Path) -> dict[Path, list[str]]:
    paths: defaultdict[Path, list[str]] = defaultdict(list)
    for path in _sources(folder):
        paths[Path(path).parent].append(path)
    return paths


def seconds_per_byte(folder: Path) -> float:
    """Of an ordinary file: the median over some hundred."""
    random = Random(0)
    paths = [path for path in _sources(folder) if (folder / path).stat().st_size > 2_000]
    texts = [(folder / path).read_bytes() for path in random.sample(paths, min(300, len(paths)))]
    on = _own_stage("lib/shaky_shop/cart.ex")
    return statistics.median(
        min(sum(reading_seconds(on, text)) for _ in range(2)) / len(text) for text in texts
    )


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--first", default=0, show_default=True, help="The case to begin with.")
@click.option("--count", default=20_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--jobs", default=os.cpu_count() or 1)
@click.option("--only", type=int, help="Run this one case, and print its text.")
def main(folder: Path, first: int, count: int, seed: int, jobs: int, only: int | None) -> None:
    """Fuzz the analyzers, the fixes and the plan."""
    signal.signal(signal.SIGPROF, _give_up)
    rate = seconds_per_byte(folder)
    cases = range(first, first + count) if only is None else (only,)
    chunks = [tuple(cases[at : at + CHUNK_CASES]) for at in range(0, len(cases), CHUNK_CASES)]
    with ProcessPoolExecutor(jobs) as pool:
        done = pool.map(run, [Job(folder, seed, rate, chunk) for chunk in chunks])
        outcomes = list(_told(done, len(cases)))
    _report(outcomes, rate)
    failed = [outcome for outcome in outcomes if outcome.failure]
    for flaw, times in Counter(outcome.flaw for outcome in failed).most_common():
        least = min((one for one in failed if one.flaw == flaw), key=lambda outcome: outcome.size_bytes)
        path, text = smallest(Job(folder, seed, rate, ()), least.case)
        click.echo(f"\n{times} × {least.failure}\n--seed {seed} --only {least.case}, as {path}: {text!r}")
    sys.exit(bool(failed))


def _told(done: Iterator[list[Outcome]], count: int) -> Iterator[Outcome]:
    cases = 0
    for outcomes in done:
        yield from outcomes
        cases += len(outcomes)
        failed = [f"{one.case}: {one.failure[:200]}" for one in outcomes if one.failure]
        if failed or cases % (20 * CHUNK_CASES) == 0:
            click.echo("\n".join([f"{cases} of {count}", *failed]), err=True)


def _report(outcomes: list[Outcome], rate: float) -> None:
    worst = max(outcomes, key=lambda outcome: outcome.times_ordinary)
    parse = max(outcome.parse_times_ordinary for outcome in outcomes)
    broken = sum(outcome.broken for outcome in outcomes)
    failed = sum(bool(outcome.failure) for outcome in outcomes)
    megabytes = sum(outcome.size_bytes for outcome in outcomes) / 1e6
    click.echo(
        "| cases | with a broken tree | MB | failed | ordinary | slowest | slowest parse |\n"
        "|--:|--:|--:|--:|--:|--:|--:|\n"
        f"| {len(outcomes):,} | {broken:,} | {megabytes:.0f} | {failed} | {rate * 1e6:.2f} ms/kB"
        f" | {worst.times_ordinary:.1f} × ordinary (case {worst.case}) | {parse:.1f} × |"
    )


if __name__ == "__main__":
    main()
