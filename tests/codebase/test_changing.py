"""Edits on a layer of their own: exact, confined, undone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.codebase import (
    Codebase,
    Snapshot,
    TextEdit,
    carry_over,
    moved_to,
    open_commit,
    open_files,
)
from otp_genesis_refactorers.git.branch import Branch, commit_contents, open_branch
from tests.codebase.projects import MAILER, change, files_below, linked_folder, of_commit, of_files, sure, why
from tests.git.repositories import git, write

Make = Callable[..., Codebase]
both = pytest.mark.parametrize("make", [of_files, of_commit])
SUPERVISED = MAILER.replace("spawn(fn", "Task.Supervisor.start_child(Till.Tasks, fn")


def refused(codebase: Codebase, path: str, old: str, new: str) -> str:
    return why(codebase.propose([TextEdit(path, old, new)]))


def applied(content: str, old: str, new: str, root: Path) -> bytes:
    codebase = of_files(root, {"lib/a.ex": content})
    change(codebase, "lib/a.ex", old, new)
    result = codebase.content("lib/a.ex")
    assert isinstance(result, bytes)
    return result


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Make, Codebase]:
    """Code bases whose folders hold links that lead out of them."""
    return {make: make(linked_folder(tmp_path_factory.mktemp("linked"))) for make in (of_files, of_commit)}


# --- edits --------------------------------------------------------------------------------------------


@both
def test_an_edit_changes_the_layer_and_no_file(tmp_path: Path, make: Make) -> None:
    codebase = make(tmp_path)
    before = files_below(tmp_path)
    assert codebase.findings("OTP101") != ()
    change(codebase, "lib/mailer.ex", "spawn(fn", "Task.Supervisor.start_child(Till.Tasks, fn")
    assert codebase.content("lib/mailer.ex") == SUPERVISED.encode()
    assert codebase.changed == {"lib/mailer.ex": SUPERVISED.encode()}
    assert codebase.findings("OTP101") == ()
    assert files_below(tmp_path) == before


@both
def test_the_diff_is_one_that_git_takes(tmp_path: Path, make: Make) -> None:
    codebase = make(tmp_path, {"lib/gone.ex": "# gone\n"})
    change(codebase, "lib/mailer.ex", "spawn(fn", "Task.Supervisor.start_child(Till.Tasks, fn")
    change(codebase, "lib/new.ex", "", "# new")
    assert codebase.lay({"lib/gone.ex": None}) is None
    (tmp_path / "d.diff").write_text(codebase.diff())
    git(tmp_path, "apply", "d.diff")
    assert (tmp_path / "lib/mailer.ex").read_text() == SUPERVISED
    assert (tmp_path / "lib/new.ex").read_text() == "# new\n"
    assert not (tmp_path / "lib/gone.ex").exists()


def test_several_edits_are_one_change(tmp_path: Path) -> None:
    codebase = of_files(tmp_path)
    proposed = codebase.propose(
        [
            TextEdit("lib/mailer.ex", "{:ok, mail}", "mail"),
            TextEdit("lib/new.ex", "", "defmodule New do\nend\n"),
            TextEdit("lib/mailer.ex", ":error", "nil"),
        ]
    )
    assert isinstance(proposed, Change)
    assert codebase.changed == {}
    assert codebase.apply(proposed) is None
    assert (
        codebase.content("lib/mailer.ex")
        == MAILER.replace("{:ok, mail}", "mail").replace(":error", "nil").encode()
    )
    assert codebase.project.module("New") is not None


@pytest.mark.parametrize(
    ("content", "old", "new", "result"),
    [
        ("a\nb\n", "a\nb", "c", b"c\n"),
        ("a\r\nb\r\n", "a\nb", "c\nd", b"c\r\nd\r\n"),
        ("a\r\nb\r\n", "a\r\nb", "c\r\nd", b"c\r\nd\r\n"),
        ("\ufeffa\nb", "a\nb", "c", b"\xef\xbb\xbfc"),
        ("é\nb", "é", "ü", "ü\nb".encode()),
        ("a\nb", "b", "", b"a\n"),
    ],
)
def test_bytes_are_kept(tmp_path: Path, content: str, old: str, new: str, result: bytes) -> None:
    assert applied(content, old, new, tmp_path) == result


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("", "x", "exists already"),
        ("spawn(fn", "spawn(fn", "changes nothing"),
        ("deliver(", "send(", "stands 3 times in lib/mailer.ex, in lines 7, 11, 12"),
        ("def nowhere(at, all)", "x", "does not stand in lib/mailer.ex"),
        ("zzzzzzzz", "x", "nor anything like it"),
        ("\udcff", "x", "characters that no text has"),
        ("spawn(fn", "\0", "characters that no text has"),
    ],
)
def test_edits_that_do_not_fit(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert reason in refused(of_files(tmp_path), "lib/mailer.ex", old, new)


def test_what_comes_closest_is_shown(tmp_path: Path) -> None:
    reason = refused(
        of_files(tmp_path), "lib/mailer.ex", "def send_off(mail) do\n  spawn(fn -> deliver(mail) end)\n", "x"
    )
    assert "What reads most like it begins at line 6:\n  def send_off(mail) do\n" in reason
    assert reason.endswith("    spawn(fn -> deliver(mail) end)")
    assert "begins at line 11:\n" in refused(
        of_files(tmp_path), "lib/mailer.ex", "def deliver(mail) when is_list(mail), do: {:ok, mail}", "x"
    )


def test_changes_that_can_not_be_made(tmp_path: Path) -> None:
    codebase = of_files(tmp_path)
    assert "there are 0 edits" in why(codebase.propose([]))
    twice = [
        TextEdit("lib/mailer.ex", "spawn(fn -> deliver", "x"),
        TextEdit("lib/mailer.ex", "spawn(fn", "y"),
    ]
    assert "two edits of lib/mailer.ex change the same text" in why(codebase.propose(twice))
    assert "make it with one edit" in refused(codebase, "lib/new.ex", "old", "new")
    proposed = codebase.propose([TextEdit("lib/mailer.ex", "spawn(fn", "x")])
    created = codebase.propose([TextEdit("lib/new.ex", "", "x")])
    assert isinstance(proposed, Change)
    assert isinstance(created, Change)
    change(codebase, "lib/mailer.ex", ":error", "nil")
    change(codebase, "lib/new.ex", "", "first")
    assert (
        why(codebase.apply(proposed)) == "lib/mailer.ex is not what the change was made from: make it again"
    )
    assert why(codebase.apply(created)) == "lib/new.ex exists already"


def test_patches(tmp_path: Path) -> None:
    codebase = of_commit(tmp_path / "repository")
    other = of_commit(tmp_path / "other")
    change(other, "lib/mailer.ex", ":error", "nil")
    new = codebase.propose_patch(other.diff().encode())
    assert new == other.changed
    assert "there is no diff" in why(codebase.propose_patch(b"hello"))
    assert "outside" in why(codebase.propose_patch(b"--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n"))
    write(tmp_path / "repository", {"lib/new.ex": "untracked"})
    created = codebase.propose_patch(b"--- /dev/null\n+++ b/lib/new.ex\n@@ -0,0 +1 @@\n+x\n")
    assert created == {"lib/new.ex": b"x\n"}


# --- confinement --------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../a.ex", "outside the project"),
        ("/tmp/a.ex", "outside the project"),
        (".git/hooks/pre-commit", "belongs to git"),
        ("lib/.gitattributes", "belongs to git"),
        ("deps/a/a.ex", "a dependency"),
        ("_build/a.ex", "belongs to a build"),
        (".hidden/a.ex", "a hidden folder"),
        (".env", "where keys are kept"),
        ("link.ex", "symbolic link"),
        ("linked/a.ex", "symbolic link"),
        ("lib/MAILER.ex", "the same file on some systems"),
        ("lib/mailer.ex/a.ex", ""),
        ("lib", ""),
    ],
)
def test_what_is_never_made(linked: Mapping[Make, Codebase], make: Make, path: str, reason: str) -> None:
    codebase = linked[make]
    for answer in (codebase.propose([TextEdit(path, "", "x")]), codebase.lay({path: b"x"})):
        assert reason in why(answer)
    assert codebase.changed == {}


def test_files_with_other_names_are_not_changed(tmp_path: Path) -> None:
    codebase = of_files(tmp_path)
    os.link(tmp_path / "lib/mailer.ex", tmp_path / "lib/other.ex")
    assert "is a hard link" in refused(codebase, "lib/mailer.ex", ":error", "nil")
    assert isinstance(codebase.content("lib/mailer.ex"), bytes)


def test_a_step_keeps_to_its_scope(tmp_path: Path) -> None:
    codebase = of_files(tmp_path)
    limited = codebase.limited_to(["lib/mailer.ex", "test/*_test.exs"])
    reason = "lib/till.ex is not among the files that this step may change"
    assert refused(limited, "lib/till.ex", "total", "sum") == reason
    assert why(limited.lay({"lib/till.ex": b""})) == reason
    assert "not among" in refused(limited, "lib/sub/lib/mailer.ex", "", "x")
    change(limited, "lib/mailer.ex", ":error", "nil")
    change(limited, "test/mailer_test.exs", "", "# test")
    assert sorted(codebase.changed) == ["lib/mailer.ex", "test/mailer_test.exs"]


# --- going back ---------------------------------------------------------------------------------------


@both
def test_snapshots(tmp_path: Path, make: Make) -> None:
    codebase = make(tmp_path)
    change(codebase, "lib/mailer.ex", ":error", "nil")
    kept = codebase.snapshot().dump()
    change(codebase, "lib/mailer.ex", "nil", "none")
    assert codebase.lay({"lib/till.ex": None, "lib/odd.ex": b"\xff"}) is None
    odd = codebase.snapshot().dump()
    assert codebase.roll_back(Snapshot.load(kept)) is None
    assert codebase.changed == {"lib/mailer.ex": MAILER.replace(":error", "nil").encode()}
    assert codebase.roll_back(Snapshot.load(odd)) is None
    assert codebase.changed["lib/odd.ex"] == b"\xff"
    assert codebase.changed["lib/till.ex"] is None
    assert "is of commit abc" in why(codebase.roll_back(Snapshot("abc", {})))


@both
def test_a_change_undone_is_none(tmp_path: Path, make: Make) -> None:
    codebase = make(tmp_path)
    change(codebase, "lib/mailer.ex", ":error", "nil")
    change(codebase, "lib/mailer.ex", "nil", ":error")
    change(codebase, "lib/new.ex", "", "x")
    assert codebase.lay({"lib/new.ex": None}) is None
    assert codebase.changed == {}
    assert "there is no lib/new.ex" in why(codebase.lay({"lib/new.ex": None}))


def test_forks_know_nothing_of_each_other(tmp_path: Path) -> None:
    codebase = of_files(tmp_path)
    change(codebase, "lib/mailer.ex", ":error", "nil")
    fork = codebase.fork()
    change(fork, "lib/mailer.ex", "nil", "none")
    assert codebase.content("lib/mailer.ex") == MAILER.replace(":error", "nil").encode()
    assert fork.content("lib/mailer.ex") == MAILER.replace(":error", "none").encode()


# --- from commit to commit ----------------------------------------------------------------------------


def test_moving_to_what_was_committed(tmp_path: Path) -> None:
    codebase = of_commit(tmp_path)
    branch = open_branch_as_ada(tmp_path)
    change(codebase, "lib/mailer.ex", "spawn(fn", "Task.Supervisor.start_child(Till.Tasks, fn")
    change(codebase, "lib/new.ex", "", "defmodule New do\nend\n")
    committed = commit_contents(branch, codebase.changed, "Supervise it")
    assert isinstance(committed, Branch)
    moved = sure(moved_to(codebase, committed.tip))
    assert moved.changed == {}
    assert moved.content("lib/mailer.ex") == SUPERVISED.encode()
    assert moved.project is codebase.project
    assert moved.project.module("New") is not None
    assert moved.findings("OTP101") == ()
    assert sure(moved_to(moved, "HEAD")).findings("OTP101") != ()
    assert "git knows no commit" in why(moved_to(moved, "nowhere"))


def open_branch_as_ada(root: Path) -> Branch:
    git(root, "config", "user.name", "Ada")
    git(root, "config", "user.email", "ada@example.com")
    branch = open_branch(root, "r1")
    assert isinstance(branch, Branch), branch
    return branch


def test_editors_hold_a_file_that_is_a_link(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    of_files(root)
    (root / "lib/linked.ex").symlink_to("../../outside.ex")
    codebase = sure(open_files(root, {"lib/linked.ex": b"# open\n"}))
    assert codebase.content("lib/linked.ex") == b"# open\n"
    assert "symbolic link" in why(codebase.lay({"lib/linked.ex": b"x"}))


# --- from the user's files to the commit --------------------------------------------------------------


def carried(root: Path, edit: TextEdit) -> Codebase | Refused:
    """A code base of the commit with an edit that was made on the user's files."""
    working, target = sure(open_files(root)), sure(open_commit(root))
    change(working, edit.path, edit.old, edit.new)
    refusal = carry_over(working, target)
    return refusal or target


