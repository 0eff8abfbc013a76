"""Looking for processes by what stands on their command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path


def processes_with(word: str) -> list[int]:
    """The processes that have `word` as an argument of their own, in whatever namespace they are."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                arguments = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if word.encode() in arguments:
                found.append(int(folder.name))
    return found


def awaited(condition: Callable[[], object], seconds: float = 100.0) -> bool:
    """Whether the condition came true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def parents_of(process: int) -> Iterable[int]:
    """Its parent, that one's parent, and so on."""
    while process > 1:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        process = int(stat.rpartition(")")[2].split()[1])
        yield process
