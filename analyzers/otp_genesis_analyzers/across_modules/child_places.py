"""Where a finding about one child of a list stands."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Child
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span


def first_line_of(project: Project, path: str, child: Child) -> Span:
    """The part of an entry in a list of children that is on its first line with more than a bracket."""
    start = child.span.start
    for line in project.read(path)[start : child.span.end].splitlines(keepends=True):
        text = line.strip()
        if text not in (b"{", b"%{", b""):
            start += line.index(text)
            return Span(start, len(text))
        start += len(line)
    return child.span
