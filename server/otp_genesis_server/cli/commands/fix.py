"""`otp-genesis fix`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from otp_genesis_server.cli import DONE, FOUND, options
from otp_genesis_server.cli.models.options import Asked, models

if TYPE_CHECKING:
    from otp_genesis_analyzers.findings import Finding
    from otp_genesis_refactorers.fix_all import FixResult
    from otp_genesis_server.cli.analysis import Analysis


@click.command()
@options.paths
@options.rule_choice
@click.option("--unsafe", is_flag=True, help="Also fixes that change what the program does.")
@click.option("--diff/--write", default=True, help="Show what would change (the default), or write it.")
@click.option("--verify", is_flag=True, help="Only what compiles and passes the tests in an isolated copy.")
@click.option("--trust", is_flag=True, help="Let mix run the project's code, for this once.")
@models
def command(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    unsafe: bool,
    diff: bool,
    verify: bool,
    trust: bool,
    asked: Asked | None,
) -> int:
    """Fix what can be fixed without judgement, and with --model what needs it.

    Without --write nothing is written: the changes are shown as a diff that `git apply` takes, and the
    exit status is 1 when there are any. With it all of them are written, or none.

    With --verify the changes are compiled and tested in an isolated copy first. What does not pass is left
    out, and the exit status is 1 for it.

    \b
    Examples:
      otp-genesis fix --unsafe
      otp-genesis fix --select OTP101 --unsafe --write
      otp-genesis fix --unsafe --verify --trust --write
      otp-genesis fix lib/shop/cart.ex --select OTP304 --model claude --trust
    """
    from otp_genesis_analyzers.findings import FixKind
    from otp_genesis_refactorers.fix_all import fix_all
    from otp_genesis_server.cli.analysis import analyse

    # The fixes are judged by all rules of the project, also when only some of the findings are to be fixed.
    analysis = analyse(paths, also=select)
    wanted = _chosen(analysis, select, ignore)
    allowed = {FixKind.SAFE, FixKind.UNSAFE} if unsafe else {FixKind.SAFE}
    config = analysis.config.merged(also=select)
    unproved: tuple[tuple[Finding, str], ...] = ()
    if verify:
        from otp_genesis_server.cli.proving import proved_fixes

        proved = proved_fixes(analysis, wanted, allowed, config, trust=trust)
        result, unproved = proved.result, proved.unproved
    else:
        result = fix_all(analysis.project, wanted, allowed, config)
    if asked is not None:
        from otp_genesis_server.cli.models.mending import mended, preview

        left = _needing_judgement(wanted, result)
        if asked.preview:
            click.echo(preview(analysis, config, left, asked), nl=False)
            return DONE
        result = mended(analysis, config, left, result, asked, trust=trust)
    (_show if diff else _write)(analysis, result)
    left_out = sum(finding.fix is FixKind.UNSAFE for finding in wanted) if not unsafe else 0
    _say(analysis, result, unproved, "would be fixed" if diff else "fixed", left_out)
    return FOUND if unproved or (diff and result.changed) else DONE


def _needing_judgement(wanted: list[Finding], result: FixResult) -> list[Finding]:
    """What only a model can mend, and what the rules' own fixes refuse."""
    from otp_genesis_analyzers.findings import FixKind

    refused = {finding for finding, _ in result.refused}
    return [finding for finding in wanted if finding.fix is FixKind.LLM or finding in refused]


def _chosen(analysis: Analysis, select: tuple[str, ...], ignore: tuple[str, ...]) -> list[Finding]:
    from otp_genesis_analyzers.rules import all_rules

    choice = analysis.config.merged(select=select, ignore=ignore)
    rules = {rule.code: rule for rule in all_rules()}
    return [finding for finding in analysis.findings if choice.selects(rules[finding.code], finding.path)]


def _say(
    analysis: Analysis,
    result: FixResult,
    unproved: tuple[tuple[Finding, str], ...],
    done: str,
    left_out: int,
) -> None:
    """What is done, what not and why, on stderr."""
    for finding in result.applied:
        _tell(f"{_place(analysis, finding)}: {done}")
    for finding, reason in result.refused:
        _tell(f"{_place(analysis, finding)}: not fixed: {reason}")
    for finding, reason in unproved:
        _tell(f"{_place(analysis, finding)}: not verified, so left out: {reason}")
    for note in result.notes:
        _tell(f"note: {note}")
    if left_out:
        _tell(f"{left_out} more can be fixed with --unsafe, which may change what the program does")
    if not (result.changed or result.refused or unproved or left_out):
        _tell("nothing to fix")


def _show(analysis: Analysis, result: FixResult) -> None:
    from otp_genesis_refactorers.applying.diff import unified_files

    before = {path: analysis.project.read(path) for path in result.original_hashes}
    click.echo(unified_files(before, result.changed).encode("utf-8", "surrogateescape"), nl=False)


def _write(analysis: Analysis, result: FixResult) -> None:
    from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten, write_files
    from otp_genesis_refactorers.change import Outdated
    from otp_genesis_server.cli.places import from_here

    root = analysis.target.root
    try:
        write_files(root, result.changed, result.original_hashes)
    except (Outdated, NotWritten, HalfWritten) as error:
        raise click.UsageError(str(error)) from error
    for path in result.changed:
        click.echo(from_here(root / path))


def _place(analysis: Analysis, finding: Finding) -> str:
    from otp_genesis_server.cli.places import from_here

    line, _ = analysis.places.of(finding.path, finding.span.start)
    return f"{from_here(analysis.target.root / finding.path)}:{line} {finding.code} {finding.name}"


def _tell(line: str) -> None:
    click.echo(line, err=True)
