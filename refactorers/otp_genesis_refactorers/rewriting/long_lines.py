"""Edits that leave no line longer than the project's formatter allows."""

from __future__ import annotations

from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, edited
from otp_genesis_refactorers.rewriting.edits import edits_between, moved
from otp_genesis_refactorers.rewriting.formatter import DEFAULT_LINE_LENGTH, line_length_of
from otp_genesis_refactorers.rewriting.layout import broken_lines, line_is_too_long


def without_long_line(project: Project, source: Source, edits: list[Edit], span: Span) -> list[Edit]:
    """The edits, and more that break the line of the expression at `span` where they made it too long.

    `span` is a place of `source` that the edits don't replace as a whole.
    """
    line_length = _line_length(project, source)
    if line_is_too_long(source, span.start, line_length + 1):
        return edits
    after = Source(source.path, edited(source.content, tuple(sorted(edits))))
    start = moved(span.start, edits)
    target = after.node_at(Span.between(start, max(start, moved(span.end, edits))))
    broken = broken_lines(after, target, line_length)
    return edits_between(source.content, edited(after.content, tuple(sorted(broken)))) if broken else edits


def makes_long_line(project: Project, source: Source, edits: list[Edit]) -> bool:
    """Whether a line is longer than allowed after the edits that was not there before them."""
    line_length = _line_length(project, source)
    after = Source(source.path, edited(source.content, tuple(sorted(edits))))
    known = set(source.content.splitlines())
    shift = 0
    for edit in sorted(edits):
        start, text = edit.span.start + shift, edit.text.encode()
        shift += len(text) - (edit.span.end - edit.span.start)
        for line in range(after.lines.line_of(start), after.lines.line_of(start + len(text)) + 1):
            first = after.lines.starts[line]
            is_new = after.content[first : after.lines.line_end(line)] not in known
            if is_new and line_is_too_long(after, first, line_length):
                return True
    return False


def _line_length(project: Project, source: Source) -> int:
    app = project.app_of(source.path)
    return line_length_of(project, app) if app is not None else DEFAULT_LINE_LENGTH
