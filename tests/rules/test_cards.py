"""The cards say what the rules say, kept or made anew."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from otp_genesis_analyzers.rules import all_rules, cards
from otp_genesis_analyzers.rules.cards import all_cards

SHOW = "from otp_genesis_analyzers.rules.cards import all_cards; print(all_cards())"


def test_each_rule_has_its_card() -> None:
    for rule, card in zip(all_rules(), all_cards(), strict=True):
        assert card.rule is rule
        assert (card.code, card.name, card.default) == (rule.code, rule.name, rule.default)
        assert (card.anchors, card.thresholds) == (rule.anchors, rule.thresholds)
        assert card.project_wide == rule.project_wide


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x82\xa7sources\xa3old\xa5cards\x90"])
def test_cards_that_are_no_use_are_made_anew(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    kept = Path(cache_from_source(cards.__file__)).with_suffix(".msgpack")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    for _ in range(2):
        command = [sys.executable, "-X", f"pycache_prefix={tmp_path}", "-c", SHOW]
        ran = subprocess.run(command, capture_output=True, text=True, env={}, check=True)
        assert ran.stdout == f"{all_cards()}\n"
    assert kept.read_bytes() != content
