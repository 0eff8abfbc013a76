"""Every fix on the examples that show one, in every spelling, and on the example project.

    .venv/bin/python bench/fixes.py [FOLDER...] [--only OTP117] [--spelling TEXT] [--all] [--reasons]

Prints how often each is offered, refused and wrong. What is offered is laid out by the real formatter and
compiled by the real compiler; see `tests/fixes`. With FOLDERs the projects there are fixed as they are,
instead. Exits with 1 when anything is wrong.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fixes.corpus import examples, fixed, project_in, spelled, table
from tests.fixes.judging import Outcome
from tests.fixes.respelling import Files

EXAMPLE = Path(__file__).parents[1] / "examples" / "shaky_shop"


AS_IT_IS = "as it is"
AT_ONCE = 4
"""How many projects share the runs of the formatter and the compiler."""


def outcomes_of(sources: Sequence[tuple[str, Files]], spelling: str) -> list[Outcome]:
    outcomes = fixed(spelled(sources, lambda each: spelling in each))
    click.echo(f"{sources[0][0]} to {sources[-1][0]}: {len(outcomes)} fixes", err=True)
    for outcome in outcomes:
        outcome.changed = {}
        if outcome.status == "wrong":
            click.echo(f"WRONG {outcome.code} {outcome.source} {outcome.place}: {outcome.reason}", err=True)
    return outcomes


def reasons(outcomes: list[Outcome]) -> str:
    """Why fixes are refused, without the places, the most frequent first."""
    counts = Counter((o.code, o.reason.replace(o.place, "PLACE")) for o in outcomes if o.status == "refused")
    return "\n".join(f"{count:5} {code} {reason}" for (code, reason), count in counts.most_common())


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--only", default="", help="Only the examples whose name holds this.")
@click.option("--spelling", default="", help="Only the spellings whose name holds this.")
@click.option("--jobs", default=1, show_default=True, help="How many projects at a time.")
@click.option("--all", "every", is_flag=True, help="Also the examples whose fix is not shown.")
@click.option("--reasons", "show_reasons", is_flag=True, help="Also why fixes are refused.")
def main(
    folders: tuple[Path, ...], only: str, spelling: str, jobs: int, every: bool, show_reasons: bool
) -> None:
    if folders:
        wanted, spelling = [(folder.name, project_in(folder)) for folder in folders], AS_IT_IS
    else:
        wanted = [source for source in examples(only_fixed=not every) if only in source[0]]
    parts = [(wanted[start : start + AT_ONCE], spelling) for start in range(0, len(wanted), AT_ONCE)]
    if not (folders or only):
        parts.insert(0, ([("shaky_shop", project_in(EXAMPLE))], AS_IT_IS))
    with ProcessPoolExecutor(jobs) as pool:
        outcomes = [outcome for done in pool.map(outcomes_of, *zip(*parts, strict=True)) for outcome in done]
    click.echo(table(outcomes))
    if show_reasons:
        click.echo(reasons(outcomes))
    if any(outcome.status == "wrong" for outcome in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
