"""How a project does before it is changed: what the compiler says, which tests pass, what modules offer.

It is measured once for a state of the project and a toolchain, and kept in the user's cache folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.gates.running.exports import exports_of
from otp_genesis_refactorers.gates.running.runs import how_it_ended, unheard
from otp_genesis_refactorers.machine.toolchain import find_toolchain
from otp_genesis_refactorers.machine.user_folders import cache_folder, write_whole
from otp_genesis_refactorers.mix.results import Diagnostic, TestCase, TestResult

if TYPE_CHECKING:
    from otp_genesis_refactorers.gates.running.experiment import Experiment

_FORMAT = 4
_BUILT = frozenset({"_build", "deps", ".elixir_ls", "node_modules", "cover"})
_SEEDS = (1, 2)
_LINE = re.compile(r"(?<=line )\d+|(?<=:)\d+")

Said = tuple[str, str, str]
"""Path, severity and text of a diagnostic, without the lines that it names."""
TestId = tuple[str, str]
"""Module and name."""


class Baseline(Struct, frozen=True):
    """`problem` and `test_problem` say why nothing is known of the code, and of its tests."""

    problem: str = ""
    broken: bool = False
    """The problem is that the project does not compile."""
    diagnostics: tuple[Said, ...] = ()
    compile_seconds: float = 0.0
    exports: Mapping[str, tuple[str, ...]] = {}
    """What each module offers, as `exports_of` gives it."""
    test_problem: str = ""
    passing: tuple[TestId, ...] = ()
    """Passed in every run."""
    failing: tuple[TestId, ...] = ()
    """Passed in none, skipped ones left out."""
    flaky: tuple[TestId, ...] = ()
    test_seconds: float = 0.0


def measured_baseline(experiment: Experiment) -> Baseline:
    """That of the copy as it lies, remembered or measured."""
    file = cache_folder() / "baselines" / f"{_key(experiment.shadow.root)}.json"
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(file.read_bytes(), type=readable(Baseline))
    baseline, lasting = _measure(experiment)
    if lasting:
        with suppress(OSError):
            write_whole(file, msgspec.json.encode(baseline))
    return baseline


def said(diagnostics: Iterable[Diagnostic]) -> Iterator[Said]:
    """What the compiler says, in words that stay when lines move."""
    for diagnostic in diagnostics:
        yield diagnostic.path, diagnostic.severity, _LINE.sub("N", diagnostic.message)


def id_of(test: TestCase) -> TestId:
    return test.module, test.name


def _measure(experiment: Experiment) -> tuple[Baseline, bool]:
    """The baseline, and whether it would be the same another time."""
    compiled = experiment.compile()
    run = compiled.run
    silent = unheard(run)
    if silent is not None:
        return Baseline(silent.reason), False
    if run.status != "ok":
        errors = [each.message.strip() for each in compiled.diagnostics if each.severity == "error"]
        why = next((error.splitlines()[0] for error in errors if error), how_it_ended(run))
        return Baseline(f"the project does not compile as it is: {why}", broken=True), run.status == "failed"
    known = Baseline(
        diagnostics=tuple(said(compiled.diagnostics)),
        compile_seconds=run.seconds,
        exports=exports_of(experiment.shadow.build),
    )
    results = [experiment.run_tests(seed=_SEEDS[0])]
    if results[0].finished:
        results += [experiment.run_tests(seed=seed) for seed in _SEEDS[1:]]
    return _with_tests(known, results), all(result.finished for result in results)


def _with_tests(known: Baseline, results: list[TestResult]) -> Baseline:
    last = results[-1]
    if not last.finished:
        return msgspec.structs.replace(known, test_problem=f"its tests do not run: {how_it_ended(last.run)}")
    passed = [{id_of(test) for test in result.in_state("passed")} for result in results]
    failed = [
        {id_of(test) for test in (*result.in_state("failed"), *result.in_state("invalid"))}
        for result in results
    ]
    passing, failing = passed[0].intersection(*passed), failed[0].intersection(*failed)
    flaky = failed[0].union(*failed) - failing
    return msgspec.structs.replace(
        known,
        passing=tuple(sorted(passing)),
        failing=tuple(sorted(failing)),
        flaky=tuple(sorted(flaky)),
        test_seconds=max(result.run.seconds for result in results),
        test_problem="" if passing else _without_a_passing_test(sorted(failing or flaky)),
    )


def _without_a_passing_test(failing: list[TestId]) -> str:
    if not failing:
        return "the project has no tests, so that nobody can tell whether it still works"
    module, name = failing[0]
    return (
        f"none of the project's tests passes as it is, {f'{module}: {name}'!r} for one: nobody could tell"
        " whether it still works"
    )


def _key(root: Path) -> str:
    """Names the state of a project and the toolchain that runs it."""
    digest = blake2b(f"{_FORMAT} {find_toolchain(root, os.environ)}".encode(), digest_size=16)
    for path in sorted(_sources(root)):
        digest.update(os.fsencode(path.relative_to(root)) + b"\0")
        with suppress(OSError):
            digest.update(blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.is_symlink() or entry.name in _BUILT:
            continue
        if entry.is_dir():
            yield from _sources(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)
