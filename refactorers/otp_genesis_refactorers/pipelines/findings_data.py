"""Findings as the steps of a pipeline hand them on, and back."""

from __future__ import annotations

from typing import Any, cast

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase
from otp_genesis_refactorers.pipelines.outcome import StepFailed


def as_data(codebase: Codebase, finding: Finding) -> dict[str, Any]:
    """Lines and columns from 1."""
    line, column = codebase.place(finding)
    return {
        "code": finding.code,
        "name": finding.name,
        "phase": int(finding.phase),
        "severity": finding.severity.name.lower(),
        "path": finding.path,
        "line": line,
        "column": column,
        "scope": finding.scope,
        "message": finding.message,
        "fix": finding.fix.value if finding.fix else None,
        "fingerprint": finding.fingerprint,
    }


def find_again(codebase: Codebase, given: Any) -> Finding:
    """The finding that is still there. `given` is one as data, or a text: a fingerprint, or `CODE:PATH:LINE`.

    Raises `StepFailed`.
    """
    code, path, line, fingerprint = _described(given)
    found = codebase.findings(code)
    if isinstance(found, Refused):
        raise StepFailed(found.reason)
    for finding in found:
        if fingerprint and finding.fingerprint == fingerprint:
            return finding
    there = [finding for finding in found if finding.path == path and codebase.place(finding)[0] == line]
    if not fingerprint and there:
        return there[0]
    where = f"{code or 'this'} in {path}:{line}" if path else f"with the fingerprint {fingerprint!r}"
    raise StepFailed(f"the finding {where} is no longer there")


def _described(given: Any) -> tuple[str, str, int, str]:
    if isinstance(given, dict):
        data = cast(dict[str, Any], given)
        return (
            str(data.get("code") or ""),
            str(data.get("path") or ""),
            int(data.get("line") or 0),
            str(data.get("fingerprint") or ""),
        )
    code, _, place = str(given).partition(":")
    path, _, line = place.rpartition(":")
    if path and line.isdecimal():
        return code, path, int(line), ""
    if not isinstance(given, str) or not given.isalnum():
        raise StepFailed(f"{given!r:.60} is no finding: give one of an analyze step, or CODE:PATH:LINE")
    return "", "", 0, given
