"""What a run of mix gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "failed", "timed_out", "cancelled", "not_run"]
Isolation = Literal["bubblewrap", "none"]
Severity = Literal["error", "warning", "information", "hint"]
TestState = Literal["passed", "failed", "skipped", "excluded", "invalid"]
FailureKind = Literal["", "assertion", "error", "exit", "throw", "timeout"]


@dataclass(frozen=True)
class MixResult:
    """One run of mix.

    `failed`: it ended with another status than 0, or was ended for passing a limit, which `reason`
    then says. `not_run`: it was never started, or nothing can be concluded from what it did;
    `reason` says what the user can do. No status but `ok` may be taken for success.
    """

    status: Status
    exit_code: int | None
    """None where it was not run or did not end by itself."""
    stdout: str
    stderr: str
    seconds: float
    isolation: Isolation
    reason: str = ""
    """For people, one line; empty where it is `ok` or mix itself says on `stderr` why it failed."""
    command: tuple[str, ...] = ()
    """What was asked for, as it would be typed: `("mix", "test", "--seed", "1")`."""


@dataclass(frozen=True)
class Diagnostic:
    """What a compiler says of a place."""

    path: str
    """Relative to the project's root with `/`; as the compiler gave it where it lies elsewhere."""
    line: int
    """From 1; 0 for the file as a whole."""
    severity: Severity
    message: str
    compiler: str = "Elixir"


@dataclass(frozen=True)
class CompileResult:
    """`run.status` is `ok` with warnings, `failed` with errors.

    A run that failed without an error among its `diagnostics` did not get as far as compiling the
    project: `mix.exs` or a dependency is broken, and `run.stderr` says how.
    """

    run: MixResult
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True)
class TestCase:
    """What became of one test."""

    __test__ = False

    module: str
    name: str
    """With its `describe` block's, without the leading `test `."""
    path: str
    """Relative to the project's root with `/`."""
    line: int
    state: TestState
    """`invalid`: its `setup_all` failed."""
    seconds: float
    kind: FailureKind = ""
    """How it failed. `exit` also when a linked process took it along."""
    exception: str = ""
    """The module of the exception, as `ExUnit.AssertionError`; empty for exits and throws."""
    message: str = ""


@dataclass(frozen=True)
class TestResult:
    """`run.status` is `ok` only when the suite came to its end and no test failed.

    Not every test need have an entry when the run is `failed` without `finished`: a test file did
    not compile, or the run was ended.
    """

    __test__ = False

    run: MixResult
    seed: int
    finished: bool = False
    """The whole suite was run."""
    tests: tuple[TestCase, ...] = ()

    def in_state(self, state: TestState) -> tuple[TestCase, ...]:
        return tuple(test for test in self.tests if test.state == state)


@dataclass(frozen=True)
class FormatResult:
    """`run.status` is `ok` when every file is formatted."""

    run: MixResult
    unformatted: tuple[str, ...] = ()
    """Paths relative to the project's root."""


@dataclass(frozen=True)
class CredoIssue:
    path: str
    line: int
    check: str
    """As `Credo.Check.Readability.ModuleDoc`."""
    message: str


@dataclass(frozen=True)
class CredoResult:
    """`run.status` is `ok` without issues, `not_run` where the project has no Credo."""

    run: MixResult
    issues: tuple[CredoIssue, ...] = ()
