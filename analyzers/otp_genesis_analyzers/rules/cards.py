"""What must be known of every rule before any of them runs: its names, its anchors, where it is.

Importing all rules takes longer than checking a file. So the cards that were made of them are kept
beside Python's own bytecode, for as long as no source of this package changes; where nothing can be
written there, they are made each time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.rules import all_rules, rule_in
from otp_genesis_analyzers.rules.contract import Rule
from otp_genesis_analyzers.sources import fingerprint


class Card(msgspec.Struct, frozen=True):
    """The part of a rule that is the same in every run."""

    module: str
    code: str
    name: str
    default: bool
    default_from: int
    project_wide: bool
    anchors: tuple[str, ...]
    roles: tuple[Role, ...]
    thresholds: Mapping[str, int]
    most_lines: str = ""
    most_functions: str = ""

    @property
    def rule(self) -> Rule:
        """The rule itself, imported when it is first asked for."""
        return rule_in(self.module)


class _Kept(msgspec.Struct, frozen=True):
    sources: str
    cards: tuple[Card, ...]


@cache
def all_cards() -> tuple[Card, ...]:
    """The card of every rule, sorted by code."""
    file, sources = (
        Path(cache_from_source(__file__)).with_suffix(".msgpack"),
        fingerprint("otp_genesis_analyzers"),
    )
    with suppress(OSError, ValueError, msgspec.MsgspecError):
        kept = msgspec.msgpack.decode(file.read_bytes(), type=readable(_Kept))
        if kept.sources == sources:
            return kept.cards
    cards = tuple(map(_card_of, all_rules()))
    if not sys.dont_write_bytecode:
        with suppress(OSError):
            _write(file, msgspec.msgpack.encode(_Kept(sources, cards)))
    return cards


def find_card(code_or_name: str) -> Card | None:
    """The card of the rule with this code (`OTP101`, any case) or kebab name."""
    wanted = code_or_name.strip().lower()
    return next((card for card in all_cards() if wanted in (card.code.lower(), card.name)), None)


def _card_of(rule: Rule) -> Card:
    return Card(
        type(rule).__module__,
        rule.code,
        rule.name,
        rule.default,
        int(rule.default_from),
        rule.project_wide,
        rule.anchors,
        tuple(sorted(rule.roles)),
        rule.thresholds,
        rule.most_lines,
        rule.most_functions,
    )


def _write(file: Path, content: bytes) -> None:
    """In one step, so that no other process reads half of it."""
    whole = file.with_suffix(f".{os.getpid()}")
    whole.write_bytes(content)
    whole.replace(file)
