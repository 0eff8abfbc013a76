"""`otp-genesis fix`: what it shows, what it writes, what it says of what it leaves alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.command_line import run, write, write_shop

SPAWN = "defmodule Shop.Mail do\n  def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)\nend\n"
TASK = "defmodule Shop.Log do\n  def note(text), do: Task.start(fn -> Shop.Disk.put(text) end)\nend\n"
QUIET = "defmodule Shop.Price do\n  def sum(items), do: Enum.sum(items)\nend\n"


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.ex*")}


def test_a_diff_is_the_default_and_writes_nothing(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    before = contents(tmp_path)
    ran = run("fix", "--unsafe", at=tmp_path)
    assert ran.status == 1
    assert ran.out.startswith("--- a/lib/a.ex\n+++ b/lib/a.ex\n@@ ")
    assert "+++ b/lib/shop/application.ex\n" in ran.out
    assert ran.err.splitlines()[0] == "lib/a.ex:2 OTP101 unsupervised-spawn: would be fixed"
    assert any(line.startswith("note: ") for line in ran.err.splitlines())
    assert contents(tmp_path) == before


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_diff_and_the_writing_make_the_same_of_a_project(tmp_path: Path, newline: str) -> None:
    files = {"lib/a.ex": SPAWN.replace("\n", newline), "lib/ü.ex": TASK.replace("\n", newline)}
    patched, written = write_shop(tmp_path / "patched", files), write_shop(tmp_path / "written", files)
    diff = run("fix", "--unsafe", "--diff", at=patched).out
    subprocess.run(["git", "apply", "-"], cwd=patched, input=diff.encode(), check=True)
    ran = run("fix", "--unsafe", "--write", at=written)
    assert (ran.status, ran.out) == (0, "lib/a.ex\nlib/shop/application.ex\nlib/ü.ex\n")
    assert contents(patched) == contents(written)
    assert b"{Task.Supervisor, name: Shop.TaskSupervisor}" in contents(written)["lib/shop/application.ex"]
    assert run("check", "--fail-on", "hint", at=written).status == 0


def test_twice_changes_nothing(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    run("fix", "--unsafe", "--write", at=tmp_path)
    before = contents(tmp_path)
    assert run("fix", "--unsafe", "--write", at=tmp_path) == (0, "", "nothing to fix\n")
    assert run("fix", "--unsafe", at=tmp_path) == (0, "", "nothing to fix\n")
    assert contents(tmp_path) == before


def test_what_changes_behaviour_is_left_out_and_said(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    assert run("fix", at=tmp_path) == (
        0,
        "",
        "1 more can be fixed with --unsafe, which may change what the program does\n",
    )


def test_nothing_to_fix(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    assert run("fix", "--unsafe", at=tmp_path) == (0, "", "nothing to fix\n")


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        ([], ["lib/a.ex", "lib/b.ex"]),
        (["--select", "OTP102"], ["lib/b.ex"]),
        (["--ignore", "unsupervised-task"], ["lib/a.ex"]),
        (["lib/b.ex"], ["lib/b.ex"]),
    ],
)
def test_only_what_was_asked_for_is_fixed(tmp_path: Path, arguments: list[str], changed: list[str]) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN, "lib/b.ex": TASK})
    ran = run("fix", "--unsafe", "--write", *arguments, at=tmp_path)
    assert ran.out.splitlines() == [*changed, "lib/shop/application.ex"]


def test_what_is_refused_is_said_with_its_reason(tmp_path: Path) -> None:
    write(tmp_path, {"a.ex": SPAWN})
    status, out, err = run("fix", "a.ex", "--unsafe", at=tmp_path)
    assert (status, out) == (0, "")
    assert err.splitlines()[1].startswith("a.ex:2 OTP101 unsupervised-spawn: not fixed: ")


def test_a_file_that_can_not_be_written_leaves_all_as_they_are(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    (tmp_path / "lib/shop/application.ex").chmod(0o444)
    before = contents(tmp_path)
    assert run("fix", "--unsafe", "--write", at=tmp_path) == (
        2,
        "",
        "otp-genesis fix: lib/shop/application.ex is read-only; nothing was written\n",
    )
    assert contents(tmp_path) == before


def test_usage_errors(tmp_path: Path) -> None:
    assert run("fix", at=tmp_path).err.startswith("otp-genesis fix: ")
    assert run("fix", "--select", "zzz", at=tmp_path) == (
        2,
        "",
        "otp-genesis fix: --select: no rule 'zzz'; 'otp-genesis rules' lists them\n",
    )
