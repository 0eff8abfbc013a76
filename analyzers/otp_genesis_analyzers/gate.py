"""The gate: what of the source can matter at all, by the words that the rules are anchored to.

Most files hold none of these words and are not even parsed; of the others only the definitions
that hold one, and those connected to them by calls, are read. What the rules find is the same
when everything is read: their anchors are function names, which no alias can change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.contract import Rule

_FACTS = ("Supervisor start_link", "Supervisor init", "Supervisor start_child", "supervise", "__using__")
"""Anchors of what any rule may ask of a project: who is started by a supervisor, what a `use` brings in."""
_MARK = b"otp-genesis:"

Anchors = tuple[tuple[bytes, ...], ...]
"""Each anchor as the words that must all be there; the last one within a definition."""


@dataclass(frozen=True)
class Opened:
    """What can matter in one file."""

    rules: tuple[Rule, ...]
    hits: list[int]
    """Byte offsets, in order, of every word by which a definition may matter to these rules."""


@dataclass(frozen=True)
class Gate:
    rules: tuple[tuple[Rule, Anchors], ...]
    facts: Anchors

    def opened(self, content: bytes) -> Opened | None:
        """What can matter in a file with this content; None when nothing can."""
        words = _Words(content)
        rules = tuple(rule for rule, anchors in self.rules if words.hold(anchors))
        if not words.hold(self.facts) and not rules and _MARK not in content:
            return None
        used = {anchor[-1] for rule, anchors in self.rules if rule in rules for anchor in anchors}
        used |= {anchor[-1] for anchor in self.facts}
        return Opened(rules, sorted({hit for word in used for hit in words.places(word)}))


class _Words:
    """The words of one text, each looked for once."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._present: dict[bytes, bool] = {}
        self._places: dict[bytes, list[int]] = {}

    def hold(self, anchors: Anchors) -> bool:
        return any(
            all(self._holds(word) for word in anchor[:-1]) and bool(self.places(anchor[-1]))
            for anchor in anchors
        )

    def _holds(self, word: bytes) -> bool:
        present = self._present.get(word)
        if present is None:
            present = self._present[word] = word in self._content
        return present

    def places(self, word: bytes) -> list[int]:
        """Where `word` stands as a whole name; one that ends in `_` or `(` may go on (`handle_`)."""
        found = self._places.get(word)
        if found is None:
            found = self._places[word] = list(_whole_words(self._content, word))
        return found


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
    return Gate(tuple((rule, _anchors(rule.anchors)) for rule in all_rules()), _anchors(_FACTS))


def _anchors(written: tuple[str, ...]) -> Anchors:
    return tuple(tuple(anchor.encode().split()) for anchor in written)
