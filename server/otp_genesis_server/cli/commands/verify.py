"""`otp-genesis verify`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otp_genesis_server.cli import DONE, FOUND

if TYPE_CHECKING:
    from otp_genesis_analyzers.findings import Finding
    from otp_genesis_refactorers.applying.patch import PatchRefused
    from otp_genesis_refactorers.proof.evidence import Evidence
    from otp_genesis_refactorers.proof.verification import Request
    from otp_genesis_server.cli.analysis import Analysis


@click.command()
@click.argument("path", default=".")
@click.option(
    "--patch",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE.diff",
    help="The unified diff to prove, - for standard input. Without one, the project as it is.",
)
@click.option("--finding", metavar="CODE:PATH:LINE", help="What it is to remove, as 'check' shows it.")
@click.option(
    "--test",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="An ExUnit test that shows the flaw: it must fail without the patch and pass with it.",
)
@click.option("--trust", is_flag=True, help="Let mix run the project's code, for this once.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
def command(
    path: str, patch: Path | None, finding: str | None, test: Path | None, trust: bool, form: str
) -> int:
    """Prove that a patch is good, without touching the project.

    The patch is read, then applied to an isolated copy, compiled and tested there. Each gate passes, fails
    with the reason, or is not run. Verified is what passed every gate that applies; the exit status is 0
    then, and 1 for what is rejected or could not be verified.

    \b
    Examples:
      otp-genesis verify --patch fix.diff --finding OTP101:lib/shop/mailer.ex:14 --trust
      git diff main...topic | otp-genesis verify --patch - --format json
    """
    request, refusal = _request(path, patch, finding, test, trust)
    evidence = _proved(request, refusal)
    _keep(request, evidence)
    click.echo(_shown(evidence, form))
    return DONE if evidence.verdict == "verified" else FOUND


def _request(
    path: str, patch: Path | None, finding: str | None, test: Path | None, trust: bool
) -> tuple[Request, PatchRefused | None]:
    """What is to be proved, and why the patch can't even be applied."""
    from otp_genesis_refactorers.applying.patch import PatchRefused, apply_patch
    from otp_genesis_refactorers.proof.verification import Request, given_test
    from otp_genesis_server.cli.analysis import analyse
    from otp_genesis_server.cli.targets import MIX_FILE, target_of

    text = _read(patch, "--patch") if patch else None
    if text is not None and not text.strip():
        raise click.UsageError(f"{patch}: the patch is empty")
    if text is None and finding:
        raise click.UsageError("--finding names what a patch is to remove: give the patch with --patch")
    source = _read(test, "--test") if test else None
    target = target_of([path])
    if not (target.root / MIX_FILE).is_file():
        raise click.UsageError(f"{path!r} belongs to no mix project: give the folder of one")
    also = (finding.partition(":")[0],) if finding else ()
    analysis = analyse([str(target.root)], also=also)
    config = analysis.config.merged(also=also)
    named = _finding(analysis, finding) if finding else None
    request = Request(target.root, analysis.project, config, {}, named, trusted_for_this_run=trust)
    if text is not None:
        at = _in_repository(target.root)
        contents = apply_patch(text, target.root, analysis.project.read, repository_path=at)
        if isinstance(contents, PatchRefused):
            return request, contents
        request = replace(request, contents=contents)
    if test is not None and source is not None:
        request = replace(request, test=given_test(request, _name_in(target.root, test), source))
    return request, None


def _proved(request: Request, refusal: PatchRefused | None) -> Evidence:
    from otp_genesis_refactorers.gates import static_gates
    from otp_genesis_refactorers.gates.running import running_gates
    from otp_genesis_refactorers.proof.verification import refused, verify
    from otp_genesis_server.cli.progress import progress

    if refusal is not None:
        return refused(request, refusal)
    total, asked = len(static_gates()) + len(running_gates()), 0
    with progress("gate") as report:

        def tell(_name: str) -> None:
            nonlocal asked
            asked += 1
            if report is not None:
                report(asked, total)

        return verify(request, on_gate=tell)


def _in_repository(root: Path) -> str:
    """Where a project lies in its git repository, as `git diff` names it; empty when it is all of it."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    return "" if top == root else root.relative_to(top).as_posix()


def _finding(analysis: Analysis, named: str) -> Finding:
    code, _, place = named.partition(":")
    path, _, line = place.rpartition(":")
    if not line.isdecimal() or not path:
        raise click.UsageError(f"--finding {named!r}: write it as 'check' does, OTP101:lib/shop/mailer.ex:14")
    there = [
        finding
        for finding in analysis.findings
        if finding.path == _name_in(analysis.target.root, Path(path))
        and code.lower() in (finding.code.lower(), finding.name)
    ]
    lines = {analysis.places.of(finding.path, finding.span.start)[0]: finding for finding in reversed(there)}
    if int(line) not in lines:
        hint = f"there is one in line {', '.join(map(str, sorted(lines)))}" if lines else "there is none"
        raise click.UsageError(f"--finding {named!r} is not found: {hint}; see 'otp-genesis check'")
    return lines[int(line)]


def _name_in(root: Path, file: Path) -> str:
    """A file as the project names it, be it given from the root or from the current folder."""
    if not file.is_absolute() and (root / file).exists():
        return file.as_posix()
    absolute = file.absolute()
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute)


def _keep(request: Request, evidence: Evidence) -> None:
    from otp_genesis_refactorers.proof.evidence import store

    try:
        store(request.root, evidence)
    except OSError as error:
        click.echo(f"the evidence could not be kept: {error.filename}: {error.strerror}", err=True)


def _shown(evidence: Evidence, form: str) -> str:
    from otp_genesis_refactorers.proof.evidence_text import as_markdown, as_table
    from otp_genesis_server.cli.places import printable

    if form == "markdown":
        return as_markdown(evidence)
    if form == "text":
        return "\n".join(map(printable, as_table(evidence).splitlines()))
    return json.dumps({"id": evidence.id, **evidence.model_dump(mode="json")}, indent=2, ensure_ascii=False)


def _read(file: Path, option: str) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{option} {str(file)!r} can't be read: {error.strerror}") from error
