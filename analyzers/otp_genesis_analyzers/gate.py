"""The gate: what of the source can matter at all, by the words that the rules are anchored to.

Most files hold none of these words and are not even parsed; of the others only the definitions
that hold one, and those connected to them by calls, are read. What the rules find is the same
when everything is read: their anchors are function names, which no alias can change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ahocorasick_rs import BytesAhoCorasick

from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.rules.cards import Card, all_cards
from otp_genesis_analyzers.source import goes_on

_WRAPPERS = ("__using__",)
_TREES = ("Supervisor start_link", "Supervisor init", "Supervisor start_child", "supervise")
"""Anchors of what any rule may ask of a project: what a `use` brings in, who is started by a supervisor."""

_THEN = b"~"
"""`async:~true`: the second follows the first, and the place is that of the first."""
_LOOKED_AHEAD = 40

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
    """The gate of the files with one role."""

    rules: tuple[tuple[Card, Anchors], ...]
    facts: Anchors
    words: tuple[bytes, ...]
    """Every word of every anchor."""
    ending_in: Mapping[bytes, Anchors]
    """The anchors by their last word."""
    search: BytesAhoCorasick
    """Finds all words in one pass, however many rules there are."""

    def opened(self, content: bytes, thresholds: Mapping[str, Mapping[str, int]]) -> Opened | None:
        """What can matter in a file with this content; None when nothing can.

        `thresholds` are those that the configuration sets for it, by code.
        """
        found = self.search.find_matches_as_indexes(content, overlapping=True)
        if not self._may_open({self.words[number] for number, _, _ in found}):
            return None
        present: set[bytes] = set()
        places: dict[bytes, list[int]] = {}
        for number, start, end in found:
            word = self.words[number]
            if not _goes_on_with(content, end, word.partition(_THEN)[2]):
                continue
            present.add(word)
            if _is_whole(content, word, start, end):
                places.setdefault(word, []).append(start)

        def held(anchors: Anchors) -> set[bytes]:
            return {anchor[-1] for anchor in anchors if anchor[-1] in places and present.issuperset(anchor)}

        lines, functions = content.count(b"\n"), content.count(b"def ")

        def is_large(rule: Card) -> bool:
            """Enough for a rule that only speaks of large modules."""
            limits = {**rule.thresholds, **thresholds.get(rule.code, {})}
            sizes = ((rule.most_lines, lines), (rule.most_functions, functions))
            exceeds = [size > limits[name] for name, size in sizes if name]
            return any(exceeds) or not exceeds

        used = held(self.facts)
        rules: list[Card] = []
        for rule, anchors in self.rules:
            if (words := held(anchors)) and is_large(rule):
                rules.append(rule)
                used |= words
        if not used:
            return None
        return Opened(tuple(rules), sorted({hit for word in used for hit in places[word]}))

    def _may_open(self, words: set[bytes]) -> bool:
        """Whether these words make an anchor, if each is whole: most texts get no further."""
        return any(words.issuperset(anchor) for word in words for anchor in self.ending_in.get(word, ()))


def _goes_on_with(content: bytes, end: int, word: bytes) -> bool:
    """Whether a word stands next, whatever space is between."""
    return not word or content[end : end + _LOOKED_AHEAD].lstrip().startswith(word)


def _is_whole(content: bytes, word: bytes, start: int, end: int) -> bool:
    """Whether the word stands there as a whole name; one that ends in `_` or `(` may go on."""
    if word[:1].isalnum() and goes_on(content[start - 1 : start]):
        return False
    return not (word[-1:].isalnum() and goes_on(content[end : end + 1]))


def opened_for(
    role: Role,
    content: bytes,
    thresholds: Mapping[str, Mapping[str, int]],
    wanted: frozenset[str] | None = None,
) -> Opened | None:
    """What can matter in a file with this role and content; None when nothing can.

    With `wanted`, codes, the file is opened for these rules alone, and then read as it is for all of them:
    what a rule asks of a definition, the words of others may have brought in.
    """
    if wanted is None:
        return gate_of(role).opened(content, thresholds)
    found = gate_of(role, wanted).opened(content, thresholds)
    everything = gate_of(role).opened(content, thresholds) if found else None
    return Opened(found.rules, everything.hits) if found and everything else None


@cache
def gate_of(role: Role, wanted: frozenset[str] | None = None) -> Gate:
    """The gate of the rules that are shown files with this role; with `wanted`, of those with these codes."""
    cards = [card for card in all_cards() if role in card.roles and (wanted is None or card.code in wanted)]
    rules = tuple((card, _anchors(card.anchors)) for card in cards)
    facts = _anchors(_WRAPPERS if role.is_test else (*_WRAPPERS, *_TREES))
    used = [*facts, *(anchor for _, anchors in rules for anchor in anchors)]
    words = tuple(sorted({word for anchor in used for word in anchor}))
    ending_in: dict[bytes, Anchors] = {}
    for anchor in used:
        ending_in[anchor[-1]] = (*ending_in.get(anchor[-1], ()), anchor)
    search = BytesAhoCorasick([word.partition(_THEN)[0] for word in words])
    return Gate(rules, facts, words, ending_in, search)


def _anchors(written: tuple[str, ...]) -> Anchors:
    return tuple(tuple(anchor.encode().split()) for anchor in written)
