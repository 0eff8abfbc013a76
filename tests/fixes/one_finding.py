"""Verbs for the tests of one rule's fix: the first finding of a text is fixed, or the fix is refused."""

from __future__ import annotations

from otp_genesis_refactorers.change import Change, Refused
from tests.fixes.fixing import changed_files, decoded, files_of, fixed, project_of


def run_fix(code: str, text: str) -> tuple[dict[str, str], Change] | Refused:
    """The changed files of the first finding of a rule, put through the gates."""
    return _run(code, files_of(text))


def _run(code: str, files: dict[str, bytes]) -> tuple[dict[str, str], Change] | Refused:
    project = project_of(files)
    change = fixed(project, (code,))
    return change if isinstance(change, Refused) else (decoded(changed_files(change, project)), change)


def fixed_files(code: str, text: str) -> dict[str, str]:
    result = run_fix(code, text)
    assert not isinstance(result, Refused), result.reason
    return result[0]


def check_becomes(code: str, text: str, *parts: str) -> Change:
    """The fix leaves all `parts` in the changed files, in this order."""
    result = run_fix(code, text)
    assert not isinstance(result, Refused), result.reason
    files, change = result
    content = "".join(files[path] for path in sorted(files))
    places = [content.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), content
    return change


def check_fixed(code: str, before: str, after: str) -> Change:
    """The changed files are those of `after`, with either line break."""
    result = run_fix(code, before)
    assert not isinstance(result, Refused), result.reason
    files, change = result
    assert files == decoded(files_of(after))
    windows = {path: text.replace(b"\n", b"\r\n") for path, text in files_of(before).items()}
    again = _run(code, windows)
    assert not isinstance(again, Refused), again.reason
    assert again[0] == {path: text.replace("\n", "\r\n") for path, text in files.items()}
    return change


def check_refused(code: str, text: str, part: str) -> None:
    refusal = run_fix(code, text)
    assert isinstance(refusal, Refused), refusal
    assert part in refusal.reason
    assert "\n" not in refusal.reason
