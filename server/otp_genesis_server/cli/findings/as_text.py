"""Findings for people: the place, the message, the line of code with what is meant underlined."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator

import click

from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_server.cli.analysis import Analysis
from otp_genesis_server.cli.places import counted, from_here, printable

_WORD = {Severity.INFORMATION: "note"}
_COLOUR = {
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFORMATION: "blue",
    Severity.HINT: "cyan",
}
_LONGEST_LINE = 160
_KEPT_BEFORE = 60


def report(analysis: Analysis) -> Iterator[str]:
    """One text a finding, then the summary. Styled: click takes the colours out where none are wanted."""
    for finding in analysis.findings:
        yield "\n".join(_finding(analysis, finding)) + "\n"
    yield _summary(analysis)


def _finding(analysis: Analysis, finding: Finding) -> Iterator[str]:
    line, column = analysis.places.of(finding.path, finding.span.start)
    end_line, end_column = analysis.places.of(finding.path, finding.span.end)
    colour = _COLOUR[finding.severity]
    place = click.style(f"{_path(analysis, finding.path)}:{line}:{column}", bold=True)
    severity = click.style(_word(finding.severity), fg=colour, bold=True)
    yield f"{place} {severity} {finding.code} {finding.name}: {printable(finding.message)}"

    code = analysis.places.line_text(finding.path, line)
    start, end = column - 1, end_column - 1 if end_line == line else len(code)
    code, start, end = _cropped(code, start, end)
    gutter = " " * len(str(line))
    carets = "^" * max(1, _width(code[start:end]))
    yield f"  {line} | {printable(code)}"
    yield f"  {gutter} | {_blank(code[:start])}{click.style(carets, fg=colour)}"
    for related in finding.related:
        related_line, _ = analysis.places.of(related.path, related.span.start)
        yield f"  {gutter} = {_path(analysis, related.path)}:{related_line}: {printable(related.message)}"


def _summary(analysis: Analysis) -> str:
    counts = Counter(finding.severity for finding in analysis.findings)
    found = ", ".join(
        counted(counts[severity], _word(severity)) for severity in reversed(Severity) if counts[severity]
    )
    summary = f"{found or 'no findings'} in {counted(analysis.file_count, 'file')}"
    fixes = Counter(finding.fix for finding in analysis.findings)
    safe, unsafe = fixes[FixKind.SAFE], fixes[FixKind.UNSAFE]
    if unsafe:
        summary += f"; {safe + unsafe} can be fixed with `otp-genesis fix --unsafe`"
    elif safe:
        summary += f"; {safe} can be fixed with `otp-genesis fix`"
    if analysis.since:
        summary += f"; only lines changed since {printable(analysis.since)} are shown"
    if analysis.accepted:
        summary += f"; {analysis.accepted} in the baseline"
    return summary


def _word(severity: Severity) -> str:
    return _WORD.get(severity, severity.label)


def _path(analysis: Analysis, path: str) -> str:
    return printable(from_here(analysis.target.root / path))


def _cropped(code: str, start: int, end: int) -> tuple[str, int, int]:
    """A generated file may be one line of megabytes: only what stands around the finding is shown."""
    if len(code) <= _LONGEST_LINE:
        return code, start, end
    first = max(0, start - _KEPT_BEFORE)
    kept = code[first : first + _LONGEST_LINE]
    return kept, start - first, min(end - first, len(kept))


def _blank(text: str) -> str:
    """White space as wide as `text`, tabs kept, so that what follows stands below what follows it."""
    return "".join(c if c == "\t" else " " * _columns(c) for c in text)


def _width(text: str) -> int:
    """Columns on a terminal."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
