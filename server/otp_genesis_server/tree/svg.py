"""The forest as a self-contained SVG: no script, nothing loaded, readable on dark and on light.

One row a process, children indented below their parent: that stays readable in a narrow panel and with
hundreds of processes. Widths are counted in characters of a monospaced font, so that no text is cut.
Every process carries `data-path` and `data-line`, by which a viewer can open its code.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from otp_genesis_server.tree.drawing import Badge, Drawing, Entry

_ROW, _CARD, _INDENT, _MARGIN, _SPACE = 34, 26, 28, 16, 10
_CHARACTER, _SMALL_CHARACTER = 8.1, 7.2  # at 13 and 11.5 pixels, with room to spare
_PADDING, _GAP, _STRIPE = 10.0, 10.0, 4.0
_NARROWEST = 320.0

_STYLE = """
.ogt {
  --ogt-background: var(--vscode-editor-background, #ffffff);
  --ogt-text: var(--vscode-editor-foreground, #1f2328);
  --ogt-muted: var(--vscode-descriptionForeground, #59636e);
  --ogt-card: var(--vscode-editorWidget-background, #f6f8fa);
  --ogt-line: var(--vscode-editorIndentGuide-activeBackground, #8c959f);
  --ogt-application: #8250df;
  --ogt-supervisor: #0969da;
  --ogt-worker: #57606a;
  --ogt-outside: #bc4c00;
  --ogt-error: #cf222e;
  --ogt-warning: #9a6700;
  --ogt-information: #0969da;
  --ogt-hint: #57606a;
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  .ogt {
    --ogt-background: var(--vscode-editor-background, #0d1117);
    --ogt-text: var(--vscode-editor-foreground, #e6edf3);
    --ogt-muted: var(--vscode-descriptionForeground, #9da7b3);
    --ogt-card: var(--vscode-editorWidget-background, #161b22);
    --ogt-line: var(--vscode-editorIndentGuide-activeBackground, #6e7681);
    --ogt-application: #b083f0;
    --ogt-supervisor: #539bf5;
    --ogt-worker: #909dab;
    --ogt-outside: #e0823d;
  }
}
.ogt-background { fill: var(--ogt-background); }
.ogt-label, .ogt-title { fill: var(--ogt-text); font-size: 13px; font-weight: 600; }
.ogt-details { fill: var(--ogt-muted); font-size: 11.5px; }
.ogt-card { fill: var(--ogt-card); stroke: var(--ogt-line); }
.ogt-link { fill: none; stroke: var(--ogt-line); }
.ogt-loose > .ogt-card, .ogt-link.ogt-loose { stroke-dasharray: 4 3; }
.ogt-application > .ogt-stripe { fill: var(--ogt-application); }
.ogt-supervisor > .ogt-stripe { fill: var(--ogt-supervisor); }
.ogt-worker > .ogt-stripe, .ogt-more > .ogt-stripe { fill: var(--ogt-worker); }
.ogt-outside > .ogt-stripe { fill: var(--ogt-outside); }
.ogt-badge > rect { fill: var(--ogt-hint); }
.ogt-badge.ogt-error > rect { fill: var(--ogt-error); }
.ogt-badge.ogt-warning > rect { fill: var(--ogt-warning); }
.ogt-badge.ogt-information > rect { fill: var(--ogt-information); }
.ogt-badge > text { fill: #ffffff; font-size: 11.5px; font-weight: 600; }
"""


@dataclass(frozen=True)
class _Row:
    """A process, or a line of text between processes. `y` is its middle."""

    y: float
    depth: int = 0
    entry: Entry | None = None
    text: str = ""
    style: str = "ogt-title"
    parent_y: float | None = None


def svg(name: str, drawing: Drawing) -> str:
    """Without an XML declaration, so that it can stand inside of a page."""
    rows = list(_rows(drawing))
    width = max([_NARROWEST, *(_x(row) + _row_width(row) for row in rows)]) + _MARGIN
    height = rows[-1].y + _ROW / 2 + _MARGIN
    title = f"Supervision tree of {name}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="ogt" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label={quoteattr(_text(title))}>',
            f"<title>{_escaped(title)}</title>",
            f"<style>{_STYLE}</style>",
            '<rect class="ogt-background" width="100%" height="100%" fill="#ffffff"/>',
            *(_link(row) for row in rows if row.parent_y is not None),
            *(_line(row) if row.entry is None else _card(row, row.entry) for row in rows),
            "</svg>",
            "",
        ]
    )


def _rows(drawing: Drawing) -> Iterator[_Row]:
    y = _MARGIN + _ROW / 2
    for tree in drawing.trees:
        for row in _below(tree, y, 0, None):
            yield row
            y = row.y + _ROW
        y += _SPACE
    for section in drawing.sections:
        yield _Row(y, text=section.title)
        for entry in section.entries:
            for row in _below(entry, y + _ROW, 0, None):
                yield row
                y = row.y
        y += _ROW + _SPACE
    for number, line in enumerate((*drawing.notes, drawing.summary)):
        yield _Row(y + number * _ROW, text=line, style="ogt-details")


def _below(entry: Entry, y: float, depth: int, parent_y: float | None) -> Iterator[_Row]:
    yield _Row(y, depth, entry, parent_y=parent_y)
    last = y
    for child in entry.children:
        for row in _below(child, last + _ROW, depth + 1, y):
            yield row
            last = row.y


def _x(row: _Row) -> float:
    return _MARGIN + _INDENT * row.depth


def _line(row: _Row) -> str:
    place = f'x="{_x(row)}" y="{row.y + 4.5}"'
    return f'<text class="{row.style}" {place} fill="#1f2328">{_escaped(row.text)}</text>'


def _link(row: _Row) -> str:
    x = _x(row) - _INDENT / 2
    top = (row.parent_y or 0) + _CARD / 2
    loose = " ogt-loose" if row.entry is not None and row.entry.loose else ""
    return f'<path class="ogt-link{loose}" d="M{x} {top}V{row.y}H{_x(row)}" fill="none" stroke="#8c959f"/>'


def _card(row: _Row, entry: Entry) -> str:
    x, top = _x(row), row.y - _CARD / 2
    loose = " ogt-loose" if entry.loose else ""
    place = f' data-path={quoteattr(_text(entry.path))} data-line="{entry.line}"'
    return "".join(
        [
            f'<g class="ogt-node ogt-{entry.shape}{loose}"{place}>',
            f"<title>{_escaped(_tooltip(entry))}</title>",
            f'<rect class="ogt-card" x="{x}" y="{top}" width="{_card_width(entry):.1f}" height="{_CARD}" '
            'rx="5" fill="#f6f8fa" stroke="#8c959f"/>',
            f'<rect class="ogt-stripe" x="{x}" y="{top}" width="{_STRIPE}" height="{_CARD}" '
            'rx="2" fill="#57606a"/>',
            *_texts(entry, x + _STRIPE + _PADDING, row.y),
            "</g>",
        ]
    )


def _texts(entry: Entry, x: float, y: float) -> Iterable[str]:
    yield f'<text class="ogt-label" x="{x:.1f}" y="{y + 4.5}" fill="#1f2328">{_escaped(entry.label)}</text>'
    x += _width(entry.label, _CHARACTER)
    details = _details(entry)
    if details:
        x += _GAP
        yield f'<text class="ogt-details" x="{x:.1f}" y="{y + 4}" fill="#59636e">{_escaped(details)}</text>'
        x += _width(details, _SMALL_CHARACTER)
    for badge in entry.badges:
        x += _GAP
        text = _badge_text(badge)
        width = _width(text, _SMALL_CHARACTER) + _PADDING
        yield (
            f'<g class="ogt-badge ogt-{badge.severity.label}">'
            f'<rect x="{x:.1f}" y="{y - 9}" width="{width:.1f}" height="18" rx="9" fill="#57606a"/>'
            f'<text x="{x + _PADDING / 2:.1f}" y="{y + 4}" fill="#ffffff">{_escaped(text)}</text></g>'
        )
        x += width


def _row_width(row: _Row) -> float:
    return _width(row.text, _CHARACTER) if row.entry is None else _card_width(row.entry)


def _card_width(entry: Entry) -> float:
    details = _details(entry)
    width = _STRIPE + 2 * _PADDING + _width(entry.label, _CHARACTER)
    width += _GAP + _width(details, _SMALL_CHARACTER) if details else 0
    return width + sum(
        _GAP + _PADDING + _width(_badge_text(badge), _SMALL_CHARACTER) for badge in entry.badges
    )


def _details(entry: Entry) -> str:
    return " · ".join(entry.details)


def _badge_text(badge: Badge) -> str:
    return f"{badge.code} ×{badge.count}" if badge.count > 1 else badge.code


def _tooltip(entry: Entry) -> str:
    return "\n".join((entry.label, *filter(None, [_details(entry)]), *entry.tooltip))


def _width(text: str, character: float) -> float:
    return character * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _escaped(text: str) -> str:
    return escape(_text(text))


def _text(text: str) -> str:
    """Without the characters that XML has no way to write."""
    return "".join(c if c in "\t\n" or _is_xml(ord(c)) else "\N{REPLACEMENT CHARACTER}" for c in text)


def _is_xml(code_point: int) -> bool:
    return 0x20 <= code_point <= 0xD7FF or 0xE000 <= code_point <= 0xFFFD or code_point >= 0x10000
