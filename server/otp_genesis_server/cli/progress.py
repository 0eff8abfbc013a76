"""How far a long step is: one line on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic

_QUIET_SECONDS = 0.3
_BETWEEN_SECONDS = 0.1


@contextmanager
def progress(doing: str) -> Generator[Callable[[int, int], None] | None]:
    """A function to call with `(done, total)`, None where nobody watches. The line is wiped at the end.

    A step that takes less than 0.3 s shows nothing.
    """
    if not sys.stderr.isatty():
        yield None
        return
    next_at = monotonic() + _QUIET_SECONDS
    shown = ""

    def report(done: int, total: int) -> None:
        nonlocal next_at, shown
        if monotonic() >= next_at:
            next_at = monotonic() + _BETWEEN_SECONDS
            shown = f"{doing} {done}/{total}"
            print(f"\r{shown}", end="", file=sys.stderr, flush=True)

    try:
        yield report
    finally:
        if shown:
            print(f"\r{' ' * len(shown)}\r", end="", file=sys.stderr, flush=True)
