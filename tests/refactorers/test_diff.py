"""Every diff is given to the real `git apply` and `patch -p1`, which must make the new bytes of the old."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.applying.diff import unified, unified_change, unified_files
from otp_genesis_refactorers.change import Change, Edit, FileChange, file_change

MANY = b"".join(b"line %d\n" % number for number in range(1000))

CASES: dict[str, tuple[bytes, bytes]] = {
    "one line": (b"a\nb\nc\n", b"a\nB\nc\n"),
    "crlf": (b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n"),
    "mixed line ends": (b"a\r\nb\nc\r\n", b"a\r\nB\nc\r\nd\n"),
    "lone returns": (b"a\rb\nc\n", b"a\rb\nC\n"),
    "byte order mark": (b"\xef\xbb\xbfa\nb\n", b"\xef\xbb\xbfa\nB\n"),
    "no final newline before": (b"a\nb", b"a\nb\n"),
    "no final newline after": (b"a\nb\n", b"a\nb"),
    "no final newline in both": (b"a\nb", b"A\nb"),
    "no final newline, last line": (b"a\nb", b"a\nB"),
    "two hunks": (MANY, MANY.replace(b"line 10\n", b"ten\n").replace(b"line 900\n", b"")),
    "lines like headers": (b"-- a\n++ b\nc\n", b"-- A\n++ B\nc\n"),
    "form feed and separators": ("a\x0c\u2028b\nc\n".encode(), "a\x0c\u2028B\nc\n".encode()),
    "not utf-8": (b"\xff\xfe\na\n", b"\xff\xfe\nb\n"),
    "emptied": (b"a\n", b""),
    "filled": (b"", b"a\n"),
}


def apply_diff(diff: str, tool: list[str], folder: Path) -> None:
    subprocess.run(
        tool, cwd=folder, input=diff.encode("utf-8", "surrogateescape"), check=True, capture_output=True
    )


GIT = ["git", "apply", "--whitespace=nowarn", "-"]
PATCH = ["patch", "-p1", "--binary", "--silent"]


@pytest.mark.parametrize("tool", [GIT, PATCH], ids=["git", "patch"])
@pytest.mark.parametrize("path", ["lib/a.ex", "lib/with blank.ex", "lib/größe.ex"])
@pytest.mark.parametrize("name", CASES)
def test_the_tools_take_it(name: str, path: str, tool: list[str], tmp_path: Path) -> None:
    before, after = CASES[name]
    file = tmp_path / path
    file.parent.mkdir()
    file.write_bytes(before)
    apply_diff(unified(path, before, after), tool, tmp_path)
    left = file.read_bytes() if file.exists() else b""  # patch removes a file that it empties
    assert left == after


@pytest.mark.parametrize("tool", [GIT, PATCH], ids=["git", "patch"])
def test_a_new_file_beside_a_changed_one(tool: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.ex").write_bytes(b"a\n")
    diff = unified_files({"a.ex": b"a\n"}, {"a.ex": b"b\n", "lib/new.ex": b"new\nfile"})
    apply_diff(diff, tool, tmp_path)
    assert (tmp_path / "a.ex").read_bytes() == b"b\n"
    assert (tmp_path / "lib/new.ex").read_bytes() == b"new\nfile"


def test_nothing_changed() -> None:
    assert unified("a.ex", b"a\n", b"a\n") == ""


def test_the_diff_of_a_change() -> None:
    change = Change(
        title="Change it",
        kind=FixKind.SAFE,
        files=(
            file_change("lib/b.ex", b"one\ntwo\n", [Edit(Span.between(4, 7), "2")]),
            FileChange("lib/a.ex", "", (Edit(Span(0, 0), "new\n"),)),
        ),
    )
    assert unified_change(change, {"lib/b.ex": b"one\ntwo\n"}) == (
        "--- /dev/null\n+++ b/lib/a.ex\n@@ -0,0 +1 @@\n+new\n"
        "--- a/lib/b.ex\n+++ b/lib/b.ex\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    )
