"""Where a quoted text stands in a file: at one place exactly, or it is refused.

Whoever quotes has seen the file, or believes so. What is refused is answered with what the file
really says, so that the next try can be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches

from otp_genesis_analyzers.source import LineIndex, Span
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.rewriting.layout import newline_of

_NAMED_PLACES = 10
_MOST_LINES = 20_000


def place_of(path: str, content: bytes, quoted: str) -> Span | Refused:
    """The bytes that read as quoted, whatever ends the lines of the file."""
    if not quoted.strip():
        return Refused(f"an empty text stands nowhere in {path}: quote the lines that are meant")
    wanted = quoted.encode("utf-8", "surrogatepass")
    if wanted not in content:
        wanted = with_line_ends(quoted, content).encode("utf-8", "surrogatepass")
    places = list(_places(content, wanted))
    if len(places) == 1:
        return Span(places[0], len(wanted))
    return Refused(_too_often(path, content, places) if places else _nowhere(path, content, quoted))


def with_line_ends(text: str, content: bytes) -> str:
    """A text with the line ends of a file: who quotes sees lines, not what ends them."""
    return text.replace("\r\n", "\n").replace("\n", newline_of(content))


def _places(content: bytes, wanted: bytes) -> Iterator[int]:
    """Where the text stands, also where it overlaps itself."""
    at = content.find(wanted)
    while at >= 0:
        yield at
        at = content.find(wanted, at + 1)


def _too_often(path: str, content: bytes, places: Sequence[int]) -> str:
    lines = LineIndex(content)
    named = ", ".join(str(lines.line_of(place) + 1) for place in places[:_NAMED_PLACES])
    more = " and more" if len(places) > _NAMED_PLACES else ""
    return (
        f"the text to replace stands {len(places)} times in {path}, in lines {named}{more}: give more of what"
        " is around the one that is meant"
    )


def _nowhere(path: str, content: bytes, quoted: str) -> str:
    lines = content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    start = _closest(lines[:_MOST_LINES], quoted.replace("\r\n", "\n").strip("\n").split("\n"))
    if start is None:
        return f"the text to replace does not stand in {path}, nor anything like it: read the file again"
    shown = "\n".join(lines[start : start + quoted.strip("\n").count("\n") + 1])
    return (
        f"the text to replace does not stand in {path} as it was given. What reads most like it begins at"
        f" line {start + 1}:\n{shown}"
    )


def _closest(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """The index of the line at which most of the wanted lines stand in order."""
    stripped, sought = [line.strip() for line in lines], [line.strip() for line in wanted]
    scores: dict[int, float] = {}
    for offset, line in enumerate(sought):
        if line:
            for at in (index for index, there in enumerate(stripped) if there == line):
                scores[at - offset] = scores.get(at - offset, 0.0) + len(line)
    best = [start for start in sorted(scores, key=lambda start: -scores[start])[:3] if start >= 0]
    if best:
        return max(best, key=lambda start: _likeness(stripped[start : start + len(sought)], sought))
    first = max(sought, key=len)
    near = get_close_matches(first, dict.fromkeys(stripped), n=1) if first else []
    return max(0, stripped.index(near[0]) - sought.index(first)) if near else None


def _likeness(there: Sequence[str], sought: Sequence[str]) -> float:
    return SequenceMatcher(None, "\n".join(there), "\n".join(sought), autojunk=False).quick_ratio()
