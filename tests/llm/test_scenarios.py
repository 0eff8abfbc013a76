"""For each rule that needs judgement: an answer that is proven, and one that is not, through the real SDKs.

All scenarios share one mix project, and with it the copy that mix runs in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_refactorers.llm.mending.mend import MOST_TRIES, Mended, Task, mend
from otp_genesis_refactorers.llm.playbooks import playbook_of
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from tests.llm.asked import connected
from tests.llm.scenario import Answer, Scenario, scenarios, write_project
from tests.llm.vendors import Loopback, Says, Vendor, serving

SCENARIOS = scenarios()
EACH = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


@dataclass(frozen=True)
class Demo:
    root: Path
    project: Project


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    root = write_project(tmp_path_factory.mktemp("scenarios"), SCENARIOS)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    yield Demo(root, engine.load(root).project)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_every_rule_that_needs_judgement_has_one() -> None:
    only_models = {rule.code for rule in all_rules() if rule.fixes == (FixKind.LLM,)}
    assert only_models <= {scenario.code for scenario in SCENARIOS}


@EACH
def test_what_is_proven_is_accepted(scenario: Scenario, demo: Demo) -> None:
    with serving(Says(scenario.accepted.reply)) as loopback:
        mended = answered(scenario, scenario.accepted, demo, loopback, "claude")
    assert mended.reason == ""
    assert mended.accepted is not None
    assert mended.accepted.by == "model"
    assert mended.accepted.evidence is not None
    assert mended.accepted.evidence.verdict == "verified"
    assert len(loopback.asked) == 1


@EACH
def test_what_is_not_proven_is_not(scenario: Scenario, demo: Demo) -> None:
    answer = scenario.rejected
    with serving(*[Says(answer.reply)] * MOST_TRIES) as loopback:
        mended = answered(scenario, answer, demo, loopback, "gemini")
    assert mended.accepted is None
    assert answer.reason in mended.reason
    if answer.fix.cannot:
        assert len(loopback.asked) == 1
        return
    last = mended.attempts[-1]
    gates = last.evidence.gates if last.evidence is not None else ()
    assert next((gate.name for gate in gates if gate.status == "fail"), "") == answer.gate
    assert len(loopback.asked) == MOST_TRIES
    assert all(any(answer.reason in text for text in asked.texts) for asked in loopback.asked[1:])


def answered(scenario: Scenario, answer: Answer, demo: Demo, loopback: Loopback, vendor: Vendor) -> Mended:
    finding, config = scenario.found_in(demo.project)
    playbook = playbook_of(finding, demo.project)
    task = Task(
        demo.root,
        demo.project,
        config,
        finding,
        Withholding.of(demo.root, os.environ),
        Fence.fresh(),
        way=playbook.way(answer.way) if playbook is not None else None,
        trusted_for_this_run=True,
    )

    async def run() -> Mended:
        async with connected(loopback, vendor) as connection:
            return await mend(task, connection)

    return asyncio.run(run())
