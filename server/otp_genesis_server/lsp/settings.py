"""What the user set in the editor, under `otpGenesis`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from otp_genesis_analyzers.findings import Severity

SECTION = "otpGenesis"

_SEVERITIES = {severity.label: severity for severity in Severity}


@dataclass(frozen=True, slots=True)
class Settings:
    minimum_severity: Severity = Severity.HINT
    """The least level of findings that are shown."""
    open_files_only: bool = False
    """Findings are shown in open files only. All files are read nevertheless: they explain each other."""


def read_settings(*said: Any) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and one line on each that is wrong and left at its default.

    Each of `said` is an object such as `{"minimumSeverity": "warning"}`, or has one under
    `otpGenesis`; the later ones go before the earlier. Other keys are somebody else's.
    """
    values = {key: value for one in said for key, value in _section(one).items() if value is not None}
    problems: list[str] = []
    severity = values.get("minimumSeverity", "hint")
    if not isinstance(severity, str) or severity not in _SEVERITIES:
        problems.append(_wrong("minimumSeverity", f"one of {', '.join(_SEVERITIES)}", severity, "hint"))
        severity = "hint"
    open_files_only = values.get("openFilesOnly", False)
    if not isinstance(open_files_only, bool):
        problems.append(_wrong("openFilesOnly", "true or false", open_files_only, "false"))
        open_files_only = False
    return Settings(_SEVERITIES[severity], open_files_only), tuple(problems)


def _section(said: Any) -> Mapping[str, Any]:
    if not isinstance(said, Mapping):
        return {}
    values = cast("Mapping[str, Any]", said)
    return _section(values[SECTION]) if SECTION in values else values


def _wrong(key: str, expected: str, value: object, default: str) -> str:
    return f"OTP-Genesis: the setting {SECTION}.{key} must be {expected}, not {value!r}; using {default}"
