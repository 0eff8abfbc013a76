"""Which finding a comment keeps quiet. The examples are Elixir; `spawn` is what was found."""

import pytest

from otp_genesis_analyzers.findings import Confidence, Finding, Severity
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.suppressions import keeping_quiet, suppressions_in


def finding_in(source: Source) -> Finding:
    start = source.content.index(b"spawn(")
    return Finding(
        code="OTP101",
        name="unsupervised-spawn",
        severity=Severity.WARNING,
        confidence=Confidence.EXACT,
        path=source.path,
        span=Span(start, 5),
        message="",
    )


def is_quiet(code: str | bytes) -> bool:
    source = Source("lib/a.ex", code.encode() if isinstance(code, str) else code)
    finding = finding_in(source)
    return bool(keeping_quiet(finding, suppressions_in(source), source.lines.line_of(finding.span.start)))


QUIET = {
    "at the end of the line": "spawn(f) # otp-genesis:ignore OTP101 -- ends with the VM\n",
    "alone on the line above": "# otp-genesis:ignore OTP101 -- why\nspawn(f)\n",
    "above, with another comment between": "# otp-genesis:ignore OTP101 -- why\n# and more\nspawn(f)\n",
    "above, below another comment": "# warms up\n# otp-genesis:ignore OTP101 -- why\nspawn(f)\n",
    "indented": "def f do\n    # otp-genesis:ignore OTP101 -- why\n    spawn(f)\nend\n",
    "by name": "spawn(f) # otp-genesis:ignore unsupervised-spawn -- why\n",
    "one of several, by commas": "spawn(f) # otp-genesis:ignore OTP103, OTP101 -- why\n",
    "one of several, by blanks": "spawn(f) # otp-genesis:ignore OTP103 OTP101 -- why\n",
    "in small letters": "spawn(f) # otp-genesis:ignore otp101 -- why\n",
    "without a reason": "spawn(f) # otp-genesis:ignore OTP101\n",
    "after another tool's comment": "spawn(f) # credo:disable # otp-genesis:ignore OTP101 -- why\n",
    "without blanks": "spawn(f) #otp-genesis:ignore OTP101 -- why\n",
    "in the whole file": "# otp-genesis:ignore-file OTP101 -- a script\n\ndef f do\n  spawn(f)\nend\n",
    "in the whole file, from its end": "spawn(f)\n\n# otp-genesis:ignore-file OTP101 -- a script\n",
    "inside a pipe": "f\n# otp-genesis:ignore OTP101 -- why\n|> spawn()\n",
    "with CRLF": "# otp-genesis:ignore OTP101\r\nspawn(f)\r\n",
    "behind emoji": '"👩‍🚒"; spawn(f) # otp-genesis:ignore OTP101 -- why 🔥\n',
    "while the file is broken": "spawn(f) # otp-genesis:ignore OTP101 -- why\n\ndef g do\n  [1, {\n",
}

LOUD = {
    "another rule": "spawn(f) # otp-genesis:ignore OTP102 -- why\n",
    "the start of a code": "spawn(f) # otp-genesis:ignore OTP1 -- why\n",
    "no rule": "spawn(f) # otp-genesis:ignore -- why\n",
    "a code only in the reason": "spawn(f) # otp-genesis:ignore OTP102 -- not OTP101\n",
    "a blank line between": "# otp-genesis:ignore OTP101 -- why\n\nspawn(f)\n",
    "code between": "# otp-genesis:ignore OTP101 -- why\nx = 1\nspawn(f)\n",
    "the line below": "spawn(f)\n# otp-genesis:ignore OTP101 -- why\n",
    "the end of the line above": "x = 1 # otp-genesis:ignore OTP101 -- why\nspawn(f)\n",
    "a sentence about it": "spawn(f) # we could write otp-genesis:ignore OTP101 here\n",
    "a string": 'spawn("# otp-genesis:ignore OTP101")\n',
    "a sigil": "spawn(~s(# otp-genesis:ignore OTP101))\n",
    "a heredoc": 'x = """\n# otp-genesis:ignore OTP101\n"""\nspawn(f)\n',
    "a heredoc, for the whole file": '@doc """\n# otp-genesis:ignore-file OTP101\n"""\nspawn(f)\n',
    "an unknown word": "spawn(f) # otp-genesis:disable OTP101 -- why\n",
    "no mark": "spawn(f) # ignore OTP101 -- why\n",
}


@pytest.mark.parametrize("code", QUIET.values(), ids=QUIET)
def test_quiet(code: str) -> None:
    assert is_quiet(code)


@pytest.mark.parametrize("code", LOUD.values(), ids=LOUD)
def test_loud(code: str) -> None:
    assert not is_quiet(code)


def test_what_a_comment_says() -> None:
    code = b"x\n  # otp-genesis:ignore OTP101, unsupervised-task -- slow -- but safe\nspawn(f)\n"
    source = Source("lib/a.ex", code)
    [suppression] = suppressions_in(source)
    assert suppression.rules == ("OTP101", "unsupervised-task")
    assert suppression.reason == "slow -- but safe"
    assert suppression.line == 2
    assert source.text(suppression.span) == code.decode().splitlines()[1].strip()


def test_text_that_is_not_utf8_is_read_on() -> None:
    assert is_quiet(b'"\xff\xfe"; spawn(f) # otp-genesis:ignore OTP101 -- why \xff\n')
