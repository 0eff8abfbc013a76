"""Types that msgspec reads, made known to it by one thread at a time.

What msgspec has to know of a `Struct` it works out when the type is first used, and keeps on the class.
Python runs meanwhile, so that another thread can take what is half made: that ends the process with a
segmentation fault (msgspec 0.22; `tests/analyzers/test_decoding.py` shows it).
"""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import TypeVar

import msgspec

T = TypeVar("T")

_ONE_AT_A_TIME = Lock()


def readable(kind: type[T]) -> type[T]:
    """The type itself, which any thread may have msgspec read from now on."""
    _make_known(kind)
    return kind


@cache
def _make_known(kind: object) -> None:
    with _ONE_AT_A_TIME:
        msgspec.msgpack.Decoder(kind)
