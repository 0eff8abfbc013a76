"""A test for what a run has changed, made without a model, where one can be made that proves something."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase
from otp_genesis_refactorers.exunit.generating import Wanted, generate
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.outcome import StepFailed


@dataclass(frozen=True)
class TestMade:
    __test__ = False

    path: str
    """Empty when there is none that proves anything."""
    text: str
    remark: str
    """What it proves, or why there is none."""


def test_for(here: Here, finding: Finding, cancel: Event) -> TestMade:
    """The test, laid over the code base when it fails without the change and passes with it."""
    codebase = here.codebase
    wanted = Wanted(
        codebase.root,
        codebase.base_project,
        codebase.config,
        _module_of(codebase, finding),
        contents=codebase.changed,
        trusted_for_this_run=here.engine.trusted_for_this_run,
    )
    made = generate(wanted, cancel=cancel, on_step=here.say)
    if isinstance(made, Refused):
        return TestMade("", "", made.reason)
    if not made.proof.proven:
        return TestMade("", "", made.proof.headline)
    before = codebase.content(made.path)
    refused = codebase.apply(made.change)
    if refused is not None:
        raise StepFailed(refused.reason)
    if isinstance(before, bytes):  # it joined tests that are there: a gate takes only new files for its test
        codebase.lay({made.path: before})
        return TestMade("", made.text, "there is a test file already, which is left as it is")
    return TestMade(made.path, made.text, made.proof.headline)


def _module_of(codebase: Codebase, finding: Finding) -> str:
    """The innermost module that the finding is in."""
    facts = codebase.base_project.all_facts(finding.path)
    around = [each for each in facts.modules if each.span.start <= finding.span.start < each.span.end]
    return max(around, key=lambda each: each.span.start).name if around else ""
