"""`otp-genesis doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from otp_genesis_refactorers.machine.doctor import Found

_LABEL_WIDTH = 18


@click.command()
@click.argument("path", metavar="[PATH]", required=False, default=".")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(path: str, form: str) -> None:
    """Say what was found on this machine, and what each lack costs.

    Nothing of the project is executed. Of keys only the names are shown.

    \b
    Example:
      otp-genesis doctor ~/code/shop
    """
    from otp_genesis_refactorers.machine.doctor import examine

    examined = examine(_project(path))
    if form == "json":
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(list(examined)), indent=2))
        return
    for found in examined:
        _show(found)


def _project(path: str) -> Path | None:
    """The mix project of the folder; None where there is none, which is no mistake here."""
    from otp_genesis_server.cli.targets import MIX_FILE, target_of

    try:
        root = target_of([path]).root
    except click.UsageError:
        if path != ".":
            raise
        return None
    return root if (root / MIX_FILE).is_file() else None


def _show(found: Found) -> None:
    from otp_genesis_server.cli.places import printable

    mark = click.style("✓", fg="green") if found.state == "found" else click.style("–", fg="yellow")
    click.echo(f"{mark} {found.name:<{_LABEL_WIDTH}} {printable(found.what)}")
    if found.cost:
        click.echo(f"  {'':<{_LABEL_WIDTH}} {printable(found.cost)}")
