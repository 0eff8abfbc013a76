"""Parts of files: some lines, or the function that stands around a line."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.model import Clause, FileFacts, Function
from otp_genesis_analyzers.source import LineIndex, Span
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase.values import Text

MOST_LINES, MOST_BYTES = 2000, 200_000
"""Of one answer."""
_AROUND_LINES = 15
_DEFINING = frozenset({"def", "defp", "defmacro", "defmacrop", "defdelegate", "defguard", "test"})


def lines_of(path: str, content: bytes, first: int = 1, last: int | None = None) -> Text | Refused:
    """The lines from `first` to `last`, both counted from 1 and included, as far as one answer goes."""
    lines = _lines(content)
    if first < 1 or (last is not None and last < first):
        return Refused(f"there are no lines {first} to {last} in any file: lines are counted from 1")
    if first > max(1, len(lines)):
        return Refused(f"{path} has {len(lines)} lines, none with the number {first}")
    taken: list[bytes] = []
    size = 0
    for line in lines[first - 1 : last][:MOST_LINES]:
        size += len(line)
        if taken and size > MOST_BYTES:
            break
        taken.append(line)
    text = b"".join(taken)
    if b"\0" in text:
        return Refused(f"{path} is no text")
    try:
        return Text(path, first, first + len(taken) - 1, len(lines), text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Refused(f"{path} is no UTF-8 text")


def definition_at(path: str, content: bytes, facts: FileFacts | None, line: int) -> Text | Refused:
    """The function around a line with the attributes and comments above it; else the lines around."""
    index = LineIndex(content)
    if facts is not None and 1 <= line <= len(index.starts):
        place = index.starts[line - 1], index.line_end(line - 1)
        for group in _groups(facts):
            span = Span.between(group[0].span.start, group[-1].span.end)
            if span.start <= place[1] and place[0] < span.end:
                first, last = index.line_of(span.start), index.line_of(max(span.start, span.end - 1))
                return lines_of(path, content, _above(_lines(content), first) + 1, last + 1)
    return lines_of(path, content, max(1, line - _AROUND_LINES), line + _AROUND_LINES)


def _groups(facts: FileFacts) -> Iterator[list[Clause]]:
    """The clauses of each function; where others stand between them, in parts."""
    for module in facts.modules:
        placed: list[tuple[Clause, Function]] = [
            (clause, function)
            for function in module.functions
            if function.kind in _DEFINING
            for clause in function.clauses
        ]
        placed.sort(key=lambda each: each[0].span)
        group: list[Clause] = []
        owner: Function | None = None
        for clause, function in placed:
            if function is not owner and group:
                yield group
                group = []
            owner = function
            group.append(clause)
        if group:
            yield group


def _above(lines: list[bytes], first: int) -> int:
    """The index of the first of the attributes and comments that stand directly above a line."""
    while first > 0 and lines[first - 1].lstrip().startswith((b"@", b"#")):
        first -= 1
    return first


def _lines(content: bytes) -> list[bytes]:
    """With their ends; what follows the last line break is a line if there is anything."""
    starts = LineIndex(content).starts
    lines = [content[start:end] for start, end in zip(starts, [*starts[1:], len(content)], strict=True)]
    return lines if lines[-1] else lines[:-1]
