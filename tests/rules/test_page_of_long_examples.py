"""An example that is long on purpose is not shown in full."""

from __future__ import annotations

from otp_genesis_analyzers.rules.page import page
from otp_genesis_analyzers.rules.phase3.god_module import GodModule


def test_the_middle_is_left_out() -> None:
    text = page(GodModule())
    assert "def place_0(value) do" in text
    assert "def place_90(value) do" not in text
    assert "more lines\n" in text
    assert len(text.splitlines()) < 400
