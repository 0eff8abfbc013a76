"""The forest as lines of text, as `tree` draws folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from otp_genesis_server.tree.drawing import Badge, Drawing, Entry

Style = Callable[[str, str], str]
"""Dresses a piece of text: `label`, `dim`, or the name of a severity."""


def plain(text: str, _: str) -> str:
    return text


def lines(
    drawing: Drawing, style: Style = plain, place: Callable[[str, int], str] | None = None
) -> Iterator[str]:
    """`place` words where an entry is, from a path and a line; `path:line` by default."""
    place = place or _place
    for number, tree in enumerate(drawing.trees):
        if number:
            yield ""
        yield from _subtree(tree, style, place)
    for section in drawing.sections:
        yield ""
        yield style(_one_line(section.title), "label")
        for number, entry in enumerate(section.entries, start=1):
            yield from _below(entry, "", number == len(section.entries), style, place)
    if drawing.notes:
        yield ""
        yield from (style(_one_line(note), "dim") for note in drawing.notes)


def _subtree(entry: Entry, style: Style, place: Callable[[str, int], str], indent: str = "") -> Iterator[str]:
    yield _line(entry, style, place)
    for number, child in enumerate(entry.children, start=1):
        yield from _below(child, indent, number == len(entry.children), style, place)


def _below(
    entry: Entry, indent: str, last: bool, style: Style, place: Callable[[str, int], str]
) -> Iterator[str]:
    branch, further = ("└── ", "    ") if last else ("├── ", "│   ")
    first, *rest = _subtree(entry, style, place, indent + further)
    yield style(indent + branch, "dim") + first
    yield from rest


def _line(entry: Entry, style: Style, place: Callable[[str, int], str]) -> str:
    details = f" ({', '.join(entry.details)})" if entry.details else ""
    marked = [_badge(badge, style) for badge in entry.badges]
    where = place(entry.path, entry.line) if entry.path else ""
    label = style(_one_line(entry.label), "label")
    return " ".join(filter(None, [label + style(_one_line(details), "dim"), *marked, style(where, "dim")]))


def _badge(badge: Badge, style: Style) -> str:
    return style(f"[{badge.code}{f' ×{badge.count}' if badge.count > 1 else ''}]", badge.severity.label)


def _place(path: str, line: int) -> str:
    return _one_line(f"{path}:{line}")


def _one_line(text: str) -> str:
    """A name must not be able to steer the terminal that it is shown on."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
