"""The forest as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from otp_genesis_server.tree.drawing import Drawing, Entry, walk

MOST_EDGES = 500
MOST_CHARACTERS = 50_000
"""What Mermaid draws at most, where its host doesn't raise that."""

_PLAIN = frozenset(" _.,:/()+-…×")
_BRACKETS = {
    "application": ("([", "])"),
    "supervisor": ("[", "]"),
    "worker": ("(", ")"),
    "outside": ("{{", "}}"),
    "more": ("(", ")"),
}
_CLASSES = (
    "classDef error stroke:#d1242f,stroke-width:3px",
    "classDef warning stroke:#bf8700,stroke-width:3px",
    "classDef loose stroke-dasharray:5 4",
)


def flowchart(drawing: Drawing) -> str:
    """One flowchart of all trees; what stands in no tree is in subgraphs."""
    numbers = (f"n{number}" for number in count())
    lines = ["flowchart LR"]
    for tree in drawing.trees:
        lines += _nodes(tree, numbers, "", indent="  ")
    for number, section in enumerate(drawing.sections):
        lines += [f'  subgraph s{number}["{escaped(section.title)}"]', "    direction LR"]
        for entry in section.entries:
            lines += _nodes(entry, numbers, "", indent="    ")
        lines.append("  end")
    lines += [f"  {line}" for line in _CLASSES]
    return "\n".join(lines) + "\n"


def is_too_large(drawing: Drawing, chart: str) -> bool:
    entries = [*drawing.trees, *(entry for section in drawing.sections for entry in section.entries)]
    return len(chart) > MOST_CHARACTERS or sum(len(entry.children) for entry in walk(entries)) > MOST_EDGES


def escaped(text: str) -> str:
    """Text for a quoted label: everything but letters, digits and plain punctuation by its code point."""
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in text)


def _nodes(entry: Entry, numbers: Iterator[str], parent: str, indent: str) -> Iterable[str]:
    own = next(numbers)
    left, right = _BRACKETS[entry.shape]
    parts = [entry.label, ", ".join(entry.details)]
    parts.append(
        ", ".join(badge.code + (f" ×{badge.count}" if badge.count > 1 else "") for badge in entry.badges)
    )
    text = "<br/>".join(escaped(part) for part in parts if part)
    yield f'{indent}{own}{left}"{text}"{right}{_class(entry)}'
    if parent:
        yield f"{indent}{parent} {'-.->' if entry.loose else '-->'} {own}"
    for child in entry.children:
        yield from _nodes(child, numbers, own, indent)


def _class(entry: Entry) -> str:
    if entry.badges and entry.badges[0].severity.label in ("error", "warning"):
        return f":::{entry.badges[0].severity.label}"
    return ":::loose" if entry.loose else ""
