"""How much one run of mix may take."""

from __future__ import annotations

from dataclasses import dataclass

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a run may use before it is ended."""

    timeout_seconds: float = 120.0
    output_bytes: int = 16 * _MEBIBYTE
    """Of standard output and standard error, each: a large suite logs some."""
    file_bytes: int = 256 * _MEBIBYTE
    """Of one file that it writes."""
    heap_bytes: int = 1024 * _MEBIBYTE
    """Of one process on the BEAM."""
    memory_bytes: int = 4096 * _MEBIBYTE
    """Of all that it starts, together."""
    processes: int = 256
    """Of the operating system, at a time."""


DEFAULT_LIMITS = Limits()
