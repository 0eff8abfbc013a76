"""A model's words as Markdown that is only words: no link, heading, list, item or comment begins in it."""

from __future__ import annotations

import re
import unicodedata

from otp_genesis_refactorers.plan.inline import prose

_ADDRESS = re.compile(r"((?:\w[\w+.-]*:/|mailto:|command:|www\.)[^\s<>()`]+)", re.IGNORECASE)
"""Editors make links of these by themselves."""
_MEANT_AT_START = re.compile(r"^(\d*)([#+=.)>~|-])")
_CODE_SPAN = re.compile(r"(`+[^`]+`+)")


def line_of(text: str, most_characters: int) -> str:
    """All of a text on one line, cut where it gets long."""
    words = " ".join("".join(map(_printable, text)).split())
    if len(words) > most_characters:
        words = f"{words[:most_characters].rstrip()}…"
    pieces = _CODE_SPAN.split(words)
    return prose("".join(piece if index % 2 else _unlinked(piece) for index, piece in enumerate(pieces)))


def paragraphs_of(text: str, most_characters: int, most: int) -> tuple[str, ...]:
    """The paragraphs of a text, each on one line."""
    blocks = re.split(r"\n\s*\n", text[: most_characters * most].strip())
    lines = (line_of(block, most_characters) for block in blocks)
    return tuple(_MEANT_AT_START.sub(r"\1\\\2", line) for line in lines if line)[:most]


def code_of(text: str, most_characters: int) -> str:
    """Lines of code, to stand in a code block."""
    kept = "".join(each if each == "\n" else _printable(each) for each in text.replace("\r\n", "\n"))
    return kept[:most_characters].strip("\n")


def _unlinked(text: str) -> str:
    return _ADDRESS.sub(r"`\1`", text)


def _printable(character: str) -> str:
    """Without what steers terminals and the direction of writing."""
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category == "Cc" else character
