"""Fixes proved before they are shown or written, with progress on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import click

from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_refactorers.gates import static_gates
from otp_genesis_refactorers.gates.running import running_gates
from otp_genesis_refactorers.proof.evidence import Evidence, store
from otp_genesis_refactorers.proof.verified_fixes import Proved, Proving, fix_all_proved
from otp_genesis_server.cli.analysis import Analysis
from otp_genesis_server.cli.progress import progress


def proved_fixes(
    analysis: Analysis,
    findings: Iterable[Finding],
    allow: AbstractSet[FixKind],
    config: Config,
    *,
    trust: bool,
) -> Proved:
    """The fixes that pass all gates in an isolated copy; the evidence is kept in the user's data folder."""
    root = analysis.target.root
    if analysis.target.alone:
        raise click.UsageError(f"{str(root)!r} belongs to no mix project, so nothing of it can be verified")
    total, asked = len(static_gates()) + len(running_gates()), 0
    with progress("gate") as report:

        def tell(_name: str) -> None:
            nonlocal asked
            asked += 1
            if report is not None:
                report(asked, total)

        def keep(evidence: Evidence) -> None:
            nonlocal asked
            asked = 0
            try:
                store(root, evidence)
            except OSError as error:
                click.echo(f"the evidence could not be kept: {error.filename}: {error.strerror}", err=True)

        proving = Proving(root, trusted_for_this_run=trust, on_gate=tell, told=keep)
        return fix_all_proved(analysis.project, findings, allow, config, proving)
