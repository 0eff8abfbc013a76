"""Plan documents as text: writing them, and finding what is in one that a person has edited.

Reading loses nothing, because it makes nothing: a `Document` is its text, with the places of the items
and parts in it. Whoever changes a document replaces such a place and leaves the rest as it is.
Offsets are in characters of the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from textwrap import indent
from typing import cast

from markdown_it import MarkdownIt
from markdown_it.token import Token

from otp_genesis_refactorers.plan.inline import code, fenced
from otp_genesis_refactorers.plan.ledger import Ledger, find_ledger
from otp_genesis_refactorers.plan.model import ID_LENGTH, Phase, Place, Proposal, Safety, Section, State, Step

GOAL, SUMMARY = "goal", "summary"
"""Names of the parts that are not sections."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_BLANK = " \t\r\n"
_BRACKETS = re.compile(r"\[([ xX!-])\](?=\s|\Z)")
_STEP_COMMENT = re.compile(rf"<!-- step ([0-9a-f]{{{ID_LENGTH}}}) -->")
_QUOTE_MARK = re.compile(r"^ {0,3}>", re.MULTILINE)
_NUMBER = re.compile(r"(\d+(?:\.\d+)+)\s+")
_PLACE = re.compile(r"(See )?(`+) ?([^\n]+?):(\d+) ?\2 ([^\n]*)")
_CHANGE = re.compile(r"Change \((safe|unsafe|by hand)(?:: (.*))?\):?")


# --- writing ---------------------------------------------------------------------------------------


def render_step(step: Step) -> str:
    """The item of a step, with a line break at its end."""
    number = f"{step.number} " if step.number else ""
    comment = f" <!-- step {step.id} -->" if step.id else ""
    note = f" {step.note}" if step.note else ""
    lines = [f"- [{step.state.mark}] **{number}{step.title}**{comment}{note}\n"]
    lines += [f"  - {_place(place)}\n" for place in step.places]
    lines += [f"  - See {_place(place)}\n" for place in step.related]
    if step.problem:
        lines.append(f"  - Problem: {step.problem}\n")
    if step.change is not None:
        lines.append(_change(step.change))
    if step.test:
        lines.append(f"  - Test: {step.test}\n")
    return "".join(lines)


def render_goal(goal: str) -> str:
    return f"> Goal: {goal}"


def render_section(section: Section) -> str:
    return f"## {section.title}\n\n{section.body}"


