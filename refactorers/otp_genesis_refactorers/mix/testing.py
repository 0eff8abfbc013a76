"""Running tests on a shadow, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from msgspec import Struct

from otp_genesis_refactorers.mix.own_code import TEST_FORMATTER, run_own_task
from otp_genesis_refactorers.mix.reports import path_in, reported
from otp_genesis_refactorers.mix.results import FailureKind, MixResult, TestCase, TestResult, TestState
from otp_genesis_refactorers.mix.running import Entries, OnOutput
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits
from otp_genesis_refactorers.shadow.workspace import Shadow

_NO_TESTS = "There are no tests to run"
_NO_TEST_FOLDER = "GenServer.call(ExUnit.Server, :modules_loaded"
"""How Elixir before 1.15 ends where no test helper has started ExUnit, since there is none."""


class _ModuleFailed(Struct):
    module: str
    kind: FailureKind = ""
    exception: str = ""
    message: str = ""


class _Test(_ModuleFailed, kw_only=True):
    name: str
    file: str
    line: int
    microseconds: int
    state: TestState


def test(
    shadow: Shadow,
    files: Sequence[str] = (),
    seed: int = 0,
    *,
    limits: Limits = DEFAULT_LIMITS,
    on_output: OnOutput | None = None,
    cancel: Event | None = None,
) -> TestResult:
    """Run the tests of these files (relative to the project's root) or all of them, in the order of `seed`.

    Seed 0 runs them as they stand in their files. A place is `test/a_test.exs:12`.
    """
    formatters = ["--formatter", "OtpGenesis.TestFormatter", "--formatter", "ExUnit.CLIFormatter"]
    args = ["test", "--seed", str(seed), *formatters, *files]
    run, entries = run_own_task(
        shadow, TEST_FORMATTER, args, limits=limits, on_output=on_output, cancel=cancel
    )
    run = replace(run, command=("mix", "test", "--seed", str(seed), *files))
    if (
        run.status == "failed"
        and not files
        and run.stderr.startswith("** (exit)")
        and _NO_TEST_FOLDER in run.stderr
    ):
        return TestResult(replace(run, status="ok", reason=""), seed, finished=True)
    finished = _came_to_its_end(run, entries)
    if run.status == "ok" and not finished:
        run = replace(run, status="failed", reason="the run ended before its tests had")
    tests = _tests(shadow, entries)
    if run.status == "ok" and any(each.state in ("failed", "invalid") for each in tests):
        run = replace(run, status="failed", reason="tests failed, and mix ended as if they had not")
    return TestResult(run, seed, finished, tests)


def _came_to_its_end(run: MixResult, entries: Entries) -> bool:
    """As many suites ended as began: an umbrella has one for each app."""
    events = [entry.get("event") for entry in entries]
    begun, ended = events.count("suite_started"), events.count("suite_finished")
    if begun == 0:
        return run.status == "ok" and _NO_TESTS in run.stdout
    return run.status in ("ok", "failed") and begun == ended


def _tests(shadow: Shadow, entries: Entries) -> tuple[TestCase, ...]:
    """The tests; those of a module whose `setup_all` failed with that failure as theirs."""
    modules = {failed.module: failed for failed in reported(entries, "module_failed", _ModuleFailed)}
    found = [_test(shadow, test, modules) for test in reported(entries, "test", _Test)]
    return tuple(sorted(found, key=lambda each: (each.path, each.line, each.name)))


def _test(shadow: Shadow, test: _Test, modules: dict[str, _ModuleFailed]) -> TestCase:
    failure = modules.get(test.module, test) if test.state == "invalid" else test
    return TestCase(
        module=test.module,
        name=test.name,
        path=path_in(shadow, test.file),
        line=test.line,
        state=test.state,
        seconds=test.microseconds / 1e6,
        kind=failure.kind,
        exception=failure.exception,
        message=failure.message,
    )
