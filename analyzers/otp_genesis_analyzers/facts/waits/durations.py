"""How long a written time is."""

from __future__ import annotations

from otp_genesis_analyzers.terms import Term

_MILLISECONDS_IN = {":timer.seconds": 1_000, ":timer.minutes": 60_000, ":timer.hours": 3_600_000}


def milliseconds(duration: Term) -> int | None:
    """A literal time: `500`, `:timer.seconds(2)`, `2 * 1_000`. None for any other."""
    if duration.kind == "int" and duration.value.isdigit():
        return int(duration.value)
    if duration.kind == "call" and duration.value in _MILLISECONDS_IN and len(duration.items) == 1:
        amount = milliseconds(duration.items[0])
        return None if amount is None else amount * _MILLISECONDS_IN[duration.value]
    if duration.kind == "operator" and duration.value == "*":
        factors = [milliseconds(item) for item in duration.items]
        if factors[0] is not None and factors[1] is not None:
            return factors[0] * factors[1]
    return None
