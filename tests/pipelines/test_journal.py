"""How long runs are remembered."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from otp_genesis_refactorers.pipelines.journal import Journal
from otp_genesis_refactorers.pipelines.outcome import Outcome


def journal_with(folder: Path, *runs: str) -> Journal:
    journal = Journal(folder)
    for run in runs:
        journal.begin(run, "test", "test.yaml", "hash", folder, {})
        attempt = journal.step_began(run, "find", "search", "inputs")
        journal.step_ended(run, "find", attempt, Outcome(), "", broken=False)
        journal.replies(run, "find").keep("key", b"reply", b"request")
        (journal.folder_of(run) / "output").mkdir()
        journal.end(run, "done")
    return journal


def test_a_run_of_long_ago_is_forgotten_with_all_that_it_made(tmp_path: Path) -> None:
    with closing(journal_with(tmp_path, "one", "two")) as journal:
        journal.forget_old(days=1)
        assert len(journal.runs()) == 2
        journal.forget_old(days=0)
        assert journal.runs() == []
        assert journal.steps("one") == []
        assert journal.replies("one", "find").find("key") is None
        assert [file.name for file in tmp_path.iterdir() if file.is_dir()] == []


def test_a_run_that_is_under_way_is_kept(tmp_path: Path) -> None:
    with closing(journal_with(tmp_path, "one", "two")) as journal, journal.held("one"):
        journal.forget_old(days=0)
        assert [record.id for record in journal.runs()] == ["one"]
        assert journal.steps("one")
