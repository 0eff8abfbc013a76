"""`otp-genesis rules` and `otp-genesis explain`."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path

import pytest

from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.contract import Rule
from tests.cli.command_line import run
from tests.cli.report import rule_list

EACH_RULE = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.code) for rule in all_rules()])


def test_every_rule_is_listed_as_json(tmp_path: Path) -> None:
    ran = run("rules", "--format", "json", at=tmp_path)
    listed = rule_list(ran.out)
    assert [entry.code for entry in listed] == sorted(rule.code for rule in all_rules())
    first = next(entry for entry in listed if entry.phase == 1)
    assert (first.code, first.name, first.phase, first.severity) == (
        "OTP101",
        "unsupervised-spawn",
        1,
        "warning",
    )
    assert (ran.status, ran.err) == (0, "")


def test_every_rule_is_listed_on_a_line(tmp_path: Path) -> None:
    lines = run("rules", at=tmp_path).out.splitlines()
    assert [line.split()[:2] for line in lines] == [[rule.code, rule.name] for rule in all_rules()]


@EACH_RULE
def test_a_page_holds_everything_but_the_marks(rule: Rule, tmp_path: Path) -> None:
    ran = run("explain", rule.code, at=tmp_path)
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == f"# {rule.code} {rule.name}"
    assert lines[2] == rule.summary()
    headings = [line for line in cleandoc(type(rule).__doc__ or "").splitlines() if line.startswith("## ")]
    assert [line for line in lines if line.startswith("## ")] == [*headings, "## Examples"]
    assert "^^^" not in ran.out
    assert ran.out.count("Flagged:\n") == len(rule.INVALID)
    assert ran.out.count("Not flagged:\n") == len(rule.VALID)
    assert ran.out.count("```") % 2 == 0


def test_a_rule_is_found_by_its_name_in_any_case(tmp_path: Path) -> None:
    page = run("explain", "OTP101", at=tmp_path).out
    for wanted in ("otp101", "unsupervised-spawn", "Unsupervised-Spawn"):
        assert run("explain", wanted, at=tmp_path).out == page


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("unsupervised-spam", "no rule 'unsupervised-spam'; did you mean 'unsupervised-spawn'?"),
        ("zzz", "no rule 'zzz'; 'otp-genesis rules' lists them"),
        ("OTP1", "'OTP1' names several rules; give one code"),
    ],
)
def test_an_unknown_rule(tmp_path: Path, wanted: str, message: str) -> None:
    status, out, err = run("explain", wanted, at=tmp_path)
    assert (status, out) == (2, "")
    assert err.startswith(f"otp-genesis explain: {message}")
    assert err.count("\n") == 1
