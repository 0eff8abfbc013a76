"""What the tool wrote into a document: how it tells its own words from a person's.

A comment at the end of each document names every part and every item ever generated there, each with a
hash of its text. What still has that text is the tool's to update; what has another text is a person's;
what is named but no longer there was deleted by a person, and stays deleted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from otp_genesis_refactorers.plan.model import ID_LENGTH

_OPENING = "<!-- otp-genesis wrote these parts; it keeps your changes and what you delete stays deleted."
_COMMENT = re.compile(r"^<!-- otp-genesis wrote[^\n]*\n(?P<entries>.*?)-->", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"(?P<name>[a-z0-9-]+)(?P<others>(?:\+[0-9a-f]{8})*):(?P<digest>[0-9a-f]{8})")
_STEP_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")
_ENTRIES_PER_LINE = 5

UNKNOWN = "0" * 8
"""The hash of an item whose generated text is not known: no text has it."""


def is_step_id(text: str) -> bool:
    return _STEP_ID.fullmatch(text) is not None


def digest(text: str) -> str:
    """The hash of a text's words. Line breaks and indentation don't count: editors and git change them."""
    return blake2b(" ".join(text.split()).encode(), digest_size=4).hexdigest()


@dataclass(frozen=True)
class Entry:
    digest: str
    findings: tuple[str, ...] = ()
    """For an item: the ids of the findings that it covers, its own first. Empty for a part."""


@dataclass(frozen=True)
class Ledger:
    """Entries by the name of a part (`goal`, `summary`, a section) or the id of a step."""

    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])

    def wrote(self, name: str, text: str) -> bool:
        """Whether `text` is what the tool wrote under `name`."""
        entry = self.entries.get(name)
        return entry is not None and entry.digest == digest(text)

    @property
    def owners(self) -> dict[str, str]:
        """The step of every finding known here."""
        return {finding: name for name, entry in self.entries.items() for finding in entry.findings}

    def updated(self, changes: Mapping[str, Entry]) -> Ledger:
        return Ledger({**self.entries, **changes})

    def render(self) -> str:
        """The comment, without a line break at its end."""
        parts = [name for name in sorted(self.entries) if not self.entries[name].findings]
        steps = [name for name in sorted(self.entries) if self.entries[name].findings]
        words = [self._word(name) for name in (*parts, *steps)]
        rows = [
            " ".join(words[start : start + _ENTRIES_PER_LINE])
            for start in range(0, len(words), _ENTRIES_PER_LINE)
        ]
        return "\n".join([_OPENING, *rows, "-->"])

    def _word(self, name: str) -> str:
        entry = self.entries[name]
        others = "".join(f"+{finding}" for finding in entry.findings[1:])
        return f"{name}{others}:{entry.digest}"


def find_ledger(text: str) -> tuple[Ledger, tuple[int, int] | None]:
    """The ledger of a document and where its comment stands.

    A merge may have left several: all are read, and the last is the one to write.
    """
    entries: dict[str, Entry] = {}
    place = None
    for comment in _COMMENT.finditer(text):
        place = comment.span()
        for match in _ENTRY.finditer(comment["entries"]):
            name, others = match["name"], match["others"].split("+")[1:]
            entries[name] = Entry(match["digest"], (name, *others) if is_step_id(name) else ())
    return Ledger(entries), place
