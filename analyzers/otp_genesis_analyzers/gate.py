"""The gate: what of the source can matter at all, by the words that the rules are anchored to.

Most files hold none of these words and are not even parsed; of the others only the definitions
that hold one, and those connected to them by calls, are read. What the rules find is the same
when everything is read: their anchors are function names, which no alias can change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ahocorasick_rs import BytesAhoCorasick

from otp_genesis_analyzers.rules.cards import Card, all_cards
from otp_genesis_analyzers.source import goes_on

_FACTS = ("Supervisor start_link", "Supervisor init", "Supervisor start_child", "supervise", "__using__")
"""Anchors of what any rule may ask of a project: who is started by a supervisor, what a `use` brings in."""

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
    search: BytesAhoCorasick
    """Finds all words in one pass, however many rules there are."""

    def opened(self, content: bytes) -> Opened | None:
        """What can matter in a file with this content; None when nothing can."""
        present: set[bytes] = set()
        places: dict[bytes, list[int]] = {}
        for number, start, end in self.search.find_matches_as_indexes(content, overlapping=True):
            word = self.words[number]
            present.add(word)
            if _is_whole(content, word, start, end):
                places.setdefault(word, []).append(start)

        def held(anchors: Anchors) -> set[bytes]:
            return {anchor[-1] for anchor in anchors if anchor[-1] in places and present.issuperset(anchor)}

        lines, functions = content.count(b"\n"), content.count(b"def ")
        used = held(self.facts)
        rules: list[Card] = []
        for rule, anchors in self.rules:
            is_large = lines >= rule.least_lines or 0 < rule.enough_functions <= functions
            if is_large and (words := held(anchors)):
                rules.append(rule)
                used |= words
        if not used:
            return None
        return Opened(tuple(rules), sorted({hit for word in used for hit in places[word]}))


def _is_whole(content: bytes, word: bytes, start: int, end: int) -> bool:
    """Whether the word stands there as a whole name; one that ends in `_` or `(` may go on."""
    if word[:1].isalnum() and goes_on(content[start - 1 : start]):
        return False
    return not (word[-1:].isalnum() and goes_on(content[end : end + 1]))


@cache
def default_gate() -> Gate:
    """The gate of all rules."""
    rules = tuple((card, _anchors(card.anchors)) for card in all_cards())
    facts = _anchors(_FACTS)
    used = [*facts, *(anchor for _, anchors in rules for anchor in anchors)]
    words = tuple(sorted({word for anchor in used for word in anchor}))
    return Gate(rules, facts, words, BytesAhoCorasick(words))


def _anchors(written: tuple[str, ...]) -> Anchors:
    return tuple(tuple(anchor.encode().split()) for anchor in written)
