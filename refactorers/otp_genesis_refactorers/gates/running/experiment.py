"""A change laid into an isolated copy of its project, where mix may run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.applying.patch import NewContents
from otp_genesis_refactorers.gates.running.baseline import Baseline, measured_baseline
from otp_genesis_refactorers.gates.trial import Trial
from otp_genesis_refactorers.mix.results import CompileResult, MixResult, TestResult
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits
from otp_genesis_refactorers.shadow.workspace import Shadow


@dataclass(frozen=True)
class GivenTest:
    """A test that is to show the flaw: it fails without the change and passes with it."""

    path: str
    """Relative to the project's root."""
    source: bytes


@dataclass
class Experiment:
    """`contents` are the change without the given test; `log` grows with each run of mix."""

    trial: Trial
    contents: NewContents
    shadow: Shadow
    test: GivenTest | None = None
    unsaved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """What open editors hold of files of the project that the change leaves alone or is made on."""
    cancel: Event | None = None
    log: list[MixResult] = field(default_factory=list[MixResult])
    ours: bool = False
    """What nothing needs of the change is left out of it."""
    needed: NewContents | None = None
    """The rest of it then."""

    @cached_property
    def baseline(self) -> Baseline:
        """How the project does without the change. Raises ShadowError."""
        self.lay({})
        return measured_baseline(self)

    def lay(self, contents: NewContents, extra: Mapping[str, bytes] | None = None) -> None:
        """Make the copy the project with these files changed and with `extra` ones. Raises ShadowError."""
        self.shadow.sync({**self.unsaved, **contents, **(extra or {})})

    def compile(self, limits: Limits = DEFAULT_LIMITS) -> CompileResult:
        result = mix.compile(self.shadow, limits=limits, cancel=self.cancel)
        self.log.append(result.run)
        return result

    def run_tests(
        self, files: Sequence[str] = (), seed: int = 1, limits: Limits = DEFAULT_LIMITS
    ) -> TestResult:
        result = mix.test(self.shadow, files, seed, limits=limits, cancel=self.cancel)
        self.log.append(result.run)
        return result
