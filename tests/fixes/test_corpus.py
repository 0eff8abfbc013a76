"""A sample of the corpus; `bench/fixes.py` fixes all of it and prints the table of `docs/fixes.md`."""

from __future__ import annotations

from pathlib import Path

from tests.fixes.corpus import Spelled, examples, fixed, project_in, spelled
from tests.fixes.judging import Outcome
from tests.fixes.spellings import FORMATTED, ROUGH

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"
AS_IT_IS = "as it is"
ONE_IN = 11


def sample() -> list[Spelled]:
    """Of everything but the examples as they are, which are in `tests/rules`."""
    return spelled(examples(only_fixed=True), lambda spelling: spelling != AS_IT_IS, ONE_IN)


def wrong(outcomes: list[Outcome]) -> list[tuple[str, str, str, str]]:
    return [(o.code, o.source, o.place, o.reason) for o in outcomes if o.status == "wrong"]


def test_no_fix_is_wrong_however_the_code_is_written() -> None:
    projects = sample()
    assert {project.spelling for project in projects} == {*FORMATTED, *ROUGH} - {AS_IT_IS}
    outcomes = fixed(projects)
    assert wrong(outcomes) == []
    assert len({outcome.code for outcome in outcomes}) > 30
    assert sum(outcome.status == "offered" for outcome in outcomes) > 150


def test_no_fix_of_the_example_project_is_wrong() -> None:
    projects = spelled([("shaky_shop", project_in(EXAMPLE))], lambda spelling: spelling == AS_IT_IS)
    outcomes = fixed(projects)
    assert wrong(outcomes) == []
    assert sum(outcome.status == "offered" for outcome in outcomes) >= 20
