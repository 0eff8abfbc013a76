"""Findings as workflow commands, which GitHub Actions shows beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_server.cli.analysis import Analysis
from otp_genesis_server.cli.places import printable

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def report(analysis: Analysis) -> Iterator[str]:
    for finding in analysis.findings:
        yield _command(analysis, finding)


def _command(analysis: Analysis, finding: Finding) -> str:
    line, column = analysis.places.of(finding.path, finding.span.start)
    end_line, end_column = analysis.places.of(finding.path, finding.span.end)
    # The runner makes an absolute path relative to the repository, wherever the step runs.
    path = analysis.target.shown_root / analysis.target.shown(finding.path)
    properties = {
        "file": str(path),
        "line": line,
        "endLine": end_line,
        "col": column,
        "endColumn": end_column,
        "title": f"{finding.code} {finding.name}",
    }
    listed = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items())
    return f"::{_COMMAND.get(finding.severity, 'notice')} {listed}::{_escaped(finding.message)}"


def _escaped(text: str, more: str = "") -> str:
    """Without `more`, a message; in a property, colons and commas are escaped too."""
    escapes = {character: f"%{ord(character):02X}" for character in f"%\r\n{more}"}
    return printable("".join(escapes.get(character, character) for character in text))
