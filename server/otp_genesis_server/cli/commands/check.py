"""`otp-genesis check`."""

from __future__ import annotations

from typing import Any

import click

from otp_genesis_server.cli import DONE, FOUND, options


@click.command()
@options.paths
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options.rule_choice
@click.option(
    "--preset", type=click.Choice(["default", "strict", "seed"]), help="Which rules run, unless selected."
)
@click.option(
    "--fail-on",
    type=click.Choice(["hint", "information", "warning", "error"]),
    default="warning",
    show_default=True,
    help="Exit with 1 when there is a finding of this level or worse.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
def command(paths: tuple[str, ...], form: str, fail_on: str, exit_zero: bool, **choice: Any) -> int:
    """Find OTP anti-patterns.

    In the mix project of the current folder, or in the files and folders given. The whole project is
    read in any case, since its supervision tree decides what is an anti-pattern.

    \b
    Examples:
      otp-genesis check
      otp-genesis check lib/shop --select OTP1 --format json
    """
    from otp_genesis_analyzers.findings import Severity
    from otp_genesis_server.cli.analysis import analyse

    analysis = analyse(paths, **choice)
    if form == "json":
        from otp_genesis_server.cli.findings_json import as_json

        click.echo(as_json(analysis))
    else:
        from otp_genesis_server.cli.findings_text import as_text

        for text in as_text(analysis):
            click.echo(text)
    failed = any(finding.severity >= Severity[fail_on.upper()] for finding in analysis.findings)
    return FOUND if failed and not exit_zero else DONE
