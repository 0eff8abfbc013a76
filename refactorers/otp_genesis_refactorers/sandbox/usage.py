"""What a process and all its descendants use of the machine, where `/proc` tells."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    processes: int
    memory_bytes: int
    """Resident; what two processes share counts twice."""


def usage_below(process: int) -> Usage | None:
    """What the descendants of `process` use together, None on systems that don't tell."""
    if not sys.platform.startswith("linux"):
        return None
    children: dict[int, list[int]] = {}
    pages: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):  # it has ended meanwhile
                fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
                pages[int(entry.name)] = int(fields[21])
    found: list[int] = []
    waiting = [process]
    while waiting:
        below = children.pop(waiting.pop(), [])
        found += below
        waiting += below
    return Usage(len(found), sum(pages.get(each, 0) for each in found) * os.sysconf("SC_PAGE_SIZE"))