def render(phase: Phase, goal: str, ledger: Ledger) -> str:
    """A new document. Its steps are written as they are, numbers included."""
    heading = f"Phase {phase.number}: {phase.title}" if phase.number else phase.title
    blocks = [
        f"# {heading}\n{render_goal(goal)}",
        phase.summary,
        "".join(map(render_step, phase.steps)).rstrip("\n"),
        *map(render_section, phase.sections),
        ledger.render(),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def part_name(section_title: str) -> str:
    """The name of a section in the ledger."""
    return re.sub(r"[^a-z0-9]+", "-", section_title.lower()).strip("-")


def _place(place: Place) -> str:
    return f"{code(f'{place.path}:{place.line}')} {place.about}"


def _change(change: Proposal) -> str:
    note = f": {change.note}" if change.note else ""
    if not change.text:
        return f"  - Change ({change.safety}{note})\n"
    return f"  - Change ({change.safety}{note}):\n" + _indented(fenced(change.text, change.language))


def _indented(block: str) -> str:
    # An empty line of context in a diff is one space, which `indent` would leave where it is.
    return indent(block, " " * 4, lambda line: line != "\n")


# --- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """An item of a document and where it stands."""

    step: Step
    start: int
    end: int
    """Just after its last line that is not blank."""
    mark: int | None
    """The character between the brackets; None for an item whose brackets a person took away."""
    note_start: int
    note_end: int
    top_level: bool
    """A list item on the document's own level: not inside another item or a quote."""

    def generated_text(self, document: str) -> str:
        """The item without its state and note: what the tool writes when it generates the item."""
        if self.mark is None:
            return document[self.start : self.end]
        before = document[self.start : self.mark] + State.OPEN.mark
        return before + document[self.mark + 1 : self.note_start] + document[self.note_end : self.end]


@dataclass(frozen=True)
class Part:
    start: int
    end: int

    def text(self, document: str) -> str:
        return document[self.start : self.end]


@dataclass(frozen=True)
class Document:
    """A plan document as it stands. `parts` are keyed by their names in the ledger."""

    text: str
    items: tuple[Item, ...]
    parts: dict[str, Part]
    head_end: int
    """Where the line after the part before the first `##` section begins, blank lines left out."""
    body_end: int
    """The same for the part before the ledger."""
    ledger: Ledger
    ledger_place: tuple[int, int] | None

    @property
    def goal(self) -> str:
        """The goal on one line, empty when the document names none."""
        part = self.parts.get(GOAL)
        words = _QUOTE_MARK.sub("", part.text(self.text)) if part else ""
        return " ".join(words.split()).removeprefix("Goal: ")

    @cached_property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"


def parse(text: str) -> Document:
    """Find the items and parts of a document. Any text is a document; what it lacks is not found."""
    # A byte order mark would hide the heading; a space in its place moves nothing. The parser replaces NUL.
    reader = _Reader(text.replace("\ufeff", " ").replace("\0", "\ufffd"))
    ledger, ledger_place = find_ledger(text)
    items = tuple(reader.items())
    body_end = ledger_place[0] if ledger_place else len(text)
    parts = reader.sections(body_end)
    head_end = min([section.start for section in parts.values()] + [body_end])
    goal = reader.goal(head_end)
    if goal:
        parts[GOAL] = goal
    first_item = min([item.start for item in items if item.top_level] + [head_end])
    parts[SUMMARY] = reader.trimmed(goal.end if goal else reader.title_end(), first_item)
    return Document(
        text=text,
        items=items,
        parts=parts,
        head_end=reader.next_line(reader.trimmed(0, head_end).end),
        body_end=reader.next_line(reader.trimmed(0, body_end).end),
        ledger=ledger,
        ledger_place=ledger_place,
    )


class _Reader:
    """The tokens of a text, with what is needed to find their places in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = MarkdownIt("commonmark").parse(text)
        self.line_starts = [match.start() for match in _LINE.finditer(text)]

    def line_start(self, line: int) -> int:
        return self.line_starts[line] if line < len(self.line_starts) else len(self.text)

    def next_line(self, offset: int) -> int:
        """Where the line after the one that holds the character before `offset` begins."""
        return self.line_start(bisect_left(self.line_starts, offset))

    def span(self, token: Token) -> tuple[int, int]:
        first, last = cast(list[int], token.map)
        return self.line_start(first), self.line_start(last)

    def trimmed(self, start: int, end: int) -> Part:
        """The text between two places without the blank lines and spaces around it."""
        inner = self.text[start:end]
        stripped = inner.strip(_BLANK)
        start += len(inner) - len(inner.lstrip(_BLANK)) if stripped else 0
        return Part(start, start + len(stripped))

    def title_end(self) -> int:
        titles = (token for token in self.tokens if token.type == "heading_open" and token.tag == "h1")
        title = next(titles, None)
        return self.span(title)[1] if title else 0

    def goal(self, head_end: int) -> Part | None:
        for index, token in enumerate(self.tokens):
            if token.type != "blockquote_open" or token.level != 0:
                continue
            start, end = self.span(token)
            if start < head_end and self.tokens[index + 2].content.startswith("Goal: "):
                return self.trimmed(start, end)
        return None

    def sections(self, body_end: int) -> dict[str, Part]:
        """Each `##` section on the document's own level, up to the next one or to the ledger."""
        headings = [
            (self.span(token)[0], self.tokens[index + 1].content)
            for index, token in enumerate(self.tokens)
            if token.type == "heading_open" and token.level == 0 and token.tag == "h2"
        ]
        return {
            part_name(title): self.trimmed(start, body_end if start < body_end < end else end)
            for (start, title), (end, _) in pairwise([*headings, (len(self.text), "")])
        }

    def items(self) -> Iterator[Item]:
        for index, token in enumerate(self.tokens):
            if token.type != "list_item_open" or self.tokens[index + 1].type != "paragraph_open":
                continue
            top_level = token.level == 1
            first = self.tokens[index + 2]
            comment = _step_comment(first)
            if comment or (top_level and _BRACKETS.match(first.content)):
                close = next(
                    position
                    for position in range(index, len(self.tokens))
                    if self.tokens[position].type == "list_item_close"
                    and self.tokens[position].level == token.level
                )
                yield self._item(token, first, self.tokens[index + 3 : close], comment, top_level)

    def _item(
        self, token: Token, first: Token, inner: Sequence[Token], comment: str, top_level: bool
    ) -> Item:
        start, end = self.span(token)
        title_start, title_end = self._place_of(first)
        note_start = title_end
        if comment:
            note_start = self.text.rindex(comment, title_start, title_end) + len(comment)
        return Item(
            step=_read_step(first.content, comment, self.text[note_start:title_end].strip(), inner),
            start=start,
            end=self.next_line(self.trimmed(start, end).end),
            mark=title_start + 1 if _BRACKETS.match(first.content) else None,
            note_start=note_start,
            note_end=title_end,
            top_level=top_level,
        )

    def _place_of(self, inline: Token) -> tuple[int, int]:
        """Where a paragraph's text begins and ends. Its lines stand in the text as they are, indented."""
        lines = [line.strip() for line in inline.content.split("\n")]
        start = self.text.index(lines[0], self.span(inline)[0])
        last_line = self.line_start(bisect_right(self.line_starts, start) + len(lines) - 2)
        return start, self.text.index(lines[-1], max(start, last_line)) + len(lines[-1])


def _step_comment(inline: Token) -> str:
    for child in inline.children or ():
        if child.type == "html_inline" and _STEP_COMMENT.fullmatch(child.content):
            return child.content
    return ""


def _read_step(first: str, comment: str, note: str, inner: Sequence[Token]) -> Step:
    brackets = _BRACKETS.match(first)
    state = State.of_mark(brackets[1]) if brackets else None
    title = first[brackets.end() if brackets else 0 :]
    title = title[: title.rindex(comment)] if comment else title
    title = " ".join(title.split())
    if title.startswith("**") and title.endswith("**"):
        title = title[2:-2]
    number = _NUMBER.match(title)
    details = list(_details(inner))
    return Step(
        id=comment[len("<!-- step ") : -len(" -->")],
        title=title[number.end() :] if number else title,
        places=tuple(_read_place(match) for match in _matching(_PLACE, details) if not match[1]),
        related=tuple(_read_place(match) for match in _matching(_PLACE, details) if match[1]),
        problem=_labelled(details, "Problem: "),
        change=_read_change(details),
        test=_labelled(details, "Test: "),
        state=state or State.OPEN,
        note=note,
        number=number[1] if number else "",
    )


Detail = tuple[str, Token | None]


def _details(inner: Sequence[Token]) -> Iterator[Detail]:
    """The list items directly below an item: the first paragraph of each, and its code block."""
    level = min((token.level for token in inner if token.type == "list_item_open"), default=0)
    starts = [
        index for index, token in enumerate(inner) if token.type == "list_item_open" and token.level == level
    ]
    for start, end in pairwise([*starts, len(inner)]):
        own = inner[start:end]
        if len(own) > 2 and own[1].type == "paragraph_open":
            fence = next((token for token in own if token.type == "fence"), None)
            yield own[2].content.replace("\n", " "), fence


def _matching(pattern: re.Pattern[str], details: Sequence[Detail]) -> Iterator[re.Match[str]]:
    return (match for content, _ in details if (match := pattern.fullmatch(content)))


def _labelled(details: Sequence[Detail], label: str) -> str:
    return next((content[len(label) :] for content, _ in details if content.startswith(label)), "")


def _read_place(match: re.Match[str]) -> Place:
    return Place(match[3], int(match[4]), match[5])


def _read_change(details: Sequence[Detail]) -> Proposal | None:
    for content, fence in details:
        match = _CHANGE.fullmatch(content)
        if match:
            return Proposal(
                safety=cast(Safety, match[1]),
                note=match[2] or "",
                language="diff" if fence and fence.info.strip() == "diff" else "elixir",
                text=fence.content.rstrip("\n") if fence else "",
            )
    return None
