"""A rule about long files is shown long files only."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.gate import gate_of
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.rules.cards import find_card

CASES = {
    "as many lines": (900, 0, {}, False),
    "one more": (901, 0, {}, True),
    "as many functions": (0, 40, {}, False),
    "one function more": (0, 41, {}, True),
    "as configured": (301, 0, {"OTP302": {"lines": 300}}, True),
    "longer files are configured": (901, 0, {"OTP302": {"lines": 1_000}}, False),
    "another rule is configured": (301, 0, {"OTP301": {"lines": 300}}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_short_files_are_left_out(name: str) -> None:
    lines, functions, thresholds, shown = CASES[name]
    text = "defmodule Shop.Orders do" + "; def run, do: 1" * functions + "\n" * lines
    opened = gate_of(Role.LIB).opened(text.encode(), thresholds)
    assert (opened is not None and find_card("god-module") in opened.rules) == shown
