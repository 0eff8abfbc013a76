"""What compiled modules offer, read from their files: nothing has to be run for it.

A BEAM file is an IFF container; of its chunks the atoms and the exports are read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_LARGEST_BYTES = 32 << 20
_MACRO = "MACRO-"


def exports_of(build: Path) -> Mapping[str, tuple[str, ...]]:
    """`name/arity` of the functions and macros of each Elixir module below a build folder, by module."""
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted(build.glob("lib/*/ebin/Elixir.*.beam")):
        with suppress(OSError, struct.error, UnicodeDecodeError, LookupError):
            found[file.stem.removeprefix("Elixir.")] = tuple(sorted(_exports(_read(file))))
    return found


def _read(file: Path) -> bytes:
    """The content of a file that the project's own code may have put there."""
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as opened:
        return opened.read(_LARGEST_BYTES)


def _exports(content: bytes) -> Iterator[str]:
    chunks = dict(_chunks(content))
    atoms = list(_atoms(chunks[b"AtU8"]))
    exported = chunks[b"ExpT"]
    (count,) = struct.unpack_from(">I", exported)
    for index in range(count):
        name, arity, _ = struct.unpack_from(">III", exported, 4 + 12 * index)
        text = atoms[name - 1]
        if text.startswith(_MACRO):
            yield f"{text.removeprefix(_MACRO)}/{arity - 1}"
        elif not text.startswith("__") and text != "module_info":
            yield f"{text}/{arity}"


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12  # "FOR1", the size of all, "BEAM"
    while position + 8 <= len(content):
        name, size = struct.unpack_from(">4sI", content, position)
        yield name, content[position + 8 : position + 8 + size]
        position += 8 + (size + 3) // 4 * 4


def _atoms(chunk: bytes) -> Iterator[str]:
    """Short atoms have a byte for their length; since OTP 28 the count is negative and lengths are terms."""
    (count,) = struct.unpack_from(">i", chunk)
    position = 4
    for _ in range(abs(count)):
        size = chunk[position]
        position += 1
        if count < 0:
            if size & 0b1000:  # eleven bits: three here, eight in the next byte
                size = (size >> 5) << 8 | chunk[position]
                position += 1
            else:
                size >>= 4
        yield chunk[position : position + size].decode()
        position += size
