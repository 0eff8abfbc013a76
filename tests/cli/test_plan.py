"""`otp-genesis plan`: where it writes, what it says. What stands in a plan has tests of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import run, write, write_shop

SPAWN = "defmodule Shop.Mail do\n  def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)\nend\n"
DOCUMENTS = [
    "README.md",
    "01-critical-fixes.md",
    "02-state-persistence.md",
    "03-architectural-decomposition.md",
    "04-testing-and-communication.md",
    "05-integration-and-rollout.md",
]


def read(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_six_documents_in_the_project(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    ran = run("plan", "--goal", "Sleep at night", "--no-model", at=tmp_path)
    assert (ran.status, ran.err) == (0, "")
    folder = tmp_path / ".otp-genesis/plan"
    assert sorted(read(folder)) == sorted(DOCUMENTS)
    assert b"Sleep at night" in read(folder)["README.md"]
    lines = ran.out.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == [
        f".otp-genesis/plan/{name}" for name in DOCUMENTS
    ]
    assert ".otp-genesis/plan/01-critical-fixes.md: 1 item" in lines
    assert lines[-1] == "1 new, 0 kept"


def test_twice_changes_nothing(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    run("plan", "--goal", "Sleep at night", at=tmp_path)
    before = read(tmp_path / ".otp-genesis/plan")
    ran = run("plan", at=tmp_path)
    assert read(tmp_path / ".otp-genesis/plan") == before
    assert ran.out.splitlines()[-1] == "0 new, 1 kept"
    assert ran.out.count("(up to date)") == 6


def test_somewhere_else(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", {"lib/a.ex": SPAWN})
    ran = run("plan", "shop", "--out", "plans/shop", at=tmp_path)
    assert sorted(read(tmp_path / "plans/shop")) == sorted(DOCUMENTS)
    assert ran.out.startswith("plans/shop/README.md: ")
    assert not (tmp_path / "shop/.otp-genesis").exists()


def test_a_folder_of_the_project_stands_for_all_of_it(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a/a.ex": SPAWN, "lib/b.ex": SPAWN.replace("Mail", "B")})
    assert run("plan", "lib/a", at=tmp_path).out.splitlines()[-1] == "2 new, 0 kept"
    assert sorted(read(tmp_path / ".otp-genesis/plan")) == sorted(DOCUMENTS)


@pytest.mark.parametrize("path", ["nowhere", "folder", "folder/a.ex"])
def test_what_is_no_project(tmp_path: Path, path: str) -> None:
    write(tmp_path, {"folder/a.ex": SPAWN})
    status, out, err = run("plan", path, at=tmp_path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("otp-genesis plan: ")


def test_what_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    write(tmp_path, {".otp-genesis/plan/README.md": b"\xff\xfe"})
    status, out, err = run("plan", at=tmp_path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("otp-genesis plan: .otp-genesis/plan/README.md is not UTF-8 text")
    assert list(read(tmp_path / ".otp-genesis/plan")) == ["README.md"]
