"""The gate: what of the source can matter at all, by the words that the rules are anchored to.

Most files hold none of these words and are not even parsed; of the others only the definitions
that hold one, and those connected to them by calls, are read. What the rules find is the same
when everything is read: their anchors are function names, which no alias can change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from otp_genesis_analyzers.rules.cards import Card, all_cards

_FACTS = ("Supervisor start_link", "Supervisor init", "Supervisor start_child", "supervise", "__using__")
"""Anchors of what any rule may ask of a project: who is started by a supervisor, what a `use` brings in."""
_MARK = b"otp-genesis:"

Anchors = tuple[tuple[bytes, ...], ...]
"""Each anchor as the words that must all be there; the last one within a definition."""


@dataclass(frozen=True)
class Opened:
    """What can matter in one file."""

    rules: tuple[Card, ...]
    hits: list[int]
    """Byte offsets, in order, of every word by which a definition may matter to these rules."""


@dataclass(frozen=True)
class Gate:
    rules: tuple[tuple[Card, Anchors], ...]
    facts: Anchors
    words: tuple[bytes, ...]
    """Every word of every anchor."""

    def opened(self, content: bytes) -> Opened | None:
        """What can matter in a file with this content; None when nothing can."""
        present = {word for word in self.words if word in content}
        places: dict[bytes, list[int]] = {}

        def stands(word: bytes) -> bool:
            if word not in places:
                places[word] = list(_whole_words(content, word))
            return bool(places[word])

        def holds(anchors: Anchors) -> bool:
            return any(stands(anchor[-1]) for anchor in anchors if present.issuperset(anchor))

        rules = tuple(rule for rule, anchors in self.rules if holds(anchors))
        if not rules and not holds(self.facts) and _MARK not in content:
            return None
        used = {anchor[-1] for rule, anchors in self.rules if rule in rules for anchor in anchors}
        used |= {anchor[-1] for anchor in self.facts}
        return Opened(rules, sorted({hit for word in used & present if stands(word) for hit in places[word]}))


def _whole_words(content: bytes, word: bytes) -> Iterable[int]:
    ends, opens = word[-1:].isalnum(), word[:1].isalnum()
    at = content.find(word)
    while at >= 0:
        end = at + len(word)
        if not (opens and _goes_on(content[at - 1 : at])) and not (ends and _goes_on(content[end : end + 1])):
            yield at
        at = content.find(word, end)


def _goes_on(byte: bytes) -> bool:
    return byte.isalnum() or byte == b"_"


@cache
def default_gate() -> Gate:
    """The gate of all rules."""
    rules = tuple((card, _anchors(card.anchors)) for card in all_cards())
    facts = _anchors(_FACTS)
    used = [*facts, *(anchor for _, anchors in rules for anchor in anchors)]
    return Gate(rules, facts, tuple(sorted({word for anchor in used for word in anchor})))


def _anchors(written: tuple[str, ...]) -> Anchors:
    return tuple(tuple(anchor.encode().split()) for anchor in written)
