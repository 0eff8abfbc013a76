"""The corpus: all of it by reading, and of what must be run one case for each gate and project kind.

`bench/verify.py` runs every case through every gate.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.gates import static_gates
from otp_genesis_refactorers.gates.running import running_gates
from tests.patches.corpus import Case, PatchedProject, projects, prove, rejecting_gate
from tests.patches.spoiling import left_behind

PROJECTS = projects()
CASES = [(project, case) for project in PROJECTS for case in project.cases]
STATIC = {"applies", *(gate.name for gate in static_gates())}
RUNNING = [gate.name for gate in running_gates()]


def representatives(project: PatchedProject) -> list[Case]:
    """The first good patch with a test, and for each gate that runs mix the first that only it can reject.

    A gate is asked of the project that comes first.
    """
    good = next(case for case in project.cases if case.good and (case.test or project.name == "quiz"))
    return [good, *(case for gate, (owner, case) in _first_stopped().items() if owner is project and gate)]


def _first_stopped() -> dict[str, tuple[PatchedProject, Case]]:
    found: dict[str, tuple[PatchedProject, Case]] = {}
    for gate in RUNNING:
        for project, case in reversed(CASES):
            if set(case.expect) - {"existing_tests", "effects"} == {gate} or case.expect == (gate,):
                found[gate] = project, case
    burst = next((project, case) for project, case in CASES if case.name.endswith(", bursting test"))
    return {**found, "burst": burst}


def test_the_corpus_is_large_enough() -> None:
    good = [case for _, case in CASES if case.good]
    assert len(good) >= 40
    assert len(CASES) - len(good) >= 100
    assert len({case.code for _, case in CASES}) >= 20
    assert len(PROJECTS) >= 6
    assert [case.id for _, case in CASES if case.good is bool(case.kind)] == []


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_what_reading_shows(project: PatchedProject, tmp_path: Path, own_folders: None) -> None:
    """Nobody lets mix run: what can be rejected is, nothing else is, and nothing is called verified."""
    root = project.write(tmp_path)
    loaded = engine.load(root).project
    for case in project.cases:
        evidence = prove(case, root, loaded, trusted=False)
        assert evidence.verdict != "verified", case.id
        if case.good:
            assert evidence.verdict == "not_verified", (case.id, evidence.reason)
            assert "mix" in evidence.reason
        elif set(case.expect) <= STATIC:
            assert evidence.verdict == "rejected", case.id
            assert rejecting_gate(evidence) in case.expect, (case.id, evidence.reason)
    assert {path: (root / path).read_text() for path in project.files} == dict(project.files)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_what_running_shows(project: PatchedProject, tmp_path: Path, own_folders: None) -> None:
    root = project.write(tmp_path)
    loaded = engine.load(root).project
    for case in representatives(project):
        evidence = prove(case, root, loaded)
        assert case.judged_rightly(evidence), (case.id, evidence.verdict, evidence.reason)
    assert left_behind() == []
    assert {path: (root / path).read_text() for path in project.files} == dict(project.files)
    assert not (root / "_build").exists()


def test_every_running_gate_is_represented() -> None:
    assert set(RUNNING) <= set(_first_stopped())
