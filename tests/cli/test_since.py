"""`check --since`: only what a branch has changed, with the whole project in view."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import run, write, write_shop
from tests.cli.shop import NOTE, QUIET, WARNING, check_json, one_line, paths_in
from tests.git.repositories import committed, git


def commit(root: Path) -> Path:
    return committed(root, {})


def test_only_findings_on_changed_lines(tmp_path: Path) -> None:
    commit(write_shop(tmp_path, {"lib/a.ex": WARNING, "lib/b.ex": NOTE}))
    write(tmp_path, {"lib/a.ex": f"{WARNING}\n# more\n", "lib/b.ex": NOTE.replace("mail", "letter")})
    result, ran = check_json("--since", "HEAD", at=tmp_path)
    assert (ran.status, paths_in(result), result.files) == (0, ["lib/b.ex"], 4)
    assert run("check", at=tmp_path).status == 1


def test_new_files_count_as_changed(tmp_path: Path) -> None:
    commit(write_shop(tmp_path, {"lib/a.ex": WARNING}))
    write(tmp_path, {"lib/b.ex": WARNING.replace("Orders", "B"), "lib/c.ex": NOTE})
    git(tmp_path, "add", "lib/c.ex")
    assert paths_in(check_json("--since", "HEAD", at=tmp_path)[0]) == ["lib/b.ex", "lib/c.ex"]


def test_the_summary_says_it(tmp_path: Path) -> None:
    commit(write_shop(tmp_path, {"lib/a.ex": WARNING}))
    ran = run("check", "--since", "HEAD", at=tmp_path)
    assert ran == (0, "no findings in 3 files; only lines changed since HEAD are shown\n", "")


def test_with_a_baseline(tmp_path: Path) -> None:
    commit(write_shop(tmp_path, {"lib/a.ex": WARNING}))
    run("check", "--write-baseline", "base.json", at=tmp_path)
    write(tmp_path, {"lib/b.ex": NOTE, "lib/a.ex": WARNING.replace("spawn(fn", "spawn( fn")})
    ran = run("check", "--baseline", "base.json", "--since", "HEAD", "lib/b.ex", at=tmp_path)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("lib/b.ex:2:23 note OTP101 ")


@pytest.mark.parametrize("folder", ["", "backend"])
def test_an_umbrella_at_the_root_and_below_it(tmp_path: Path, folder: str) -> None:
    root = tmp_path / folder
    write(root, {"mix.exs": 'defmodule U do\n  def project, do: [apps_path: "apps"]\nend\n'})
    for app in ("one", "two"):
        write_shop(root / "apps" / app, {"lib/a.ex": WARNING.replace("Orders", app.title())})
    commit(tmp_path)
    write(root, {"apps/two/lib/a.ex": WARNING.replace("(order)", "(order, 1)").replace("Orders", "Two")})
    assert paths_in(check_json("--since", "HEAD", at=root)[0]) == ["apps/two/lib/a.ex"]
    assert paths_in(check_json("--since", "HEAD", at=root / "apps/two")[0]) == ["lib/a.ex"]
    assert paths_in(check_json("--since", "HEAD", at=root / "apps/one")[0]) == []


def test_a_finding_about_a_module_counts_when_its_line_changed(tmp_path: Path) -> None:
    code = "defmodule Shop.Mail do\n  # otp-genesis:ignore OTP101 -- was needed\n  def send, do: :ok\nend\n"
    commit(write_shop(tmp_path, {"lib/a.ex": code}))
    write(tmp_path, {"lib/a.ex": code.replace(":ok", ":sent")})
    assert check_json("--since", "HEAD", at=tmp_path)[0].findings == []
    write(tmp_path, {"lib/a.ex": code.replace("was needed", "was needed once")})
    assert [f.code for f in check_json("--since", "HEAD", at=tmp_path)[0].findings] == ["OTP001"]


@pytest.mark.parametrize(
    ("repository", "revision", "message"),
    [
        (True, "nowhere", "git knows no commit 'nowhere' in {root}: give a branch, a tag or a commit"),
        (True, "--all", "git knows no commit '--all' in {root}"),
        (False, "HEAD", "{root} is in no git repository"),
    ],
)
def test_what_git_does_not_know(tmp_path: Path, repository: bool, revision: str, message: str) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    if repository:
        commit(tmp_path)
    ran = run("check", f"--since={revision}", at=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert one_line(ran).startswith(f"otp-genesis check: --since: {message.format(root=tmp_path)}")
