"""Which lines git calls changed, in real repositories, and that nothing which they configure is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from otp_genesis_refactorers.git.changed_lines import ChangedLines, changed_since, read_patch
from otp_genesis_refactorers.git.repository import NoHistory
from tests.git.repositories import committed, git, trap, write

LINES = "one\ntwo\nthree\nfour\nfive\n"


def new_lines(root: Path, path: str, revision: str = "HEAD") -> list[int]:
    changed = changed_since(root, revision)
    return [line for line in range(1, 20) if changed.touches(path, line, line)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (LINES, []),
        (LINES.replace("two", "2"), [2]),
        (LINES.replace("two\nthree", "2\n3"), [2, 3]),
        (LINES.replace("two", "2").replace("five", "5"), [2, 5]),
        (LINES.replace("three\n", ""), []),
        (LINES.replace("three\n", "three\nnew\nnew\n"), [4, 5]),
        ("zero\n" + LINES, [1]),
        (LINES + "six", [6]),
        (LINES.replace("three", "++ three"), [3]),
        (LINES.replace("three", "++ b/lib/b.ex\n@@ -1 +1 @@"), [3, 4]),
        (LINES.replace("\n", "\r\n"), [1, 2, 3, 4, 5]),
        (LINES.replace("two", "2\x0c2\u2028\x85"), [2]),
        (LINES.replace("two", "\0"), [2]),
        ("", []),
    ],
)
def test_changed_lines(tmp_path: Path, text: str, lines: list[int]) -> None:
    committed(tmp_path, {"lib/a.ex": LINES, "lib/b.ex": LINES})
    write(tmp_path, {"lib/a.ex": text})
    assert new_lines(tmp_path, "lib/a.ex") == lines
    assert new_lines(tmp_path, "lib/b.ex") == []


def test_without_a_line_break_at_the_end(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": "one\ntwo", "b.ex": LINES})
    write(tmp_path, {"a.ex": "one\n2", "b.ex": LINES + "six"})
    assert (new_lines(tmp_path, "a.ex"), new_lines(tmp_path, "b.ex")) == ([2], [6])


def test_staged_committed_and_unsaved_changes_count_alike(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    git(tmp_path, "tag", "v1")
    write(tmp_path, {"a.ex": LINES.replace("one", "1")})
    git(tmp_path, "commit", "--quiet", "--all", "--message", "second")
    write(tmp_path, {"a.ex": LINES.replace("one", "1").replace("two", "2")})
    git(tmp_path, "add", "--all")
    write(tmp_path, {"a.ex": LINES.replace("one", "1").replace("two", "2").replace("five", "5")})
    assert new_lines(tmp_path, "a.ex", "v1") == [1, 2, 5]
    assert new_lines(tmp_path, "a.ex") == [2, 5]


def test_a_file_that_is_only_touched(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES})
    os.utime(tmp_path / "a.ex", (1, 1))
    assert new_lines(tmp_path, "a.ex") == []


def test_new_files(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES, ".gitignore": "ignored.ex\n"})
    names = ["new.ex", "lib/deep/new.exs", 'b é\t"x".ex', "added.ex", "intended.ex"]
    write(tmp_path, dict.fromkeys([*names, "ignored.ex", "new.txt"], LINES))
    git(tmp_path, "add", "added.ex")
    git(tmp_path, "add", "--intent-to-add", "intended.ex", names[2])
    for name in names:
        assert new_lines(tmp_path, name)[:5] == [1, 2, 3, 4, 5], name
    for name in ("ignored.ex", "new.txt", "a.ex"):
        assert new_lines(tmp_path, name) == [], name


def test_a_renamed_file_keeps_its_old_lines(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES * 3})
    git(tmp_path, "mv", "a.ex", "b c.ex")
    write(tmp_path, {"b c.ex": LINES * 3 + "new\n"})
    assert new_lines(tmp_path, "b c.ex") == [16]


def test_a_project_in_a_folder_of_the_repository(tmp_path: Path) -> None:
    committed(tmp_path, {"shop/lib/a.ex": LINES, "other/lib/a.ex": LINES})
    write(
        tmp_path,
        {"shop/lib/a.ex": LINES.replace("two", "2"), "other/lib/a.ex": LINES * 2, "shop/lib/n.ex": ""},
    )
    changed = changed_since(tmp_path / "shop", "HEAD")
    assert changed == ChangedLines({"lib/a.ex": (range(2, 3),)}, frozenset({"lib/n.ex"}))


def test_in_a_worktree_and_from_a_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(tmp_path / "main", {"a.ex": LINES})
    git(tmp_path / "main", "worktree", "add", "--quiet", "../tree")
    write(tmp_path / "tree", {"a.ex": LINES.replace("two", "2")})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "main" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "half written"))
    assert new_lines(tmp_path / "tree", "a.ex") == [2]


def test_what_the_repository_sets_changes_nothing(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ex": LINES, "b.ex": LINES})
    for setting in (
        "diff.noprefix=false",
        "diff.mnemonicPrefix=true",
        "diff.context=9",
        "diff.interHunkContext=9",
        "diff.renames=false",
        "diff.relative=false",
        "color.ui=always",
        "color.diff=always",
        "core.pager=false",
    ):
        git(tmp_path, "config", *setting.split("="))
    write(
        tmp_path, {".gitattributes": "*.ex binary\n", "a.ex": LINES.replace("two", "2").replace("four", "4")}
    )
    assert new_lines(tmp_path, "a.ex") == [2, 4]


def test_no_program_of_the_repository_is_run(tmp_path: Path) -> None:
    root = committed(tmp_path / "shop", {"a.ex": LINES, "b.ex": LINES})
    was_run = tmp_path / "was run"
    trap(root, was_run)
    write(root, {".gitattributes": "a.ex filter=trap diff=trap\nb.ex filter=a=b.c diff=trap\n"})
    write(root, {"a.ex": LINES.replace("two", "2"), "b.ex": LINES.replace("five", "5")})
    changed = changed_since(root, "HEAD")
    assert changed.lines == {"a.ex": (range(2, 3),), "b.ex": (range(5, 6),)}
    assert not was_run.exists()
    subprocess.run(["git", "diff", "HEAD"], cwd=root, capture_output=True, check=False, timeout=60)
    assert was_run.exists(), "the traps work"


@pytest.mark.parametrize(
    "revision", ["nowhere", "", "--output=out.txt", "HEAD..HEAD", "HEAD:a.ex", "0" * 40, "HEAD nowhere"]
)
def test_an_unknown_revision(tmp_path: Path, revision: str) -> None:
    committed(tmp_path, {"a.ex": LINES})
    with pytest.raises(NoHistory, match="knows no commit"):
        changed_since(tmp_path, revision)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "a.ex"]


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoHistory, match="is in no git repository"):
        changed_since(tmp_path, "HEAD")
    git(tmp_path, "init", "--quiet", "--bare")
    with pytest.raises(NoHistory, match="knows no commit 'HEAD'"):
        changed_since(tmp_path, "HEAD")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoHistory, match="git was not found"):
        changed_since(tmp_path, "HEAD")


def test_a_patch_that_is_cut_short() -> None:
    assert read_patch(b"+++ a.ex\n@@ -1 +1,9 @@\n-a\n+b") == {"a.ex": (range(1, 10),)}
    assert read_patch(b"") == {}
