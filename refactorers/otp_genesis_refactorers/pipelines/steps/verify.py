"""`verify`: what was changed, through all gates. Its verdict is the machine's."""

from __future__ import annotations

from threading import Event
from typing import Literal

from pydantic import Field

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase
from otp_genesis_refactorers.gates.running.experiment import GivenTest
from otp_genesis_refactorers.pipelines.code_state import without_changes
from otp_genesis_refactorers.pipelines.findings_data import find_again
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Json, Text
from otp_genesis_refactorers.pipelines.language.model import Step
from otp_genesis_refactorers.pipelines.outcome import Outcome, Status, StepFailed
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_refactorers.proof.evidence_text import as_markdown

_STATUS: dict[str, Status] = {"verified": "passed", "rejected": "failed", "not_verified": "not_verified"}


class Verify(Step):
    """Its status is `passed`, `failed`, or `not_verified` when something that it takes could not be run."""

    gives = (
        "verdict",
        "reason",
        "gates",
        "failed_gate",
        "details",
        "evidence",
        "isolation",
        "seconds",
        "report",
    )
    changes_code = True

    type: Literal["verify"]
    finding: Json = Field(default=None, description="What the change is to remove", examples=["{{ item }}"])
    test: Text | None = Field(
        default=None,
        description="A new test of the code base that shows the flaw: it has to fail without the change",
        examples=["test/shop/mailer_test.exs"],
    )

    async def run(self, here: Here) -> Outcome:
        finding = here.value(self.finding)
        test = here.text(self.test) if self.test else ""
        evidence = await here.in_thread(lambda cancel: self._verified(here, finding, test, cancel))
        return _outcome(evidence)

    def _verified(self, here: Here, finding: object, test: str, cancel: Event) -> Evidence:
        codebase, of_rules = here.codebase, here.code.is_of_rules
        evidence = codebase.verify(
            find_again(without_changes(codebase), finding) if finding else None,
            _test(codebase, test) if test else None,
            trusted_for_this_run=here.engine.trusted_for_this_run,
            cancel=cancel,
            on_gate=here.say,
            ours=of_rules,
        )
        here.code.verified(evidence, of_rules=of_rules)
        return evidence


def _test(codebase: Codebase, path: str) -> GivenTest:
    source = codebase.content(path)
    if isinstance(source, Refused):
        raise StepFailed(source.reason)
    return GivenTest(path, source)


def _outcome(evidence: Evidence) -> Outcome:
    failed = next((gate for gate in evidence.gates if gate.status == "fail"), None)
    return Outcome(
        status=_STATUS[evidence.verdict],
        values={
            "verdict": evidence.verdict,
            "reason": evidence.reason,
            "gates": [gate.model_dump(mode="json", exclude={"commands"}) for gate in evidence.gates],
            "failed_gate": failed.name if failed else "",
            "details": failed.details if failed else "",
            "evidence": evidence.id,
            "isolation": evidence.isolation,
            "seconds": evidence.seconds,
            "report": as_markdown(evidence),
        },
        text=_in_words(evidence),
    )


def _in_words(evidence: Evidence) -> str:
    """For a model, without what differs from run to run by itself, so that replies can be replayed."""
    signs = {"pass": "passed", "fail": "FAILED", "not_run": "not run"}
    lines = [f"{gate.name}: {signs[gate.status]} {gate.reason}".rstrip() for gate in evidence.gates]
    details = [f"What {gate.name} says:\n{gate.details}" for gate in evidence.gates if gate.details]
    verdict = f"The verification: {evidence.verdict}. {evidence.reason}".strip()
    return "\n\n".join([verdict, "\n".join(lines), *details, f"The change:\n{evidence.patch}"])
