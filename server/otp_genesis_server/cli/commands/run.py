"""`otp-genesis run`."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otp_genesis_server.cli import BAD_INPUT, DONE, FOUND

if TYPE_CHECKING:
    from otp_genesis_refactorers.pipelines.journal import Journal
    from otp_genesis_refactorers.pipelines.running import Ready, Report, Wish

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("pipeline", required=False, default="")
@click.option("--input-file", type=_FILE, metavar="FILE", help="What the pipeline calls {{ input_file }}.")
@click.option(
    "--prompt", metavar="TEXT", help="What it calls {{ prompt }}, or the goal of its first model step."
)
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="An input of the pipeline.")
@click.option(
    "--resume", default="", metavar="RUN", help="Take up a run that was cut off, see 'otp-genesis runs'."
)
@click.option(
    "--dry-run", is_flag=True, help="Check the pipeline and show its steps; nothing is run or sent."
)
@click.option("--replay", type=_FOLDER, metavar="DIR", help="Recorded replies, in place of asking any model.")
@click.option("--record", type=_FOLDER, metavar="DIR", help="Keep the replies of models, for --replay.")
@click.option("--trust", is_flag=True, help="Let mix run the project's code, for this once.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    pipeline: str,
    input_file: Path | None,
    prompt: str | None,
    variables: tuple[str, ...],
    resume: str,
    dry_run: bool,
    replay: Path | None,
    record: Path | None,
    trust: bool,
    form: str,
) -> int:
    """Run a pipeline: a YAML file, or a built-in one by its name.

    It works on the commit that is checked out, in a copy; your files stay as they are. What it changes and
    proves is committed on a branch of its own. A run that is cut off is taken up with --resume. The exit
    status is 0 when it reached its end, also with items that failed, which are listed.

    \b
    Examples:
      otp-genesis run master_workflow --trust
      otp-genesis run pipelines/review.yaml --var model=claude --prompt "Survive every crash"
      otp-genesis run --resume 20261122-0931
    """
    from otp_genesis_refactorers.pipelines.running import Wish

    folder = Path.cwd()
    wish = Wish(
        pipeline=pipeline,
        folder=folder,
        root=_root(folder),
        variables=_pairs(variables),
        input_file=input_file,
        prompt=prompt,
        resume=resume,
        replay=replay,
        record=record,
        trusted_for_this_run=trust,
    )
    try:
        return _run(wish, form, dry_run=dry_run)
    except sqlite3.Error as error:
        raise click.UsageError(
            f"the journal of runs can't be used: {error}; see 'otp-genesis doctor'"
        ) from error


def _run(wish: Wish, form: str, *, dry_run: bool) -> int:
    from otp_genesis_refactorers.pipelines.journal import Journal, RunBusy
    from otp_genesis_refactorers.pipelines.language.loading import NoPipeline
    from otp_genesis_refactorers.pipelines.problems import BadPipeline
    from otp_genesis_refactorers.pipelines.running import CantRun, prepare
    from otp_genesis_server.cli.run_report import outline, shown

    journal = Journal()
    try:
        ready = prepare(wish, journal)
        if dry_run:
            click.echo(outline(ready.pipeline))
            return DONE
        report = _executed(wish, ready, journal)
    except BadPipeline as error:
        click.echo(str(error), err=True)
        return BAD_INPUT
    except (NoPipeline, CantRun, RunBusy) as error:
        raise click.UsageError(str(error)) from error
    finally:
        journal.close()
    click.echo(shown(report, form))
    if not report.is_done:
        click.echo(f"the run failed: {report.reason}", err=True)
        click.echo(f"mend that and take it up: otp-genesis run --resume {report.run}", err=True)
    return DONE if report.is_done else FOUND


def _executed(wish: Wish, ready: Ready, journal: Journal) -> Report:
    from otp_genesis_refactorers.pipelines.running import run
    from otp_genesis_server.cli.places import printable
    from otp_genesis_server.cli.run_report import progress_line

    began: list[str] = []
    with progress_line() as show:
        try:
            return asyncio.run(
                run(
                    wish,
                    ready,
                    journal,
                    on_progress=show,
                    on_note=lambda note: click.echo(printable(note), err=True),
                    on_begin=began.append,
                )
            )
        except KeyboardInterrupt:
            if began:
                click.echo(f"\rtake it up with: otp-genesis run --resume {began[0]}", err=True)
            raise


def _root(folder: Path) -> Path:
    """The project around a folder, else the folder itself: not every pipeline needs a project."""
    from otp_genesis_server.cli.targets import target_of

    try:
        return target_of([str(folder)]).root
    except click.UsageError:
        return folder.resolve()


def _pairs(variables: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for variable in variables:
        name, equals, value = variable.partition("=")
        if not equals or not name.isidentifier():
            raise click.UsageError(f"--var {variable!r}: write it as NAME=VALUE")
        pairs[name] = value
    return pairs
