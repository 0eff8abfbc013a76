"""Findings on the lines that were changed since a git revision. All of the project is analysed still."""

from __future__ import annotations

from dataclasses import replace

import click

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.git.changed_lines import changed_since
from otp_genesis_refactorers.git.repository import NoHistory
from otp_genesis_server.cli.analysis import Analysis


def only_since(analysis: Analysis, revision: str) -> Analysis:
    """The analysis with the findings that touch a changed line. Raises click.UsageError."""
    try:
        changed = changed_since(analysis.target.root, revision)
    except NoHistory as error:
        raise click.UsageError(f"--since: {error}") from error

    def is_new(finding: Finding) -> bool:
        first, _ = analysis.places.of(finding.path, finding.span.start)
        last, _ = analysis.places.of(finding.path, finding.span.end)
        return changed.touches(finding.path, first, last)

    return replace(analysis, findings=tuple(filter(is_new, analysis.findings)), since=revision)
