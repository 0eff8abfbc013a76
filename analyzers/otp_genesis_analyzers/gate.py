"""The gate: what of the source can matter at all, by the words that the rules are anchored to.

Most files hold none of these words and are not even parsed; of the others only the definitions
that hold one, and those connected to them by calls, are read. What the rules find is the same
with the gate open: their anchors are function names, which no alias can change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.contract import Rule


@dataclass(frozen=True)
class Gate:
    anchored: tuple[tuple[Rule, tuple[tuple[bytes, ...], ...]], ...]
    """Each rule with its anchors, an anchor as the words that must all be there."""

    def rules_for(self, content: bytes) -> tuple[Rule, ...]:
        """The rules that can fire in a file with this content."""
        seen: dict[bytes, bool] = {}

        def holds(word: bytes) -> bool:
            found = seen.get(word)
            if found is None:
                found = seen[word] = word in content
            return found

        return tuple(
            rule for rule, anchors in self.anchored if any(all(map(holds, anchor)) for anchor in anchors)
        )


def hits(rules: tuple[Rule, ...], content: bytes) -> list[int]:
    """Byte offsets of every word by which a definition may matter to these rules, in order."""
    return [match.start() for match in _last_words(rules).finditer(content)]


@cache
def _last_words(rules: tuple[Rule, ...]) -> re.Pattern[bytes]:
    words = {anchor.split()[-1] for rule in rules for anchor in rule.anchors}
    return re.compile(r"\b(?:{})(?!\w)".format("|".join(map(re.escape, sorted(words)))).encode())


@cache
def default_gate() -> Gate:
    """The gate of all rules."""
    return Gate(
        tuple(
            (rule, tuple(tuple(anchor.encode().split()) for anchor in rule.anchors)) for rule in all_rules()
        )
    )
