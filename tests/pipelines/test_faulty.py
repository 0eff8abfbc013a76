"""Every mistake is refused with its file, line and column, and what to write instead.

A file of `faulty/` says in its first comments what is expected of it: `line:column: its beginning`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.pipelines import pipeline, problems

FILES = sorted((Path(__file__).parent / "faulty").glob("*.yaml"))
OTHER = "- {name: find, type: search, pattern: '{{ inputs.file }}'}\n"


def test_there_are_many() -> None:
    assert len(FILES) >= 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_mistake_is_named(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / file.name
    copy.write_text(file.read_text())
    pipeline(tmp_path, OTHER, name="other.yaml", top="inputs: {file: {type: string}}\n")
    found = problems(copy, tmp_path)
    expected = [
        line.removeprefix("# expect ")
        for line in file.read_text().splitlines()
        if line.startswith("# expect ")
    ]
    assert len(found) == len(expected), found
    for wanted in expected:
        assert any(said.startswith(f"{copy}:{wanted}") for said in found), (wanted, found)
    for said in found:
        assert "; " in said, "it says what to write instead"
