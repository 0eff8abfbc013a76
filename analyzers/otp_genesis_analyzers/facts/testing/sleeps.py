"""Calls that sleep, and for how long."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.waits.durations import milliseconds


def is_sleep(call: Call) -> bool:
    return call.form == "call" and call.name == "sleep" and call.module in ("Process", ":timer")


def slept_milliseconds(call: Call) -> int | None:
    """How long a sleep lasts; None where it is endless or only known at run time."""
    return milliseconds(call.args[0]) if call.args else None
