"""How long a provider asks to wait, in all the ways it may say so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from otp_genesis_refactorers.llm.vendors.retrying import told_to_wait


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan", "retry-after-ms": "x"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37"}, 0.0),
    ],
)
def test_what_headers_say(headers: Mapping[str, str], seconds: float | None) -> None:
    assert told_to_wait(headers) == seconds


def test_a_date_is_as_far_as_it_is() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    seconds = told_to_wait({"retry-after": date})
    assert seconds is not None
    assert 3500 < seconds <= 3600
