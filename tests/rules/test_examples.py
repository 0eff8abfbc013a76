"""The examples of every rule are its tests: what is marked is found, what is not is silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.contract import Example, Rule
from otp_genesis_refactorers.change import Change, apply_to
from otp_genesis_refactorers.fixes import find_fix
from tests.example_project import Mark, as_marks, findings_in, parse, write_project

DETERMINISTIC = (FixKind.SAFE, FixKind.UNSAFE)

INVALID = [
    pytest.param(rule, example, id=f"{rule.code}-INVALID-{number}")
    for rule in all_rules()
    for number, example in enumerate(rule.INVALID)
]
VALID = [
    pytest.param(rule, example, id=f"{rule.code}-VALID-{number}")
    for rule in all_rules()
    for number, example in enumerate(rule.VALID)
]
FIXED = [
    pytest.param(rule, example, id=f"{rule.code}-FIXED-{number}")
    for rule in all_rules()
    for number, example in enumerate(rule.INVALID)
    if example.fixed is not None
]


@pytest.mark.parametrize(("rule", "example"), INVALID)
def test_what_is_marked_is_found(rule: Rule, example: Example, tmp_path: Path) -> None:
    text = parse(example.code)
    project = write_project(tmp_path, text.files)
    found = findings_in(project)
    assert text.marks, "an INVALID example marks what is found"
    assert healthy(project)
    assert missing(text.marks, as_marks(project, found)) == []
    assert unmarked(text.marks, as_marks(project, owned(rule, found))) == []


@pytest.mark.parametrize(("rule", "example"), VALID)
def test_what_is_legitimate_is_silent(rule: Rule, example: Example, tmp_path: Path) -> None:
    text = parse(example.code)
    project = write_project(tmp_path, text.files)
    assert not text.marks
    assert as_marks(project, owned(rule, findings_in(project))) == []


@pytest.mark.parametrize(("rule", "example"), FIXED)
def test_the_fix_gives_what_is_shown(rule: Rule, example: Example, tmp_path: Path) -> None:
    project = write_project(tmp_path, parse(example.code).files)
    before = findings_in(project)
    changed: dict[str, bytes] = {}
    for step in range(len(before)):
        fixable = [finding for finding in owned(rule, findings_in(project)) if finding.fix in DETERMINISTIC]
        if not fixable:
            break
        new = fixed(rule, fixable[0], project)
        changed |= new
        project = write_project(tmp_path / f"after{step}", decoded(contents(project) | new))
    assert decoded(changed) == parse(example.fixed or "").files
    assert healthy(project)
    after = findings_in(project)
    assert not [finding for finding in owned(rule, after) if finding.fix in DETERMINISTIC]
    assert {finding.fingerprint for finding in after} <= {finding.fingerprint for finding in before}


def owned(rule: Rule, findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.code == rule.code]


def missing(marks: tuple[Mark, ...], found: list[Mark]) -> list[Mark]:
    return [mark for mark in marks if not any(mark.is_of(finding) for finding in found)]


def unmarked(marks: tuple[Mark, ...], found: list[Mark]) -> list[Mark]:
    return [finding for finding in found if not any(mark.is_of(finding) for mark in marks)]


def healthy(project: Project) -> bool:
    return not any(analysis.facts.broken for analysis in project.files.values())


def fixed(rule: Rule, finding: Finding, project: Project) -> dict[str, bytes]:
    fix = find_fix(rule.name)
    assert fix is not None, f"{rule.name} has no deterministic fix"
    change = fix.fix(finding, project)
    assert isinstance(change, Change), change
    return apply_to(change, contents(project))


def contents(project: Project) -> dict[str, bytes]:
    return {path: project.read(path) for path in project.files}


def decoded(files: dict[str, bytes]) -> dict[str, str]:
    return {path: content.decode() for path, content in files.items()}
