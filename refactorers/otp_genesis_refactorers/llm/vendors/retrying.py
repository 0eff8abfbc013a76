"""Asking again after what passes: as told by the provider, up to a cap, within one deadline."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from otp_genesis_refactorers.llm.conversation import Event, Reply, Restarted
from otp_genesis_refactorers.llm.failures import RateLimited, Transient
from otp_genesis_refactorers.llm.settings import Limits

_FIRST_WAIT_SECONDS = 1.0
_BUSY_STATUSES = frozenset({408, 409, 425, 500, 502, 503, 504, 529})


def is_passing(status: int) -> bool:
    """Whether an HTTP status says that the same request may succeed later."""
    return status == 429 or status in _BUSY_STATUSES


def told_to_wait(headers: Mapping[str, str]) -> float | None:
    """The seconds that a response asks for, by `retry-after-ms`, or `Retry-After` as seconds or a date."""
    milliseconds = seconds_in(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = seconds_in(value)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


async def retrying(
    attempt: Callable[[], Awaitable[Reply]],
    limits: Limits,
    deadline: float,
    on_event: Callable[[Event], None],
) -> Reply:
    """The reply of the first attempt that gives one. `deadline` is a time of the running loop.

    Raises what the attempts raise: the last Transient when there were enough of them or no time is left,
    as RateLimited where it is only a matter of waiting.
    """
    for number in range(1, limits.attempts + 1):
        try:
            return await attempt()
        except Transient as failure:
            passing = failure
        wait = passing.seconds
        if wait is None:
            wait = _FIRST_WAIT_SECONDS * 2 ** (number - 1) * random.uniform(0.75, 1.25)
        is_too_long = (
            wait > limits.longest_wait_seconds or wait >= deadline - asyncio.get_running_loop().time()
        )
        if is_too_long or number == limits.attempts:
            if passing.is_rate_limit or (is_too_long and passing.seconds is not None):
                raise RateLimited(f"{passing}; it may be asked again in {math.ceil(wait)} s", wait)
            raise passing
        on_event(Restarted(str(passing), wait))
        await asyncio.sleep(wait)
    raise AssertionError("there is at least one attempt")


def seconds_in(value: str) -> float | None:
    """A number that can be waited for."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
