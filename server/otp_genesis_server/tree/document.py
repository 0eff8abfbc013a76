"""The forest as a Markdown document: the diagram, the text, and a table of the findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.forest.marks import Marks
from otp_genesis_refactorers.plan.inline import code, fenced, prose
from otp_genesis_server.tree import mermaid, text
from otp_genesis_server.tree.drawing import Drawing, Position

Link = Callable[[str, int], str]
"""The address of a line of a file."""


def markdown(name: str, drawing: Drawing, marks: Marks, position: Position, link: Link) -> str:
    return "\n".join(_blocks(name, drawing, marks, position, link)).rstrip("\n") + "\n"


def _blocks(name: str, drawing: Drawing, marks: Marks, position: Position, link: Link) -> Iterator[str]:
    yield f"# Supervision tree of {prose(name)}\n"
    yield prose(drawing.summary) + ".\n"
    yield from (f"> {prose(note)}\n" for note in drawing.notes)
    chart = mermaid.flowchart(drawing)
    if mermaid.is_too_large(drawing, chart):
        yield "The diagram is left out: it is larger than Mermaid draws.\n"
    else:
        yield fenced(chart, "mermaid")
    yield "## As text\n"
    yield fenced("\n".join(text.lines(drawing)), "text")
    if marks.findings:
        yield "## Findings\n"
        yield "| where | rule | what |\n| --- | --- | --- |"
        yield from (_row(finding, position, link) for finding in marks.findings)


def _row(finding: Finding, position: Position, link: Link) -> str:
    line, _ = position(finding.path, finding.span.start)
    place = f"[{code(f'{finding.path}:{line}')}]({link(finding.path, line)})"
    rule = f"{finding.code} {finding.name}, {finding.severity.label}"
    return (
        "| "
        + " | ".join(cell.replace("|", "\\|") for cell in (place, prose(rule), prose(finding.message)))
        + " |"
    )
