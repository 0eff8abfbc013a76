"""The style `json`: `{"fileSummary": {…}, "directoryStructure": "…", "files": {path: content}}`.

Read by pairs, so that a pack that ends early gives what was whole.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import Any

from otp_genesis_refactorers.repomix.packed import File, NotAPack, Packed

# A quote inside a string has a backslash before it, so that these find keys and nothing else.
_FILES = re.compile(r'"files"\s*:\s*\{\s*')
_COLON = re.compile(r"\s*:\s*")
_COMMA = re.compile(r"\s*,\s*")
_CLOSED = re.compile(r"\s*\}")


def read(text: str) -> Packed:
    """Raises NotAPack when there is no section of files."""
    section = _FILES.search(text)
    if section is None:
        raise NotAPack('it is JSON without "files": make one with `repomix --style json`')
    decoder = JSONDecoder(strict=False)
    before = text[: section.start()]
    files: list[File] = []
    damaged: tuple[str, ...] = ()
    at = section.end()
    complete = _CLOSED.match(text, at) is not None
    while not complete:
        path, after_path = _string(decoder, text, at)
        colon = _COLON.match(text, after_path)
        if path is None or colon is None:
            break
        content, after_content = _string(decoder, text, colon.end())
        if content is None:
            damaged = (path,)
            break
        files.append((path, content))
        complete = _CLOSED.match(text, after_content) is not None
        comma = _COMMA.match(text, after_content)
        at = comma.end() if comma else len(text)
    summary, tree = _value(decoder, before, "notes"), _value(decoder, before, "directoryStructure")
    return Packed(tuple(files), summary, tree, damaged, complete)


def _string(decoder: JSONDecoder, text: str, at: int) -> tuple[str | None, int]:
    """The string that begins there, and where it ends; None where there is no whole one."""
    if not text.startswith('"', at):
        return None, at
    try:
        value: Any
        value, end = decoder.raw_decode(text, at)
    except ValueError:
        return None, at
    return value, end


def _value(decoder: JSONDecoder, text: str, key: str) -> str:
    found = re.search(rf'"{key}"\s*:\s*', text)
    value, _ = _string(decoder, text, found.end()) if found else (None, 0)
    return value or ""
