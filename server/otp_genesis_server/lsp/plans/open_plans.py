"""The plan documents that are open: the client's own texts, with their items."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.plan.model import FOLDER
from otp_genesis_server.lsp.from_lsp import file_of
from otp_genesis_server.lsp.workspace import snapshot

if TYPE_CHECKING:
    from otp_genesis_refactorers.plan.markdown import Document, Item


@dataclass(frozen=True)
class Plan:
    """One plan document, open or on disk. Offsets in `parsed` are characters, in `source` bytes."""

    file: Path
    content: bytes
    uri: str
    version: int | None
    """None when it isn't open."""

    @property
    def root(self) -> Path:
        """The folder that the plan is of."""
        return self.file.parents[2]

    @property
    def is_saved(self) -> bool:
        """Whether the disk has the same."""
        try:
            return self.file.read_bytes() == self.content
        except OSError:
            return False

    @cached_property
    def parsed(self) -> Document:
        from otp_genesis_refactorers.plan.markdown import parse  # not before there is a plan to be read

        return parse(self.content.decode("utf-8", "replace"))

    @cached_property
    def source(self) -> Source:
        """For its lines only: it is no Elixir."""
        return Source(self.file.name, self.content)

    def span(self, start: int, end: int) -> Span:
        """Of two places in characters."""
        text = self.parsed.text
        first = len(text[:start].encode("utf-8", "replace"))
        return Span(first, len(text[start:end].encode("utf-8", "replace")))

    def first_line(self, item: Item) -> Span:
        """The line of an item's title, without what is before its brackets."""
        start = item.start if item.mark is None else item.mark - 1
        return self.span(start, item.note_end)

    def item_at(self, line: int) -> Item | None:
        """The innermost item on a line, counted from 0."""
        around = [
            item
            for item in self.parsed.items
            if self._line(item.start) <= line <= self._line(max(item.start, item.end - 1))
        ]
        return max(around, key=lambda item: item.start, default=None)

    def item(self, step_id: str) -> Item | Refused:
        for item in self.parsed.items:
            if item.step.id == step_id:
                return item
        return Refused(f"{self.file.name} has no item {step_id} any more")

    def _line(self, character: int) -> int:
        return self.source.lines.line_of(self.span(0, character).end)


def is_plan(file: Path) -> bool:
    return file.suffix == ".md" and file.parent.as_posix().endswith(f"/{FOLDER}")


class OpenPlans:
    """`changed` is called with the folder of a plan when one of its documents was opened or typed in."""

    def __init__(self, changed: Callable[[Path], None]) -> None:
        self._plans: dict[Path, Plan] = {}
        self._closed: dict[Path, Plan] = {}
        """Others as they were read last: what is in them need not be found again."""
        self._changed = changed
        self.writing = asyncio.Lock()
        """Held while an item is marked: the next edit is made against what this one gives."""

    def put(self, document: snapshot.Document) -> None:
        """A document was opened or typed in; one that is no plan is let be."""
        if is_plan(document.file):
            plan = Plan(document.file, document.content, document.uri, document.version)
            self._plans[document.file] = plan
            self._changed(plan.root)

    def close(self, file: Path) -> None:
        self._plans.pop(file, None)

    def at(self, uri: str) -> Plan | None:
        file = file_of(uri)
        return self._plans.get(file) if file else None

    def below(self, root: Path) -> tuple[Plan, ...]:
        return tuple(plan for plan in self._plans.values() if plan.root == root)

    def read(self, file: Path) -> Plan | Refused:
        """A plan document as the client has it, else as it is on disk."""
        if file in self._plans:
            return self._plans[file]
        try:
            content = file.read_bytes()
            content.decode()
        except OSError as error:
            return Refused(f"{file.name} can't be read: {error.strerror}")
        except UnicodeDecodeError:
            return Refused(f"{file.name} is not UTF-8 text: convert it or move it away")
        known = self._closed.get(file)
        if known is None or known.content != content:
            known = self._closed[file] = Plan(file, content, file.as_uri(), None)
        return known

    def item(self, file: Path, step_id: str) -> tuple[Plan, Item] | Refused:
        """An item as its document has it now."""
        plan = self.read(file)
        if isinstance(plan, Refused):
            return plan
        item = plan.item(step_id)
        return item if isinstance(item, Refused) else (plan, item)

    def documents(self, root: Path) -> tuple[Plan, ...]:
        """All that can be read of the plan of a folder."""
        folder = root / FOLDER
        open_ones = {plan.file: plan for plan in self.below(root)}
        on_disk = sorted(folder.glob("*.md")) if folder.is_dir() else []
        read = [self.read(file) for file in on_disk if file not in open_ones]
        return (*open_ones.values(), *(plan for plan in read if isinstance(plan, Plan)))
