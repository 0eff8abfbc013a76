"""`otp-genesis plan`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otp_genesis_server.cli import options

if TYPE_CHECKING:
    from otp_genesis_refactorers.plan.documents import Written
    from otp_genesis_server.cli.analysis import Analysis


@click.command()
@click.argument("path", default=".")
@click.option(
    "--goal", default="", metavar="TEXT", help="What the refactoring is for; kept from the last plan."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to write the plan, instead of .otp-genesis/plan in the project.",
)
@options.input_file
@click.option(
    "--model",
    metavar="NAME",
    help="Have a model advise: claude, gemini, or a name of your configuration. Naming it is your consent to"
    " send what the plan says, and heads of its files, to it.",
)
@click.option("--no-model", is_flag=True, help="Plan from the findings alone, as without --model.")
def command(
    path: str, goal: str, out: Path | None, input_file: Path | None, model: str | None, no_model: bool
) -> None:
    """Write a refactor plan in five phases.

    The plan is six Markdown documents. Those that are there are brought up to date: what you have
    edited, reordered, ticked off or skipped is kept.

    \b
    Examples:
      otp-genesis plan --goal "Survive the loss of the payment gateway"
      otp-genesis plan --model claude
      otp-genesis plan --input-file repomix-output.xml
    """
    from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten
    from otp_genesis_refactorers.change import Outdated
    from otp_genesis_refactorers.fixes import fix
    from otp_genesis_refactorers.plan.documents import folder_of
    from otp_genesis_refactorers.plan.draft import draft
    from otp_genesis_server.cli.models.advising import advice_of

    if model and no_model:
        raise click.UsageError("--model and --no-model exclude each other")
    # Always the whole project: what a part of it doesn't show would pass for solved.
    analysis = _of_project(path) if input_file is None else _of_pack(input_file, path)
    folder = folder_of(analysis.target.root, out)
    try:
        contents = folder.read()
        made = draft(analysis.project, analysis.findings, goal, contents, fix)
        advice = advice_of(made, analysis, model) if model else None
        written = folder.write(made, contents, made.texts(advice))
    except (Outdated, NotWritten, HalfWritten) as error:
        raise click.UsageError(str(error)) from error
    _tell(written)


def _tell(written: Written) -> None:
    from otp_genesis_server.cli.places import counted, from_here

    for file in written.files:
        state = "" if file.changed else " (up to date)"
        click.echo(f"{from_here(file.path.resolve())}: {counted(file.items, 'item')}{state}")
    stale = f", {written.stale} no longer found" if written.stale else ""
    click.echo(f"{written.added} new, {written.kept} kept{stale}")


def _of_project(path: str) -> Analysis:
    from otp_genesis_server.cli.analysis import analyse
    from otp_genesis_server.cli.targets import target_of

    target = target_of([path])
    if target.alone:
        raise click.UsageError(f"{path!r} belongs to no mix project: give the folder of one")
    return analyse([str(target.root)])


def _of_pack(file: Path, folder: str) -> Analysis:
    from otp_genesis_server.cli.packs import analyse_pack, open_pack

    pack = open_pack(file, folder)
    return analyse_pack(replace(pack, target=replace(pack.target, chosen=("",), packed=None)))
