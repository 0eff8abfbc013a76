"""`otp-genesis plan`."""

from __future__ import annotations

from pathlib import Path

import click


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
@click.option("--no-model", is_flag=True, expose_value=False, help="Plan from the findings alone.")
def command(path: str, goal: str, out: Path | None) -> None:
    """Write a refactor plan in five phases.

    The plan is six Markdown documents. Those that are there are brought up to date: what you have
    edited, reordered, ticked off or skipped is kept.

    \b
    Example:
      otp-genesis plan --goal "Survive the loss of the payment gateway"
    """
    from otp_genesis_refactorers.change import Outdated
    from otp_genesis_refactorers.plan import write_plan
    from otp_genesis_refactorers.write import HalfWritten, NotWritten
    from otp_genesis_server.cli.analysis import analyse
    from otp_genesis_server.cli.places import counted, from_here
    from otp_genesis_server.cli.targets import target_of

    target = target_of([path])
    if target.alone:
        raise click.UsageError(f"{path!r} belongs to no mix project: give the folder of one")
    # Always the whole project: what a part of it doesn't show would pass for solved.
    analysis = analyse([str(target.root)])
    try:
        written = write_plan(analysis.project, analysis.findings, target.root, goal, out)
    except (Outdated, NotWritten, HalfWritten) as error:
        raise click.UsageError(str(error)) from error
    for file in written.files:
        state = "" if file.changed else " (up to date)"
        click.echo(f"{from_here(file.path.resolve())}: {counted(file.items, 'item')}{state}")
    stale = f", {written.stale} no longer found" if written.stale else ""
    click.echo(f"{written.added} new, {written.kept} kept{stale}")
