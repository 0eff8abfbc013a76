"""Evidence is kept apart from the project, and shown to people without a way to mislead them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from otp_genesis_refactorers.change import content_hash
from otp_genesis_refactorers.proof.evidence import Evidence, FileRecord, GateRecord, TestRecord, store, stored
from otp_genesis_refactorers.proof.evidence_text import as_markdown, as_table, as_trailer

EVIDENCE = Evidence(
    made_at=datetime(2026, 11, 21, 10, 30, tzinfo=UTC),
    verdict="rejected",
    reason="a test fails",
    finding=None,
    gates=(
        GateRecord(name="scope", status="pass", seconds=0.01),
        GateRecord(
            name="existing_tests", status="fail", reason="a `test` | fails", details="a\n```\nb", seconds=2
        ),
        GateRecord(name="necessity", status="not_run", reason="not reached"),
    ),
    seconds=2.5,
    isolation="bubblewrap",
    tools={"Elixir": "1.14.0"},
    base_commit="",
    files=(
        FileRecord(path="lib/a.ex", before="", after=content_hash(b"new")),
        FileRecord(path="b", before="1", after=""),
    ),
    patch="--- a/lib/a.ex\n",
    test=TestRecord(path="test/a_test.exs", source="assert true\n"),
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_it_is_kept_for_its_project_alone(tmp_path: Path) -> None:
    root, other = tmp_path / "shop", tmp_path / "bank"
    root.mkdir()
    file = store(root, EVIDENCE)
    assert not file.is_relative_to(root)
    assert stored(root, EVIDENCE.id) == EVIDENCE
    assert stored(root, EVIDENCE.id[:6]) == EVIDENCE
    assert stored(other, EVIDENCE.id) is None


@pytest.mark.parametrize("name", ["", "../x", "*", "zzz"])
def test_an_id_is_no_path(tmp_path: Path, name: str) -> None:
    store(tmp_path, EVIDENCE)
    assert stored(tmp_path, name) is None


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    store(tmp_path, EVIDENCE).write_text("{}")
    assert stored(tmp_path, EVIDENCE.id) is None


def test_it_fits_the_files_that_it_speaks_of() -> None:
    def read(path: str) -> bytes:
        if path == "lib/a.ex":
            return b"new"
        raise FileNotFoundError(path)

    assert EVIDENCE.fits(read)
    assert not EVIDENCE.fits(lambda path: b"new")
    assert not EVIDENCE.fits(lambda path: b"other")


def test_as_a_table() -> None:
    assert as_table(EVIDENCE).splitlines() == [
        "scope           passed     0.01 s",
        "existing_tests  FAILED     2.00 s  a `test` | fails",
        "necessity       not run    0.00 s  not reached",
        "Rejected: a test fails",
    ]


def test_as_markdown_that_nothing_breaks_out_of() -> None:
    text = as_markdown(EVIDENCE)
    assert text.startswith("# Rejected: the patch\n\na test fails\n")
    assert "| existing\\_tests" not in text
    assert "| existing_tests | FAILED | 2.00 | a \\`test\\` \\| fails |" in text
    assert "````\na\n```\nb\n````" in text
    assert "```elixir\nassert true\n```" in text


def test_as_a_trailer() -> None:
    assert as_trailer(EVIDENCE) == f"OTP-Genesis-Evidence: {EVIDENCE.id} rejected (1 gates passed)"
