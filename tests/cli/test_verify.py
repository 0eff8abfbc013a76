"""`otp-genesis verify`: what it prints and how it ends, on one of the projects that have patches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from otp_genesis_refactorers.gates import static_gates
from otp_genesis_refactorers.gates.running import running_gates
from otp_genesis_refactorers.machine import toolchain
from otp_genesis_refactorers.proof.evidence import stored
from tests.cli.command_line import Ran, run
from tests.patches.corpus import projects

PARCEL = next(project for project in projects() if project.name == "parcel")
FINDING = "OTP101:lib/parcel/notifier.ex:3"
STATIC, RUNNING = ([gate.name for gate in gates] for gates in (static_gates(), running_gates()))
GATES = [*STATIC, *RUNNING]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))


@pytest.fixture
def parcel(tmp_path: Path) -> Path:
    return PARCEL.write(tmp_path)


def patch(tmp_path: Path, name: str) -> Path:
    """The patch of a case, as a file."""
    file = tmp_path / "fix.diff"
    file.write_bytes(next(case for case in PARCEL.cases if case.name == name).draft.diff)
    return file


def verify(parcel: Path, name: str, *arguments: str | Path, code: str = FINDING) -> Ran:
    file = patch(parcel.parent, name)
    return run("verify", "--patch", file, "--finding", code, *arguments, at=parcel)


def report(ran: Ran) -> dict[str, object]:
    return json.loads(ran.out)


def statuses(ran: Ran) -> Mapping[str, str]:
    gates = report(ran)["gates"]
    assert isinstance(gates, list)
    assert all(set(gate) >= {"name", "status", "reason", "seconds"} for gate in gates)
    return {gate["name"]: gate["status"] for gate in gates}


def test_a_good_patch_is_verified(parcel: Path, tmp_path: Path) -> None:
    test = tmp_path / "shows_it_test.exs"
    test.write_text(next(case.test or "" for case in PARCEL.cases if case.name == "supervised"))
    before = sorted(parcel.rglob("*"))
    ran = verify(parcel, "supervised", "--test", test, "--trust", "--format", "json")
    assert (ran.status, ran.err) == (0, "")
    found = report(ran)
    assert (found["verdict"], found["reason"]) == ("verified", "")
    assert statuses(ran) == {**dict.fromkeys(GATES, "pass"), "crash_test": "not_run"}
    assert sorted(parcel.rglob("*")) == before
    evidence = stored(parcel, str(found["id"]))
    assert evidence is not None
    assert evidence.isolation in ("bubblewrap", "none")
    assert not evidence.fits(lambda path: (parcel / path).read_bytes())
    assert [gate.commands for gate in evidence.gates if gate.name == "existing_tests"] != [()]


def test_a_bad_patch_is_rejected_by_the_first_gate_that_sees_it(parcel: Path) -> None:
    ran = verify(parcel, "supervised, renamed", "--format", "json")
    assert ran.status == 1
    assert report(ran)["verdict"] == "rejected"
    found = statuses(ran)
    assert list(found) == GATES
    assert found["public_api"] == "fail"
    assert set(list(found.values())[GATES.index("public_api") + 1 :]) == {"not_run"}


def test_without_trust_it_says_what_it_can(parcel: Path, tmp_path: Path) -> None:
    ran = verify(parcel, "supervised", "--format", "json")
    assert ran.status == 1
    assert report(ran)["verdict"] == "not_verified"
    assert "--trust" in str(report(ran)["reason"])
    assert statuses(ran) == {**dict.fromkeys(STATIC, "pass"), **dict.fromkeys(RUNNING, "not_run")}
    assert not (tmp_path / "XDG_CACHE_HOME/otp-genesis/shadows").exists()


def test_without_elixir_it_says_what_it_can(parcel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setattr(toolchain, "_USUAL_PLACES", ())
    ran = verify(parcel, "supervised", "--trust", "--format", "json")
    assert ran.status == 1
    assert report(ran)["verdict"] == "not_verified"
    assert "Elixir" in str(report(ran)["reason"])


@pytest.mark.parametrize("name", ["supervised, outside path", "supervised, symbolic link"])
def test_a_patch_that_goes_too_far(parcel: Path, name: str) -> None:
    ran = verify(parcel, name, "--format", "json")
    assert ran.status == 1
    assert (report(ran)["verdict"], statuses(ran)["scope"]) == ("rejected", "fail")
    assert not (parcel.parent / "outside.ex").exists()


def test_a_patch_that_does_not_fit(parcel: Path) -> None:
    file = patch(parcel.parent, "supervised")
    (parcel / "lib/parcel/notifier.ex").write_text("defmodule Parcel.Notifier do\nend\n")
    ran = run("verify", "--patch", file, "--format", "json", at=parcel)
    assert (ran.status, report(ran)["verdict"], statuses(ran)["applies"]) == (1, "rejected", "fail")
    assert str(report(ran)["reason"]).startswith("line 2 of lib/parcel/notifier.ex is 'end', and ")


def test_as_text_and_as_markdown(parcel: Path) -> None:
    ran = verify(parcel, "supervised, renamed")
    lines = ran.out.splitlines()
    assert lines[0].split()[:2] == ["scope", "passed"]
    assert lines[-1].startswith("Rejected: Parcel.Notifier would no longer have sent/1")
    assert [line.endswith("  the same") for line in lines[-4:-1]] == [True, True, True]
    ran = verify(parcel, "supervised, renamed", "--format", "markdown")
    assert ran.out.startswith("# Rejected: OTP101 in `lib/parcel/notifier.ex:3`\n")


def test_a_patch_on_standard_input(parcel: Path) -> None:
    diff = patch(parcel.parent, "supervised, renamed").read_bytes()
    ran = run("verify", "--patch", "-", "--format", "json", at=parcel, stdin=diff)
    assert statuses(ran)["public_api"] == "fail"


@pytest.mark.parametrize(
    ("finding", "part"),
    [
        ("OTP101:lib/parcel/notifier.ex:9", "there is one in line 3"),
        ("OTP102:lib/parcel/notifier.ex:3", "there is none"),
        ("OTP101", "write it as 'check' does"),
    ],
)
def test_a_finding_that_is_not_there(parcel: Path, finding: str, part: str) -> None:
    ran = verify(parcel, "supervised", code=finding)
    assert ran.status == 2
    assert part in ran.err
    assert len(ran.err.splitlines()) == 1


def test_what_it_is_called_with(parcel: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.diff"
    empty.write_text("\n")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "several/one").mkdir(parents=True)
    (tmp_path / "several/one/mix.exs").touch()
    for arguments, part in [
        (["verify", "--finding", FINDING], "--patch"),
        (["verify", "--patch", tmp_path / "none.diff"], "can't be read"),
        (["verify", "--patch", empty], "is empty"),
        (["verify", "--patch", patch(tmp_path, "supervised"), "--test", tmp_path / "none"], "can't be read"),
        (["verify", tmp_path / "nothing", "--patch", patch(tmp_path, "supervised")], "no mix project"),
        (["verify", tmp_path / "several"], "no mix project"),
    ]:
        ran = run(*arguments, at=parcel)
        assert (ran.status, ran.out, part in ran.err) == (2, "", True), ran.err


def test_a_finding_may_be_named_by_the_name_of_its_rule(parcel: Path) -> None:
    ran = verify(
        parcel, "supervised, renamed", "--format", "json", code="unsupervised-spawn:lib/parcel/notifier.ex:3"
    )
    assert (ran.status, statuses(ran)["public_api"]) == (1, "fail")


def test_without_a_patch_the_project_itself_is_proved(parcel: Path) -> None:
    ran = run("verify", "--trust", "--format", "json", at=parcel)
    assert (ran.status, report(ran)["verdict"]) == (0, "verified")
    (parcel / "test/parcel/bad_test.exs").write_text(
        'defmodule Parcel.BadTest do\n  use ExUnit.Case\n\n  test "fails", do: assert 1 == 2\nend\n'
    )
    ran = run("verify", "--trust", at=parcel)
    assert ran.status == 1
    assert ran.out.splitlines()[-1] == "Rejected: the test 'Parcel.BadTest: fails' fails"
