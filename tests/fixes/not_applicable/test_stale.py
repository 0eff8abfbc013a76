"""Every fix, when the file is not the one in which something was found: the user is told to check again."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.fixes import fix
from tests.fixes.corpus import examples
from tests.fixes.fixing import STRICT, project_of
from tests.fixes.judging import DETERMINISTIC

FIRST = {name.partition("-")[0]: files for name, files in reversed(list(examples(only_fixed=True)))}


def found_in(code: str) -> tuple[Finding, dict[str, bytes]]:
    files = {path: text.encode() for path, text in FIRST[code].items()}
    found = engine.check(project_of(files), STRICT)
    return next(one for one in found if one.code == code and one.fix in DETERMINISTIC), files


@pytest.mark.parametrize("code", FIRST)
def test_a_file_in_which_something_else_stands_by_now(code: str) -> None:
    finding, files = found_in(code)
    now = project_of(files | {finding.path: b"defmodule Other do\nend\n"})
    assert fix(finding, now) == Refused(f"{finding.path} has changed since it was checked: check it again")


@pytest.mark.parametrize("code", FIRST)
def test_a_file_that_is_gone(code: str) -> None:
    finding, files = found_in(code)
    now = project_of({path: text for path, text in files.items() if path != finding.path})
    refusal = fix(finding, now)
    assert isinstance(refusal, Refused)
    assert refusal.reason in (
        f"{finding.path} can't be read: No such file",
        f"{finding.path} has changed since it was checked: check it again",
    )
