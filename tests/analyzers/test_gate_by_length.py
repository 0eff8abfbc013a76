"""A rule about long files is shown long files only."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.gate import default_gate
from otp_genesis_analyzers.rules.cards import find_card


@pytest.mark.parametrize(("missing", "shown"), [(0, True), (1, False)])
def test_short_files_are_left_out(missing: int, shown: bool) -> None:
    card = find_card("god-module")
    assert card is not None and card.least_lines > 0
    lines = ["defmodule Shop.Orders do", *("" for _ in range(card.least_lines - 2 - missing)), "end", ""]
    opened = default_gate().opened("\n".join(lines).encode())
    assert (opened is not None and card in opened.rules) == shown
