"""What a pack holds: as its style has it, and as the rest of the program sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

File: TypeAlias = tuple[str, str]
"""A path and the content."""

CUT = "⋮----"
"""The line that stands in place of code which was taken out: by `--compress`, or in a skeleton."""

NO_FILES = "there is no whole file in it: it ends early, or was packed with --no-files"


class NotAPack(Exception):
    """Nothing can be read from it. The text says why, and what to do."""


@dataclass(frozen=True)
class Pack:
    files: Mapping[str, bytes]
    """By path, relative to the folder that was packed, with `/`; never outside it."""
    format: str
    """`xml`, `parsable xml`, `markdown` or `json`."""
    problems: tuple[str, ...] = ()
    """What is missing or may mislead, a line each."""


@dataclass(frozen=True)
class Packed:
    """What one style says, not yet judged."""

    files: tuple[File, ...]
    """In the pack's order. A path may occur twice, or be no good."""
    summary: str
    """What the pack says of how it was made."""
    tree: str
    """Its directory structure; empty when it was left out."""
    damaged: tuple[str, ...] = ()
    """Files whose end can't be told."""
    complete: bool = True
    """False when the pack ends before its end."""
