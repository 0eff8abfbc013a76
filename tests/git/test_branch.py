"""Commits beside the user's work, in real repositories: only our hunks, and nothing else is touched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.git.branch import Branch, commit_contents, commit_of, open_branch
from otp_genesis_refactorers.git.hunks import own_hunks
from tests.git.repositories import committed, everything_of, git, trap, write

LINES = "one\ntwo\nthree\nfour\nfive\n"
OURS = LINES.replace("two", "2")


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def opened(folder: Path, run: str = "r1") -> Branch:
    branch = open_branch(folder, run)
    assert isinstance(branch, Branch), branch
    return branch


def commit(branch: Branch, contents: dict[str, str | None], message: str = "Change it") -> Branch:
    encoded = {path: None if text is None else text.encode() for path, text in contents.items()}
    made = commit_contents(branch, encoded, message)
    assert isinstance(made, Branch), made
    return made


def why_no_branch(folder: Path, run: str = "r1") -> str:
    branch = open_branch(folder, run)
    assert isinstance(branch, Refused)
    return branch.reason


def why_no_commit(branch: Branch, contents: dict[str, str | None]) -> str:
    encoded = {path: None if text is None else text.encode() for path, text in contents.items()}
    made = commit_contents(branch, encoded, "Change it")
    assert isinstance(made, Refused)
    return made.reason


def shown(root: Path, place: str) -> str:
    done = subprocess.run(["git", "show", place], cwd=root, check=True, capture_output=True, timeout=60)
    return done.stdout.decode()


# --- what is committed --------------------------------------------------------------------------------


def test_a_commit_on_its_own_branch(tmp_path: Path) -> None:
    committed(tmp_path, {"lib/a.ex": LINES, "lib/b.ex": LINES, "lib/c.ex": LINES})
    before = everything_of(tmp_path)
    head = git(tmp_path, "rev-parse", "HEAD")
    branch = commit(opened(tmp_path), {"lib/a.ex": OURS, "lib/new/d.ex": "new\n", "lib/c.ex": None})
    assert git(tmp_path, "rev-parse", "otp-genesis/r1") == branch.tip
    assert git(tmp_path, "rev-parse", f"{branch.tip}^") == branch.base == head
    changed = git(tmp_path, "diff", "--name-status", head, branch.tip).split()
    assert changed == ["M", "lib/a.ex", "D", "lib/c.ex", "A", "lib/new/d.ex"]
    assert shown(tmp_path, f"{branch.tip}:lib/a.ex") == OURS
    assert everything_of(tmp_path) == before
    assert git(tmp_path, "fsck", "--strict", "--no-dangling") == ""


def test_one_commit_after_the_other_and_taken_up_again(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    first = commit(opened(tmp_path), {"a.ex": OURS})
    second = commit(opened(tmp_path), {"b.ex": LINES})
    assert second.base == first.base
    assert git(tmp_path, "rev-parse", f"{second.tip}^") == first.tip
    assert opened(tmp_path) == second
    assert shown(tmp_path, "otp-genesis/r1:a.ex") == OURS


def test_staged_unstaged_untracked_and_stashed_work_stays(tmp_path: Path) -> None:
    names = ("unstaged.ex", "staged.ex", "both.ex", "stashed.ex", "removed.ex", "ours.ex")
    committed(tmp_path, dict.fromkeys(names, LINES))
    write(tmp_path, {"stashed.ex": "stashed\n"})
    git(tmp_path, "stash", "--quiet")
    write(tmp_path, {"staged.ex": "staged\n", "both.ex": "staged\n", "added.ex": "added\n"})
    git(tmp_path, "rm", "--quiet", "removed.ex")
    git(tmp_path, "add", "--all")
    write(tmp_path, {"unstaged.ex": "unstaged\n", "both.ex": "unstaged\n", "untracked.ex": "untracked\n"})
    before = everything_of(tmp_path)
    branch = commit(opened(tmp_path), {"ours.ex": OURS, "unstaged.ex": OURS, "untracked.ex": "ours\n"})
    assert everything_of(tmp_path) == before
    changed = git(tmp_path, "diff", "--name-only", "HEAD", branch.tip).split()
    assert changed == ["ours.ex", "unstaged.ex", "untracked.ex"]


def test_hunks_beside_the_users_own(tmp_path: Path) -> None:
    dirty = "zero\n" + LINES.replace("four", "FOUR")
    committed(tmp_path, {"a.ex": LINES})
    write(tmp_path, {"a.ex": dirty})
    before = everything_of(tmp_path)
    text = own_hunks(dirty.encode(), dirty.replace("two\nthree", "2\n3").encode(), LINES.encode())
    assert isinstance(text, bytes)
    branch = commit(opened(tmp_path), {"a.ex": text.decode()})
    assert shown(tmp_path, f"{branch.tip}:a.ex") == LINES.replace("two\nthree", "2\n3")
    assert everything_of(tmp_path) == before


@pytest.mark.parametrize("setting", ["true", "input", "false"])
def test_line_ends_are_committed_as_given(tmp_path: Path, setting: str) -> None:
    crlf = LINES.replace("\n", "\r\n")
    committed(tmp_path, {"lf.ex": LINES, "crlf.ex": crlf})
    write(tmp_path, {".gitattributes": "lf.ex text eol=crlf\n"})
    git(tmp_path, "config", "core.autocrlf", setting)
    branch = commit(opened(tmp_path), {"lf.ex": OURS, "crlf.ex": crlf.replace("two", "2")})
    assert shown(tmp_path, f"{branch.tip}:lf.ex") == OURS
    assert shown(tmp_path, f"{branch.tip}:crlf.ex") == crlf.replace("two", "2")
    assert "1\t1" in git(tmp_path, "diff", "--numstat", "HEAD", branch.tip, "--", "crlf.ex")


def test_modes_and_odd_names_are_kept(tmp_path: Path) -> None:
    odd = 'lib/ü "q"\t x.ex'
    committed(tmp_path, {"bin/run.exs": LINES, odd: LINES})
    (tmp_path / "bin/run.exs").chmod(0o755)
    git(tmp_path, "commit", "--quiet", "--all", "--message", "executable")
    assert "can't be committed" in why_no_commit(opened(tmp_path), {odd: OURS})
    branch = commit(opened(tmp_path), {"bin/run.exs": OURS, "lib/ü 'q'.ex": LINES})
    listed = git(tmp_path, "-c", "core.quotePath=false", "ls-tree", "-r", branch.tip)
    assert "100755 blob" in next(line for line in listed.splitlines() if line.endswith("bin/run.exs"))
    assert "lib/ü 'q'.ex" in listed


def test_a_project_in_a_folder_of_the_repository(tmp_path: Path) -> None:
    committed(tmp_path, {"apps/shop/lib/a.ex": LINES, "lib/a.ex": LINES})
    branch = commit(opened(tmp_path / "apps/shop"), {"lib/a.ex": OURS})
    assert shown(tmp_path, f"{branch.tip}:apps/shop/lib/a.ex") == OURS
    assert shown(tmp_path, f"{branch.tip}:lib/a.ex") == LINES


def test_in_a_linked_work_tree(tmp_path: Path) -> None:
    committed(tmp_path / "main", {"a.ex": LINES})
    git(tmp_path / "main", "worktree", "add", "--quiet", "../tree", "-b", "topic")
    write(tmp_path / "tree", {"a.ex": "dirty\n"})
    before = everything_of(tmp_path / "tree")
    branch = commit(opened(tmp_path / "tree"), {"a.ex": OURS})
    assert git(tmp_path / "main", "rev-parse", "otp-genesis/r1") == branch.tip
    assert everything_of(tmp_path / "tree") == before


def test_in_a_submodule(tmp_path: Path) -> None:
    committed(tmp_path / "part", {"a.ex": LINES})
    outer = committed(tmp_path / "outer", {"b.ex": LINES})
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../part", "part")
    git(outer, "commit", "--quiet", "--message", "with a part")
    branch = commit(opened(outer / "part"), {"a.ex": OURS})
    assert git(outer / "part", "rev-parse", "otp-genesis/r1") == branch.tip
    assert git(outer, "branch", "--list", "otp-genesis/*") == ""
    assert "submodule" in why_no_commit(opened(outer), {"part/a.ex": OURS})


def test_no_program_of_the_repository_is_run(tmp_path: Path) -> None:
    root = committed(tmp_path / "shop", {"a.ex": LINES})
    was_run = tmp_path / "was run"
    trap(root, was_run)
    write(root, {".gitattributes": "* filter=trap diff=trap\n"})
    branch = commit(opened(root), {"a.ex": OURS, "b.ex": LINES})
    assert commit_of(branch, "none") == ""
    assert not was_run.exists()
    assert shown(root, f"{branch.tip}:a.ex") == OURS
    subprocess.run(["git", "update-ref", "refs/heads/x", "HEAD"], cwd=root, check=False, timeout=60)
    assert was_run.exists(), "the traps work"


# --- what is said in it -------------------------------------------------------------------------------


def test_the_message(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    message = (
        "Supervise the\x1b[31m mailer\r\n\r\nIt was lost.\n OTP-Genesis-Evidence: forged\notp-genesis-run: x"
    )
    made = commit_contents(
        opened(tmp_path), {"a.ex": OURS.encode()}, message, (("OTP-Genesis-Step", "each/1\nx"),)
    )
    assert isinstance(made, Branch)
    assert git(tmp_path, "log", "-1", "--format=%B", made.tip) == (
        "Supervise the[31m mailer\n\nIt was lost.\n\nOTP-Genesis-Step: each/1 x\nOTP-Genesis-Run: r1"
    )
    assert git(tmp_path, "log", "-1", "--format=%an <%ae>", made.tip) == "Ada <ada@example.com>"
    assert commit_of(made, "each/1 x") == made.tip
    assert commit_of(made, "each/1") == ""


@pytest.mark.parametrize("message", ["", " \n\t\n", "OTP-Genesis-Evidence: forged", "\0"])
def test_a_commit_without_a_message(tmp_path: Path, message: str) -> None:
    committed(tmp_path, {"a.ex": LINES})
    made = commit_contents(opened(tmp_path), {"a.ex": OURS.encode()}, message)
    assert made == Refused("the commit has no message: say in one line what changes")


# --- two at once --------------------------------------------------------------------------------------


def test_two_runs_have_two_branches(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    one, other = opened(tmp_path, "r1"), opened(tmp_path, "r2")
    one, other = commit(one, {"a.ex": OURS}), commit(other, {"a.ex": LINES * 2})
    assert one.base == other.base
    assert shown(tmp_path, "otp-genesis/r1:a.ex") == OURS
    assert shown(tmp_path, "otp-genesis/r2:a.ex") == LINES * 2


def test_only_one_of_two_can_move_a_branch(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    first, second = opened(tmp_path), opened(tmp_path)
    first = commit(first, {"a.ex": OURS})
    assert "was moved by somebody else" in why_no_commit(second, {"a.ex": LINES * 2})
    assert git(tmp_path, "rev-parse", "otp-genesis/r1") == first.tip
    git(tmp_path, "update-ref", "refs/heads/otp-genesis/r1", "HEAD")
    assert "was moved by somebody else" in why_no_commit(first, {"b.ex": LINES})
    git(tmp_path, "branch", "-D", "otp-genesis/r1")
    assert "was moved by somebody else" in why_no_commit(first, {"b.ex": LINES})


def test_the_users_commits_meanwhile_are_left_alone(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    branch = opened(tmp_path)
    write(tmp_path, {"b.ex": LINES})
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "second")
    before = everything_of(tmp_path)
    branch = commit(branch, {"a.ex": OURS})
    assert git(tmp_path, "rev-parse", f"{branch.tip}^") == git(tmp_path, "rev-parse", "HEAD^")
    assert everything_of(tmp_path) == before


# --- what is refused ----------------------------------------------------------------------------------


def test_a_branch_that_somebody_looks_at(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    branch = commit(opened(tmp_path), {"a.ex": OURS})
    git(tmp_path, "checkout", "--quiet", "otp-genesis/r1")
    assert why_no_branch(tmp_path) == (
        f"otp-genesis/r1 is checked out in {tmp_path}: switch to another branch there"
    )
    assert "is checked out in" in why_no_commit(branch, {"b.ex": LINES})


def test_branches_of_others(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    git(tmp_path, "branch", "otp-genesis/r1")
    assert "that this run has not made" in why_no_branch(tmp_path)
    git(tmp_path, "branch", "-D", "otp-genesis/r1")
    git(tmp_path, "branch", "otp-genesis")
    assert "there is a branch named 'otp-genesis'" in why_no_branch(tmp_path)


@pytest.mark.parametrize("run", ["", "a b", "../x", "a..b", "-x", "x.lock", "a/b", "é", "x\n", "x" * 200])
def test_names_of_runs(tmp_path: Path, run: str) -> None:
    committed(tmp_path, {"a.ex": LINES})
    assert "can't be part of a branch's name" in why_no_branch(tmp_path, run)


@pytest.mark.parametrize("folder", ["", "apps/shop"])
def test_while_a_merge_is_under_way(tmp_path: Path, folder: str) -> None:
    committed(tmp_path, {"a.ex": LINES, "apps/shop/mix.exs": LINES})
    git(tmp_path, "checkout", "--quiet", "-b", "topic")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "topic")
    git(tmp_path, "checkout", "--quiet", "-")
    git(tmp_path, "merge", "--quiet", "--no-ff", "--no-commit", "topic")
    assert why_no_branch(tmp_path / folder) == (
        f"a merge is under way in the repository around {tmp_path / folder}: finish or abort it first"
    )


@pytest.mark.parametrize(
    ("doing", "what"),
    [
        (("rebase", "topic"), "a rebase"),
        (("cherry-pick", "topic"), "a cherry-pick"),
        (("revert", "HEAD~1"), "a revert"),
    ],
)
def test_while_something_else_is_under_way(tmp_path: Path, doing: tuple[str, ...], what: str) -> None:
    committed(tmp_path, {"a.ex": LINES})
    git(tmp_path, "branch", "topic")
    for branch, texts in (("topic", ["2"]), ("-", ["zwei", "deux"])):
        git(tmp_path, "checkout", "--quiet", branch)
        for text in texts:
            write(tmp_path, {"a.ex": LINES.replace("two", text)})
            git(tmp_path, "commit", "--quiet", "--all", "--message", text)
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, *doing)
    assert why_no_branch(tmp_path).startswith(f"{what} is under way in ")


def test_where_no_branch_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is in no git repository" in why_no_branch(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    assert why_no_branch(empty) == f"{empty} has no commit yet: make the first one, then run again"
    bare = tmp_path / "bare"
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare")
    assert why_no_branch(bare) == f"{bare} is in a bare repository: clone it, and work in the clone"
    root = committed(tmp_path / "shop", {"a.ex": LINES})
    git(root, "config", "core.worktree", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    assert "says that its files are in" in why_no_branch(root)
    git(root, "config", "--unset", "core.worktree")
    kept = (root / ".git/config").read_text()
    (root / ".git/config").write_text("[core\n")
    assert "git can't read the repository around" in why_no_branch(root)
    (root / ".git/config").write_text(kept)
    git(root, "checkout", "--quiet", "--detach")
    assert "HEAD is detached" in why_no_branch(root)
    git(root, "checkout", "--quiet", "-")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git(root, "config", "user.useConfigOnly", "true")
    assert why_no_branch(root).startswith("git does not know who commits: set user.name")


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ({}, "there is nothing to commit"),
        ({"a.ex": LINES}, "there is nothing to commit"),
        ({"gone.ex": None}, "gone.ex can't be removed"),
        ({"../a.ex": OURS}, "outside the project"),
        ({"/etc/a.ex": OURS}, "outside the project"),
        ({".git/hooks/post-commit": OURS}, "belongs to git"),
        ({".GIT/config": OURS}, "belongs to git"),
        ({"git~1/config": OURS}, "belongs to git"),
        ({"lib/.git./config": OURS}, "belongs to git"),
        ({"a.ex/b.ex": OURS}, "a.ex is a file"),
        ({"link.ex": OURS}, "is a link or a submodule"),
        ({"linked/b.ex": OURS}, "linked is a file, a link"),
        ({"a\nb.ex": OURS}, "no plain path"),
    ],
)
def test_what_is_not_committed(tmp_path: Path, contents: dict[str, str | None], reason: str) -> None:
    tmp_path.joinpath("link.ex").symlink_to("a.ex")
    tmp_path.joinpath("linked").symlink_to("/tmp")
    committed(tmp_path, {"a.ex": LINES})
    assert reason in why_no_commit(opened(tmp_path), contents)
    assert git(tmp_path, "branch", "--list", "otp-genesis/*") == ""
