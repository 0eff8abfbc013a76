"""Changes of our own: what nothing needs is left out, where a patch from outside is rejected for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.proof.verification import Proved, Request, prove
from tests.patches.corpus import projects, request_for


def proved(project: str, name: str, folder: Path) -> tuple[Request, Proved]:
    """A change of the corpus, as one of our own."""
    patched = next(each for each in projects() if each.name == project)
    root = patched.write(folder)
    case = next(each for each in patched.cases if each.name == name)
    assert "necessity" in case.expect
    request = request_for(case, root, engine.load(root).project)
    assert isinstance(request, Request)
    return request, prove(replace(request, ours=True))


@pytest.mark.usefixtures("own_folders")
def test_what_the_tests_run_and_do_not_need_is_left_out(tmp_path: Path) -> None:
    request, outcome = proved("quiz", "sleep, and the code changed to fit", tmp_path)
    assert outcome.evidence.verdict == "verified"
    assert set(request.contents) == {"lib/quiz/counter.ex", "test/quiz/counter_test.exs"}
    assert set(outcome.contents) == {"test/quiz/counter_test.exs"}
    assert [file.path for file in outcome.evidence.files] == ["test/quiz/counter_test.exs"]


@pytest.mark.usefixtures("own_folders")
def test_what_no_test_runs_is_kept(tmp_path: Path) -> None:
    request, outcome = proved("till", "job with one more arity", tmp_path)
    assert outcome.evidence.verdict == "verified"
    assert outcome.contents == request.contents