def test_only_our_hunks_are_carried_to_the_commit(tmp_path: Path) -> None:
    of_commit(tmp_path)
    write(tmp_path, {"lib/mailer.ex": MAILER.replace(":error", "nil"), "lib/new.ex": "# new\n"})
    target = carried(
        tmp_path, TextEdit("lib/mailer.ex", "spawn(fn", "Task.Supervisor.start_child(Till.Tasks, fn")
    )
    assert isinstance(target, Codebase)
    assert target.changed == {"lib/mailer.ex": SUPERVISED.encode()}
    made = carried(tmp_path, TextEdit("lib/other.ex", "", "# other"))
    assert isinstance(made, Codebase)
    assert made.changed == {"lib/other.ex": b"# other\n"}


def test_what_the_user_is_changing_is_not_carried(tmp_path: Path) -> None:
    of_commit(tmp_path)
    write(tmp_path, {"lib/mailer.ex": MAILER.replace(":error", "nil"), "lib/new.ex": "# new\n"})
    reason = why(carried(tmp_path, TextEdit("lib/mailer.ex", "nil", "none")))
    assert reason.startswith("the change of lib/mailer.ex can't be committed: line 12 ")
    assert "not in the last commit" in why(carried(tmp_path, TextEdit("lib/new.ex", "new", "old")))
    (tmp_path / "lib/till.ex").unlink()
    assert "was removed since" in why(carried(tmp_path, TextEdit("lib/till.ex", "", "# again")))
