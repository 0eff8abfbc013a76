"""Findings as JSON, in the form that other programs rely on (version 1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from otp_genesis_analyzers.findings import Finding
from otp_genesis_server.cli.analysis import Analysis

VERSION = 1


def report(analysis: Analysis) -> Iterator[str]:
    target = analysis.target
    findings = {
        "version": VERSION,
        "root": str(target.shown_root),
        "files": analysis.file_count,
        "unparsed": [target.shown(path) for path in analysis.unparsed],
        "findings": [_finding(analysis, finding) for finding in analysis.findings],
    }
    yield json.dumps(findings, indent=2)


def _finding(analysis: Analysis, finding: Finding) -> dict[str, Any]:
    line, column = analysis.places.of(finding.path, finding.span.start)
    end_line, end_column = analysis.places.of(finding.path, finding.span.end)
    return {
        "code": finding.code,
        "name": finding.name,
        "phase": finding.phase,
        "severity": finding.severity.label,
        "confidence": finding.confidence.value,
        "path": analysis.target.shown(finding.path),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "message": finding.message,
        "fix": finding.fix.value if finding.fix else None,
        "fingerprint": finding.fingerprint,
        "related": [
            {
                "path": analysis.target.shown(related.path),
                "line": analysis.places.of(related.path, related.span.start)[0],
                "message": related.message,
            }
            for related in finding.related
        ],
    }
