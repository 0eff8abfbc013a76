"""Findings that a project has accepted, in a file that people read, comment on and merge.

    {
      "version": 1,
      "findings": [
        {
          "fingerprint": "b3d86cba86cd1ca5",
          "code": "OTP101",
          "path": "lib/shop/orders.ex",
          "scope": "Shop.Orders.handle_cast/2",
          "message": "…",
          "reason": "goes with the old warehouse API, in May"
        }
      ]
    }

An entry is matched by its fingerprint alone, which lines that move don't change; the rest says to
people what it stands for. `reason` is theirs to write, and is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from msgspec import Struct, structs

from otp_genesis_analyzers.decoding import readable
from otp_genesis_analyzers.findings import Finding

VERSION = 1
DEFAULT_NAME = ".otp-genesis-baseline.json"
"""Beside `mix.exs`. Never read unless asked for: findings that vanish by themselves puzzle people."""


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One accepted finding. `path` is relative to the project's root."""

    fingerprint: str
    code: str
    path: str
    scope: str
    message: str
    reason: str = ""


class Baseline(Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    findings: tuple[Entry, ...]


class BadBaseline(Exception):
    """The text is no baseline; the message says where and why."""


@dataclass(frozen=True)
class Compared:
    """Findings against a baseline."""

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    stale: tuple[Entry, ...]
    """Entries that match nothing any more."""


@dataclass(frozen=True)
class Rewritten:
    baseline: Baseline
    added: int
    dropped: tuple[Entry, ...]


IsConclusive = Callable[[str, str], bool]
"""Whether a rule, by code, would have been found in a file if it were there (`engine.conclusive`)."""


def parse_baseline(content: bytes) -> Baseline:
    """The baseline written in `content`. Raises `BadBaseline`: what it can't read it would not keep."""
    try:
        value: Any = json.loads(content)
    except json.JSONDecodeError as error:
        raise BadBaseline(f"line {error.lineno}: not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise BadBaseline("not UTF-8 text") from error
    except RecursionError as error:
        raise BadBaseline("nested too deeply") from error
    if not isinstance(value, dict):
        raise BadBaseline('no baseline: it must hold {"version": 1, "findings": […]}')
    version = cast("dict[str, Any]", value).get("version")
    if type(version) is int and version > VERSION:
        raise BadBaseline(f"version {version}, written by a newer otp-genesis; this one reads {VERSION}")
    if version != VERSION or type(version) is not int:
        raise BadBaseline(f'no baseline: "version" must be {VERSION}')
    try:
        return msgspec.convert(value, readable(Baseline))
    except msgspec.ValidationError as error:
        raise BadBaseline(str(error)) from error


def render_baseline(baseline: Baseline) -> bytes:
    """The file, the same bytes for the same entries."""
    text = json.dumps(msgspec.to_builtins(baseline), indent=2, ensure_ascii=False)
    # What a path holds that is no text becomes \udcXX, which JSON reads back.
    return f"{text}\n".encode("utf-8", "backslashreplace")


def compared(baseline: Baseline, findings: Iterable[Finding], is_conclusive: IsConclusive) -> Compared:
    """Which findings the baseline has, which not, and which of its entries are stale.

    `findings` are all of the project: what was not looked for would seem to be gone.
    """
    accepted = {entry.fingerprint for entry in baseline.findings}
    found = list(findings)
    return Compared(
        new=tuple(finding for finding in found if finding.fingerprint not in accepted),
        known=tuple(finding for finding in found if finding.fingerprint in accepted),
        stale=_stale(baseline, found, is_conclusive),
    )


def rewritten(baseline: Baseline, findings: Iterable[Finding], is_conclusive: IsConclusive) -> Rewritten:
    """The baseline brought up to date: new findings at the end of their file's, stale entries dropped.

    Reasons are kept, and so is the order within a file; files are in the order of their paths.
    """
    found = {finding.fingerprint: finding for finding in findings}
    stale = _stale(baseline, found.values(), is_conclusive)
    gone = {entry.fingerprint for entry in stale}
    kept = {entry.fingerprint: entry for entry in baseline.findings if entry.fingerprint not in gone}
    reasons = {entry.fingerprint: entry.reason for entry in baseline.findings if entry.reason}
    entries = {**kept, **{fingerprint: _entry(finding) for fingerprint, finding in found.items()}}
    with_reasons = [
        structs.replace(entry, reason=reasons.get(fingerprint, "")) for fingerprint, entry in entries.items()
    ]
    by_file = tuple(sorted(with_reasons, key=lambda entry: entry.path))
    return Rewritten(Baseline(VERSION, by_file), len(found.keys() - kept.keys()), stale)


def _stale(baseline: Baseline, findings: Iterable[Finding], is_conclusive: IsConclusive) -> tuple[Entry, ...]:
    found = {finding.fingerprint for finding in findings}
    return tuple(
        entry
        for entry in baseline.findings
        if entry.fingerprint not in found and is_conclusive(entry.code, entry.path)
    )


def _entry(finding: Finding) -> Entry:
    """As the finding is worded now: the numbers in messages change."""
    return Entry(finding.fingerprint, finding.code, finding.path, finding.scope, finding.message)
