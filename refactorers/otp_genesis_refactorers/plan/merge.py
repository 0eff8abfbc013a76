"""Bringing a document up to date without touching what a person did to it.

The tool's own are: a part or an open item whose text is still the one that it wrote (the ledger knows),
and the state of an open item whose finding is gone. All else stays, byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from otp_genesis_refactorers.plan.ledger import UNKNOWN, Entry, Ledger, digest
from otp_genesis_refactorers.plan.markdown import (
    GOAL,
    SUMMARY,
    Document,
    Item,
    parse,
    part_name,
    render,
    render_goal,
    render_section,
    render_step,
)
from otp_genesis_refactorers.plan.model import Phase, State, Step

STALE_NOTE = "stale: no longer found; tick it if it was fixed"


@dataclass(frozen=True)
class Earlier:
    """All documents of an earlier plan, by file name. Items may have been moved from one to another."""

    documents: Mapping[str, Document]

    @property
    def ledger(self) -> Ledger:
        entries = [document.ledger.entries for document in self.documents.values()]
        return Ledger({name: entry for own in entries for name, entry in own.items()})

    @property
    def owners(self) -> dict[str, str]:
        """The step that each known finding belongs to, by the ids of both."""
        present = {item.step.id: item.step.id for _, item in self._items()}
        return present | self.ledger.owners

    @property
    def open_steps(self) -> frozenset[str]:
        """The steps that a new finding may join: open, and as the tool wrote them as far as is known."""
        ledger = self.ledger
        return frozenset(
            item.step.id
            for document, item in self._items()
            if _is_open(item) and (item.step.id not in ledger.entries or untouched(item, document, ledger))
        )

    @property
    def steps(self) -> frozenset[str]:
        """Every step that was ever generated, deleted ones too."""
        return frozenset(self.owners.values())

    def _items(self) -> list[tuple[Document, Item]]:
        documents = self.documents.values()
        return [(document, item) for document in documents for item in document.items if item.step.id]


def untouched(item: Item, document: Document, ledger: Ledger) -> bool:
    """Whether an item stands where and as the tool wrote it, apart from its order, state and note."""
    own = document.ledger if item.step.id in document.ledger.entries else ledger
    return item.top_level and own.wrote(item.step.id, item.generated_text(document.text))


def new_document(phase: Phase, goal: str, known: Collection[str]) -> str:
    """A phase that has no document yet, without the steps that stand or stood in another one."""
    fresh = [step for step in phase.steps if step.id not in known]
    steps = [replace(step, number=f"{phase.number}.{index}") for index, step in enumerate(fresh, 1)]
    phase = replace(phase, steps=tuple(steps))
    entries = {step.id: _entry(step) for step in steps}
    parts = {name: Entry(digest(text)) for name, text in _parts(phase, goal).items()}
    return render(phase, goal, Ledger({**parts, **entries}))


def merged(document: Document, phase: Phase, goal: str, earlier: Earlier, fresh: Mapping[str, Step]) -> str:
    """The text of a document brought up to date.

    `phase` is what the document is about now; `fresh` are the steps of all phases by id, since a person
    may have moved an item here from another document.
    """
    merge = _Merge(document, earlier.ledger, fresh)
    merge.present_items()
    merge.new_items(phase, earlier.steps)
    merge.parts(_parts(phase, goal))
    return merge.text()


def reordered(text: str, order: Sequence[str]) -> str:
    """The items of a document in the order of these ids, where they still stand as the tool put them there.

    A person's order is theirs: numbers that don't rise, or anything between the items, is taken for it.
    """
    document = parse(text)
    rank = {id_: position for position, id_ in enumerate(order)}
    items = [item for item in document.items if item.step.id in rank]
    if len(items) < 2:
        return text
    run = [item for item in document.items if items[0].start <= item.start <= items[-1].start]
    between = [text[one.end : other.start].strip() for one, other in pairwise(run)]
    numbers = [[int(part) for part in item.step.number.split(".") if part] for item in run]
    is_ours = all(item.top_level and item.mark is not None for item in run) and run == items
    if not is_ours or any(between) or numbers != sorted(numbers) or not text[: run[-1].end].endswith("\n"):
        return text
    wanted = sorted(run, key=lambda item: rank[item.step.id])
    pieces = [text[: run[0].start]]
    for index, item in enumerate(wanted):
        gap_end = run[index + 1].start if index + 1 < len(run) else len(text)
        pieces += [text[item.start : item.end], text[run[index].end : gap_end]]
    return "".join(pieces)


def is_stale(item: Item) -> bool:
    return item.step.state is State.FAILED and item.step.note.endswith(STALE_NOTE)


def _is_open(item: Item) -> bool:
    return item.mark is not None and (item.step.state is State.OPEN or is_stale(item))


def _parts(phase: Phase, goal: str) -> dict[str, str]:
    sections = {part_name(section.title): render_section(section) for section in phase.sections}
    return {GOAL: render_goal(goal), SUMMARY: phase.summary, **sections}


def _entry(step: Step) -> Entry:
    return Entry(digest(render_step(replace(step, state=State.OPEN, note=""))), step.findings)


class _Merge:
    """The edits of one document, collected and then made."""

    def __init__(self, document: Document, known: Ledger, fresh: Mapping[str, Step]) -> None:
        self.document = document
        self.known = known
        self.fresh = fresh
        self.entries: dict[str, Entry] = {}
        self.edits: list[tuple[int, int, str]] = []

    def present_items(self) -> None:
        for item in self.document.items:
            if not item.step.id:
                continue
            step = self.fresh.get(item.step.id)
            if item.step.id not in self.known.entries:
                self.entries[item.step.id] = self._adopted(item, step)
            if _is_open(item):
                self._open_item(item, step)

    def _adopted(self, item: Item, step: Step | None) -> Entry:
        """The entry of an item that no ledger knows: a person took the ledger away, or wrote the comment."""
        if step is None:
            return Entry(UNKNOWN, (item.step.id,))
        entry = _entry(replace(step, number=item.step.number))
        same = digest(item.generated_text(self.document.text)) == entry.digest
        return entry if same else Entry(UNKNOWN, step.findings)

    def _open_item(self, item: Item, step: Step | None) -> None:
        if step is None:
            if not is_stale(item):
                self._set_state(item, State.FAILED)
                self._replace(item.note_end, item.note_end, f" {STALE_NOTE}")
            return
        note = item.step.note.removesuffix(STALE_NOTE).rstrip()
        fresh = replace(step, number=item.step.number, note=note)
        entry = _entry(fresh)
        text = self.document.text
        own = untouched(item, self.document, self.known)
        if own and entry != self.known.entries.get(step.id):
            self.entries[step.id] = entry
        if own and digest(item.generated_text(text)) != entry.digest:
            self._replace(item.start, item.end, render_step(fresh))
        elif is_stale(item):
            self._set_state(item, State.OPEN)
            before = text[: item.note_end - len(STALE_NOTE)].rstrip()
            self._replace(len(before), item.note_end, "")

    def new_items(self, phase: Phase, known: Collection[str]) -> None:
        """Put each after the item that comes before it in the order of the phase, numbered on."""
        present = {item.step.id: item for item in self.document.items if item.top_level and item.step.id}
        ranked = [present[step.id] for step in phase.steps if step.id in present]
        offset = self.document.head_end
        if ranked:
            offset = ranked[0].start
        elif present:
            offset = max(item.end for item in present.values())
        number = self._last_number(phase)
        rendered: dict[int, str] = {}
        for step in phase.steps:
            if step.id in present:
                offset = present[step.id].end
            elif step.id not in known:
                number += 1
                step = replace(step, number=f"{phase.number}.{number}")
                self.entries[step.id] = _entry(step)
                rendered[offset] = rendered.get(offset, "") + render_step(step)
        for offset, text in rendered.items():
            if present:
                self._insert_lines(offset, text)
            else:
                self._insert_block(offset, text)

    def _last_number(self, phase: Phase) -> int:
        """The greatest number that an item of the phase has, or had before it was deleted."""
        numbers = [item.step.number for item in self.document.items]
        taken = [int(number.rsplit(".", 1)[1]) for number in numbers if number.startswith(f"{phase.number}.")]
        generated = sum(1 for entry in self.document.ledger.entries.values() if entry.findings)
        return max([generated, *taken], default=0)

    def parts(self, parts: Mapping[str, str]) -> None:
        document = self.document
        for name, text in parts.items():
            part = document.parts.get(name)
            known = name in document.ledger.entries
            if part is None:
                if known or name == GOAL:
                    continue  # deleted by a person
                self._insert_block(document.body_end, f"{text}\n")
            elif digest(part.text(document.text)) != digest(text):
                if not document.ledger.wrote(name, part.text(document.text)):
                    continue  # reworded by a person
                self._replace(part.start, part.end, text)
            self.entries[name] = Entry(digest(text))

    def text(self) -> str:
        self._write_ledger(self.document.ledger.updated(self.entries))
        pieces: list[str] = []
        position = 0
        for start, end, text in sorted(self.edits, key=lambda edit: edit[:2]):
            unix = text.replace("\r\n", "\n")  # a person's note may be in it
            pieces += [self.document.text[position:start], unix.replace("\n", self.document.newline)]
            position = end
        return "".join([*pieces, self.document.text[position:]])

    def _write_ledger(self, ledger: Ledger) -> None:
        text, place = self.document.text, self.document.ledger_place
        if place is None:
            separator = "\n" if text.endswith("\n") else "\n\n"
            self._replace(len(text), len(text), f"{separator}{ledger.render()}\n")
        elif text[place[0] : place[1]].split() != ledger.render().split():
            self._replace(*place, ledger.render())

    def _set_state(self, item: Item, state: State) -> None:
        assert item.mark is not None  # or it would not be open
        self._replace(item.mark, item.mark + 1, state.mark)

    def _insert_block(self, offset: int, text: str) -> None:
        """Insert lines between two blank ones."""
        self._insert_lines(offset, f"\n{text}" if offset else text)

    def _insert_lines(self, offset: int, text: str) -> None:
        """Insert text that ends with a line break where a line begins, or after a last line that has none."""
        within_line = offset and self.document.text[offset - 1] not in "\r\n"
        self._replace(offset, offset, f"\n{text}" if within_line else text)

    def _replace(self, start: int, end: int, text: str) -> None:
        self.edits.append((start, end, text))
