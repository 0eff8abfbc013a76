"""What this tool's own Elixir code has reported, as typed data.

The project's code ran beside it and could write the same file, so what is no report is dropped.
"""

from __future__ import annotations

import posixpath
from typing import TypeVar

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.mix.running import Entries
from otp_genesis_refactorers.shadow.workspace import Shadow

_Report = TypeVar("_Report")


def reported(entries: Entries, event: str, kind: type[_Report]) -> list[_Report]:
    """The entries of this event that are of this kind, in their order."""
    found: list[_Report] = []
    for entry in entries:
        if entry.get("event") == event:
            try:
                found.append(msgspec.convert(entry, readable(kind)))
            except msgspec.ValidationError:
                continue
    return found


def path_in(shadow: Shadow, path: str) -> str:
    """A path as mix gives it, relative to the project's root where it lies in it, else as it was."""
    root = str(shadow.root)
    return posixpath.relpath(path, root) if path.startswith(f"{root}/") else path
