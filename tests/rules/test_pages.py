"""The documents that are made of the rules are those of the rules as they are."""

from __future__ import annotations

from scripts.rule_pages import FOLDER, documents


def test_pages_are_up_to_date() -> None:
    written = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}
    made = documents()
    outdated = sorted(name for name in written.keys() | made.keys() if written.get(name) != made.get(name))
    assert not outdated, "write them again with `make docs`"


def test_links_lead_to_files() -> None:
    for name, text in documents().items():
        for target in linked(text):
            assert (FOLDER / target).exists(), (name, target)


def linked(markdown: str) -> list[str]:
    """The relative targets of the links outside of code."""
    prose = "".join(markdown.split("```")[::2])
    targets = [part.partition(")")[0] for part in prose.split("](")[1:]]
    return [target for target in targets if "://" not in target]
