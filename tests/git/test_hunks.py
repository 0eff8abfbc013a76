"""What a run has changed in a file, carried over to another state of it."""

from __future__ import annotations

import pytest

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.git.hunks import own_hunks

COMMITTED = "a\nb\nc\nd\ne\n"


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [
        (COMMITTED, "a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n"),
        ("a\nb\nc\nd\nE\n", "a\nB\nc\nd\nE\n", "a\nB\nc\nd\ne\n"),
        ("new\na\nb\nc\nd\ne\n", "new\na\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n"),
        ("a\nb\nC\nd\ne\n", "a\nB\nC\nd\ne\n", "a\nB\nc\nd\ne\n"),
        ("a\nb\nC\nd\ne\n", "a\nb\nC\nour\nd\ne\n", "a\nb\nc\nour\nd\ne\n"),
        ("a\nb\nC\nd\ne\n", "a\nb\nour\nC\nd\ne\n", "a\nb\nour\nc\nd\ne\n"),
        ("a\nb\nd\ne\n", "a\nb\nd\n", "a\nb\nc\nd\n"),
        ("a\nb\nC\nd\ne\n", COMMITTED, COMMITTED),
        (COMMITTED + "f", COMMITTED + "f", COMMITTED),
        (COMMITTED.replace("\n", "\r\n"), "a\r\nB\r\nc\r\nd\r\ne\r\n", "a\nB\nc\nd\ne\n"),
        ("", "our\n", None),
    ],
)
def test_only_our_lines(before: str, after: str, result: str | None) -> None:
    text = own_hunks(before.encode(), after.encode(), COMMITTED.encode())
    assert text == (result.encode() if result is not None else text)
    assert isinstance(text, bytes) == (result is not None)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("a\nX\nc\nd\ne\n", "a\nB\nc\nd\ne\n", 2),
        ("a\nX\nY\nd\ne\n", "a\nb\nc\nD\ne\n", 2),
        ("a\nb\nnew\nc\nd\ne\n", "a\nb\nNEW\nc\nd\ne\n", 3),
        ("a\nb\nd\ne\n", "a\nb\nour\nd\ne\n", 3),
        ("a\nX\nY\nZ\ne\n", "a\nX\nour\nY\nZ\ne\n", 2),
    ],
)
def test_lines_that_the_user_is_changing(before: str, after: str, line: int) -> None:
    text = own_hunks(before.encode(), after.encode(), COMMITTED.encode())
    assert isinstance(text, Refused)
    assert text.reason.startswith(f"line {line} and those after it are being changed by somebody else too")
