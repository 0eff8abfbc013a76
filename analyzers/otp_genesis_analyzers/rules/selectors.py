"""How people name rules: a code (`OTP101`), the start of codes (`OTP1`), a name (`unsupervised-spawn`)."""

from __future__ import annotations

from collections.abc import Iterable

from otp_genesis_analyzers.rules.cards import Card, all_cards
from otp_genesis_analyzers.rules.contract import Rule

AnyRule = Rule | type[Rule] | Card


def names(selector: str, rule: AnyRule) -> bool:
    """Whether a selector names this rule, alone or with others. Case doesn't matter."""
    wanted = selector.lower()
    return wanted == rule.name or (wanted.startswith("otp") and rule.code.lower().startswith(wanted))


def names_alone(selector: str, rule: AnyRule) -> bool:
    """Whether a selector names this rule and no other."""
    return selector.lower() in (rule.code.lower(), rule.name)


def unknown(selector: str) -> str | None:
    """Why a selector names no rule, in words for the user; None when it names one."""
    if any(names(selector, card) for card in all_cards()):
        return None
    known = [word for card in all_cards() for word in (card.code, card.name)]
    return f"no rule {selector!r}{did_you_mean(selector, known)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'select'?`, or the empty string when nothing known is near."""
    from difflib import get_close_matches

    by_lower = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""
