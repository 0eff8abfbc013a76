"""`otp-genesis trust`."""

from __future__ import annotations

import click


@click.command()
@click.argument("path", metavar="[PATH]", required=False, default=".")
@click.option("--revoke", is_flag=True, help="Take it back.")
@click.option("--list", "list_all", is_flag=True, help="List the folders that are trusted.")
def command(path: str, revoke: bool, list_all: bool) -> None:
    """Let mix run on a project, to verify changes.

    Mix executes the code of a project already when it compiles it. It runs on a copy, isolated by
    bubblewrap where that works, and only after you have allowed it for the project's folder. What you
    allow is kept in your own data folder, not in the project.

    \b
    Examples:
      otp-genesis trust
      otp-genesis trust --revoke ~/code/shop
    """
    if list_all and (revoke or path != "."):
        raise click.UsageError("--list takes no folder and no --revoke")
    if list_all:
        _list()
    elif revoke:
        _revoke(path)
    else:
        _grant(path)


def _grant(path: str) -> None:
    from otp_genesis_refactorers.machine import trust
    from otp_genesis_server.cli.places import printable
    from otp_genesis_server.cli.targets import MIX_FILE, target_of

    root = target_of([path]).root
    if not (root / MIX_FILE).is_file():
        raise click.UsageError(f"{str(root)!r} is no mix project: give the folder of one")
    trust.grant(root)
    shown = printable(str(root))
    click.echo(f"mix may run on {shown}; 'otp-genesis trust --revoke' takes it back")


def _revoke(path: str) -> None:
    """The folder need not be there any more."""
    from pathlib import Path

    from otp_genesis_refactorers.machine import trust
    from otp_genesis_server.cli.places import printable
    from otp_genesis_server.cli.targets import target_of

    folder = Path(path).resolve()
    if not trust.revoke(folder):
        folder = target_of([path]).root if folder.exists() else folder
        if not trust.revoke(folder):
            click.echo(f"{printable(str(folder))} was not trusted")
            return
    click.echo(f"mix may no longer run on {printable(str(folder))}")


def _list() -> None:
    from otp_genesis_refactorers.machine import trust
    from otp_genesis_server.cli.places import printable

    grants = trust.grants()
    for grant in grants:
        gone = "" if grant.folder.is_dir() else " (gone)"
        click.echo(f"{printable(str(grant.folder))}  since {grant.since:%Y-%m-%d}{gone}")
    if not grants:
        click.echo("no folder is trusted: mix runs on none")
