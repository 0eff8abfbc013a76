"""Findings as SARIF 2.1.0, which code scanning services and editors read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from otp_genesis_analyzers.findings import Finding, Related, Severity
from otp_genesis_analyzers.rules import find_rule
from otp_genesis_analyzers.rules.contract import Rule
from otp_genesis_analyzers.rules.page import page
from otp_genesis_analyzers.source import Span
from otp_genesis_server import VERSION
from otp_genesis_server.cli.analysis import Analysis

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BASE = "SRCROOT"
_FINGERPRINT = "otpGenesis/v1"
_LEVEL = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "note",
    Severity.HINT: "note",
}

Json = dict[str, Any]


def report(analysis: Analysis) -> Iterator[str]:
    codes = sorted({finding.code for finding in analysis.findings})
    rules = [rule for rule in map(find_rule, codes) if rule is not None]
    run: Json = {
        "tool": {
            "driver": {
                "name": "otp-genesis",
                "version": VERSION,
                "semanticVersion": VERSION,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _left_out(analysis)}],
        "originalUriBaseIds": {_BASE: {"uri": f"{analysis.target.shown_root.as_uri()}/"}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(analysis, finding, codes.index(finding.code)) for finding in analysis.findings],
    }
    yield json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule) -> Json:
    # The examples are as many as the rule needs for its tests: too many to stand beside a finding.
    text = page(rule).partition("\n\n## Examples\n")[0]
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary()},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"enabled": rule.default, "level": _LEVEL[rule.severity]},
        "properties": {"tags": ["otp", f"phase-{rule.phase()}"]},
    }


def _result(analysis: Analysis, finding: Finding, rule_index: int) -> Json:
    location: Json = {"physicalLocation": _place(analysis, finding.path, finding.span)}
    if finding.scope:
        kind = "function" if "/" in finding.scope else "module"
        location["logicalLocations"] = [{"fullyQualifiedName": finding.scope, "kind": kind}]
    return {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": _LEVEL[finding.severity],
        "message": {"text": finding.message},
        "locations": [location],
        "relatedLocations": [
            _related(analysis, number, related) for number, related in enumerate(finding.related, start=1)
        ],
        "partialFingerprints": {_FINGERPRINT: finding.fingerprint},
        "properties": {
            "confidence": finding.confidence.value,
            "fix": finding.fix.value if finding.fix else "none",
        },
    }


def _related(analysis: Analysis, number: int, related: Related) -> Json:
    return {
        "id": number,
        "message": {"text": related.message},
        "physicalLocation": _place(analysis, related.path, related.span),
    }


def _place(analysis: Analysis, path: str, span: Span) -> Json:
    line, column = analysis.places.of(path, span.start)
    end_line, end_column = analysis.places.of(path, span.end)
    return {
        "artifactLocation": _artifact(analysis, path),
        "region": {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column},
    }


def _artifact(analysis: Analysis, path: str) -> Json:
    return {"uri": quote(os.fsencode(analysis.target.relative(path))), "uriBaseId": _BASE}


def _left_out(analysis: Analysis) -> list[Json]:
    return [
        {
            "level": "warning",
            "message": {"text": "This file is left out: it can't be read as UTF-8 text."},
            "locations": [{"physicalLocation": {"artifactLocation": _artifact(analysis, path)}}],
        }
        for path in analysis.unparsed
    ]
