"""Unified diffs from anywhere: applied exactly, or refused with the gate that they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from otp_genesis_refactorers.applying.diff import unified
from otp_genesis_refactorers.applying.patch import MAX_PATCH_BYTES, PatchRefused, apply_patch

LINES = "".join(f"line {n}\n" for n in range(1, 31))
CHANGE = "@@ -4,3 +4,3 @@\n line 4\n-line 5\n+LINE 5\n line 6\n"
HEADER = "--- a/lib/a.ex\n+++ b/lib/a.ex\n"


def applied(
    root: Path, patch: str | bytes, files: Mapping[str, str | bytes] | None = None
) -> dict[str, bytes | None] | PatchRefused:
    for path, text in (files if files is not None else {"lib/a.ex": LINES}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    patch = patch if isinstance(patch, bytes) else patch.encode()
    result = apply_patch(patch, root, lambda path: (root / path).read_bytes())
    return result if isinstance(result, PatchRefused) else dict(result)


def check(root: Path, patch: str | bytes, expected: Mapping[str, str | None], **files: str) -> None:
    result = applied(root, patch, {f"lib/{name}.ex": text for name, text in files.items()} or None)
    assert result == {path: None if text is None else text.encode() for path, text in expected.items()}


def check_refused(root: Path, gate: str, part: str, patch: str | bytes) -> None:
    refused = applied(root, patch)
    assert isinstance(refused, PatchRefused), refused
    assert (refused.gate, part in refused.reason) == (gate, True), refused.reason


CHANGED = LINES.replace("line 5\n", "LINE 5\n")


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        "--- lib/a.ex\n+++ lib/a.ex\n",
        "--- a/lib/a.ex\t2026-11-21 10:00:00\n+++ b/lib/a.ex\t2026-11-21 10:00:01\n",
        "diff --git a/lib/a.ex b/lib/a.ex\nindex 83db48f..bf269f4 100644\n" + HEADER,
        '--- "a/lib/\\141.ex"\n+++ "b/lib/\\141.ex"\n',
        "Some words before it.\n\n" + HEADER,
    ],
    ids=["git", "plain", "dated", "git with its header", "quoted", "in a mail"],
)
def test_headers(tmp_path: Path, header: str) -> None:
    check(tmp_path, header + CHANGE, {"lib/a.ex": CHANGED})


def test_names_from_the_top_of_a_repository(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/a.ex").write_text(LINES)
    patch = (HEADER + CHANGE).replace("lib/a.ex", "apps/shop/lib/a.ex").encode()
    new = apply_patch(
        patch, tmp_path, lambda path: (tmp_path / path).read_bytes(), repository_path="apps/shop"
    )
    assert new == {"lib/a.ex": CHANGED.encode()}


def test_lines_that_have_moved(tmp_path: Path) -> None:
    moved = "new\nnew\n" + LINES
    check(tmp_path, HEADER + CHANGE, {"lib/a.ex": "new\nnew\n" + CHANGED}, a=moved)


def test_every_hunk_moves_as_the_one_before(tmp_path: Path) -> None:
    patch = HEADER + CHANGE + "@@ -20,1 +20,2 @@\n line 20\n+more\n"
    expected = ("new\n" + CHANGED).replace("line 20\n", "line 20\nmore\n")
    check(tmp_path, patch, {"lib/a.ex": expected}, a="new\n" + LINES)


def test_nothing_is_guessed(tmp_path: Path) -> None:
    check_refused(tmp_path, "applies", "line 4 of lib/a.ex", HEADER + CHANGE.replace("line 4", "line four"))
    twice = "x\n" * 40 + LINES + LINES
    refused = applied(tmp_path, HEADER + CHANGE, {"lib/a.ex": twice})
    assert isinstance(refused, PatchRefused)


def test_new_and_removed_and_renamed_files(tmp_path: Path) -> None:
    check(tmp_path, "--- /dev/null\n+++ b/lib/b.ex\n@@ -0,0 +1 @@\n+one\n", {"lib/b.ex": "one\n"})
    check(tmp_path, "--- a/lib/c.ex\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n", {"lib/c.ex": None}, c="one\n")
    rename = (
        "diff --git a/lib/d.ex b/lib/e.ex\nsimilarity index 100%\nrename from lib/d.ex\nrename to lib/e.ex\n"
    )
    check(tmp_path, rename, {"lib/d.ex": None, "lib/e.ex": "one\n"}, d="one\n")


def test_bytes_are_kept(tmp_path: Path) -> None:
    for old, new in [
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\nb", "a\nc"),
        ("a\nb", "a\nb\n"),
        ("a\n", "a\nb"),
        ("ü\n", "ö\x0c\u2028\n"),
        ("", "a\n"),
    ]:
        patch = unified("lib/a.ex", old.encode(), new.encode())
        check(tmp_path, patch, {"lib/a.ex": new}, a=old)
    assert applied(tmp_path, unified("lib/a.ex", b"\xff\n", b"\xfe\n").encode(errors="surrogateescape"),
                   {"lib/a.ex": b"\xff\n"}) == {"lib/a.ex": b"\xfe\n"}  # fmt: skip


def test_what_git_makes(tmp_path: Path) -> None:
    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True).stdout

    git("init", "--quiet")
    (tmp_path / "a b.ex").write_text(LINES)
    git("add", ".")
    (tmp_path / "a b.ex").write_text(CHANGED.replace("line 29\n", ""))
    patch = git("diff")
    git("checkout", "--", ".")
    expected = {"a b.ex": CHANGED.replace("line 29\n", "").encode()}
    assert applied(tmp_path, patch, {}) == expected


@pytest.mark.parametrize(
    "path",
    [
        "../b.ex",
        "lib/../../b.ex",
        "/etc/b.ex",
        "lib/./b.ex",
        ".git/hooks/x",
        "lib/.git/x",
        "C:b.ex",
        "nul.ex",
    ],
)
def test_paths_that_nobody_may_change(tmp_path: Path, path: str) -> None:
    check_refused(
        tmp_path, "scope", "the patch changes", f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+one\n"
    )


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.ex").write_text(LINES)
    project = tmp_path / "project"
    project.mkdir()
    (project / "lib").symlink_to(tmp_path / "elsewhere")
    refused = applied(project, HEADER + CHANGE, {})
    assert isinstance(refused, PatchRefused)
    assert "behind a symbolic link" in refused.reason
    link = "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc/passwd\n"
    check_refused(project, "scope", "a link", link)


def test_what_is_refused_besides(tmp_path: Path) -> None:
    check_refused(tmp_path, "applies", "which does not exist", (HEADER + CHANGE).replace("a.ex", "z.ex"))
    check_refused(
        tmp_path, "applies", "exists already", "--- /dev/null\n+++ b/lib/a.ex\n@@ -0,0 +1 @@\n+one\n"
    )
    check_refused(tmp_path, "applies", "twice", (HEADER + CHANGE) * 2)
    check_refused(
        tmp_path, "applies", "does not name all", "--- a/lib/a.ex\n+++ /dev/null\n@@ -1 +0,0 @@\n-line 1\n"
    )
    check_refused(tmp_path, "applies", "no diff", "I have mended it.\n")
    check_refused(tmp_path, "applies", "no unified diff", HEADER + "@@ -1,9 +1,9 @@\n line 1\n")
    check_refused(tmp_path, "scope", "KiB", HEADER + "x" * MAX_PATCH_BYTES)
    mode = "diff --git a/lib/a.ex b/lib/a.ex\nold mode 100644\nnew mode 100755\n"
    check_refused(tmp_path, "scope", "the mode of", mode)
    binary = (
        "diff --git a/lib/a.ex b/lib/a.ex\nindex 1..2 100644\nBinary files a/lib/a.ex and b/lib/a.ex differ\n"
    )
    check_refused(tmp_path, "scope", "a binary file", binary)
