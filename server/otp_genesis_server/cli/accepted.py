"""The findings that a project has accepted: left out of what is shown, or taken in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.baseline import (
    DEFAULT_NAME,
    VERSION,
    BadBaseline,
    Baseline,
    Entry,
    IsConclusive,
    Rewritten,
    compared,
    parse_baseline,
    render_baseline,
    rewritten,
)
from otp_genesis_refactorers.applying.write import HalfWritten, NotWritten, write_files
from otp_genesis_refactorers.change import Outdated, content_hash
from otp_genesis_server.cli.analysis import Analysis
from otp_genesis_server.cli.places import counted, from_here, printable

_EMPTY = Baseline(VERSION, ())
_NAMED = 3
"""How many stale entries are named in the one line about them."""


def without_accepted(analysis: Analysis, file: Path) -> Analysis:
    """The analysis less what the baseline has; what it has in vain is said. Raises click.UsageError."""
    result = compared(_read(file)[0], analysis.findings, _is_conclusive(analysis))
    if result.stale:
        named = ", ".join(f"{entry.code} in {entry.path}" for entry in result.stale[:_NAMED])
        more = f" and {len(result.stale) - _NAMED} more" if len(result.stale) > _NAMED else ""
        _tell(
            f"{from_here(file)}: {counted(len(result.stale), 'finding')} no longer found, --write-baseline"
            f" takes them out: {named}{more}"
        )
    return replace(analysis, findings=result.new, accepted=len(result.known))


def accept(analysis: Analysis, file: Path | None, known: Path | None) -> Analysis:
    """Take all findings into the baseline `file`, the project's without one, and leave them out.

    The reasons are those of the file as it is; of `known` when it is a new file. Raises click.UsageError.
    """
    file = file or known or analysis.target.root / DEFAULT_NAME
    if file.exists():
        before, content = _read(file)
    else:
        before, content = _read(known)[0] if known else _EMPTY, None
    result = rewritten(before, analysis.findings, _is_conclusive(analysis))
    _write(file, content, render_baseline(result.baseline))
    _say(file, result)
    return replace(analysis, findings=(), accepted=len(analysis.findings))


def _read(file: Path) -> tuple[Baseline, bytes]:
    try:
        content = file.read_bytes()
        return parse_baseline(content), content
    except FileNotFoundError as error:
        raise click.UsageError(
            f"{from_here(file)}: there is no such baseline; --write-baseline makes one"
        ) from error
    except IsADirectoryError as error:
        raise click.UsageError(
            f"{from_here(file)} is a folder, not a baseline; write --write-baseline behind the paths"
        ) from error
    except BadBaseline as error:
        raise click.UsageError(printable(f"{from_here(file)}: {error}")) from error


def _is_conclusive(analysis: Analysis) -> IsConclusive:
    """Silence says nothing of a file that was not asked for, or could not be read."""
    of_project = engine.conclusive(analysis.project, analysis.chosen)

    def is_conclusive(code: str, path: str) -> bool:
        looked_at = analysis.target.includes(path) and path not in analysis.unparsed
        return looked_at and of_project(code, path)

    return is_conclusive


def _write(file: Path, before: bytes | None, after: bytes) -> None:
    if after == before:
        return
    file = file.resolve()
    hashes = {} if before is None else {file.name: content_hash(before)}
    try:
        write_files(file.parent, {file.name: after}, hashes)
    except (Outdated, NotWritten, HalfWritten) as error:
        raise click.UsageError(str(error)) from error


def _say(file: Path, result: Rewritten) -> None:
    total = counted(len(result.baseline.findings), "finding")
    _tell(f"{from_here(file)}: {total}, {result.added} new, {len(result.dropped)} dropped")
    for line in _dropped(result.dropped):
        _tell(line)


def _dropped(entries: Iterable[Entry]) -> Iterable[str]:
    """With the reason, which would be lost in silence."""
    for entry in entries:
        reason = f" -- {entry.reason}" if entry.reason else ""
        yield f"dropped {entry.code} in {entry.path}, {entry.scope or 'outside modules'}{reason}"


def _tell(line: str) -> None:
    click.echo(printable(line), err=True)
