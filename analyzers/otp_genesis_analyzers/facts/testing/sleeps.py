"""Calls that sleep, and for how long."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.terms import Term

_UNITS = {":timer.seconds": 1_000, ":timer.minutes": 60_000, ":timer.hours": 3_600_000}


def is_sleep(call: Call) -> bool:
    return call.form == "call" and call.name == "sleep" and call.module in ("Process", ":timer")


def slept_milliseconds(call: Call) -> int | None:
    """How long a sleep lasts; None where it is endless or only known at run time."""
    return milliseconds(call.args[0]) if call.args else None


def milliseconds(duration: Term) -> int | None:
    """A literal number of milliseconds: `500`, `:timer.seconds(2)`."""
    if duration.kind == "int" and duration.value.isdigit():
        return int(duration.value)
    if duration.kind == "call" and duration.value in _UNITS and duration.items:
        amount = duration.items[0]
        if amount.kind == "int" and amount.value.isdigit():
            return int(amount.value) * _UNITS[duration.value]
    return None
