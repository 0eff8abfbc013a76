"""`otp-genesis check`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otp_genesis_server.cli import DONE, FOUND, options

if TYPE_CHECKING:
    from otp_genesis_server.cli.analysis import Analysis

_FORMATS = ["text", "json", "sarif", "github"]
"""Each is a module `findings_<format>`."""
_NOT_TOGETHER = {
    ("--stdin-filename", "a PATH"): "it checks that one file",
    ("--stdin-filename", "--since"): "git doesn't know the text",
    ("--stdin-filename", "--write-baseline"): "the text is not saved yet",
    ("--stdin-filename", "--input-file"): "each gives the text to check",
    ("--input-file", "--since"): "git doesn't know the pack",
    ("--input-file", "several PATHs"): "name the one folder that was packed",
    ("--write-baseline", "--since"): "a baseline takes in all findings",
}


@click.command()
@options.paths
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
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
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Leave out the findings accepted in FILE.",
)
@click.option(
    "--write-baseline",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Accept all findings: write them to FILE, by default the one of --baseline, or"
    " .otp-genesis-baseline.json beside mix.exs. Reasons written there are kept.",
)
@click.option("--since", metavar="REVISION", help="Only findings on lines changed since a git revision.")
@click.option(
    "--stdin-filename", metavar="FILE", help="Check the text on standard input as if it stood in FILE."
)
@options.input_file
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many processes read a large project. By default as many as there are processors.",
)
@click.option("--no-cache", is_flag=True, help="Read every file, also those that have not changed.")
def command(form: str, fail_on: str, exit_zero: bool, **arguments: Any) -> int:
    """Find OTP anti-patterns.

    In the mix project of the current folder, or in the files and folders given. The whole project is
    read in any case, since its supervision tree decides what is an anti-pattern.

    \b
    Examples:
      otp-genesis check
      otp-genesis check lib/shop --select OTP1 --format json
      otp-genesis check --write-baseline
      otp-genesis check --baseline .otp-genesis-baseline.json --since main
      otp-genesis check --input-file repomix-output.xml
    """
    from otp_genesis_analyzers.findings import Severity

    analysis = _analysis(**arguments)
    for text in import_module(f"otp_genesis_server.cli.findings.as_{form}").report(analysis):
        click.echo(text)
    failed = any(finding.severity >= Severity[fail_on.upper()] for finding in analysis.findings)
    return FOUND if failed and not exit_zero else DONE


def _analysis(
    paths: tuple[str, ...],
    baseline: Path | None,
    write_baseline: str | None,
    since: str | None,
    stdin_filename: str | None,
    input_file: Path | None,
    jobs: int | None,
    no_cache: bool,
    **choice: Any,
) -> Analysis:
    """What is found, less what the options leave out."""
    from otp_genesis_server.cli.analysis import Effort, analyse, analyse_text

    effort = Effort(jobs, cached=not no_cache, for_findings_alone=True)

    _refuse_together(
        {
            "--stdin-filename": stdin_filename is not None,
            "--write-baseline": write_baseline is not None,
            "--since": since is not None,
            "a PATH": bool(paths),
            "--input-file": input_file is not None,
            "several PATHs": len(paths) > 1,
        }
    )
    if input_file is not None:
        from otp_genesis_server.cli.packs import analyse_pack, open_pack, without_fixes

        analysis = without_fixes(analyse_pack(open_pack(input_file, *paths), **choice))
    elif stdin_filename is None:
        analysis = analyse(paths, effort, **choice)
    else:
        analysis = analyse_text(stdin_filename, sys.stdin.buffer.read(), effort, **choice)
    if write_baseline is not None:
        from otp_genesis_server.cli.accepted import accept

        analysis = accept(analysis, Path(write_baseline) if write_baseline else None, baseline)
    elif baseline is not None:
        from otp_genesis_server.cli.accepted import without_accepted

        analysis = without_accepted(analysis, baseline)
    if since is not None:
        from otp_genesis_server.cli.since import only_since

        analysis = only_since(analysis, since)
    return analysis


def _refuse_together(given: Mapping[str, bool]) -> None:
    for (one, other), reason in _NOT_TOGETHER.items():
        if given[one] and given[other]:
            raise click.UsageError(f"{one} and {other} can't be combined: {reason}")
