"""The style `xml` with `--parsable-style`: one `<repomix>` element, everything escaped.

It is not always XML, since control characters stay as they are, and an XML parser would make one
line break of the two characters of Windows. What is escaped can't hold a mark, so that marks are
all that it takes. No entity is known but those that stand for a character.
"""

from __future__ import annotations

import re

from otp_genesis_refactorers.repomix.packed import NO_FILES, File, NotAPack, Packed

_FILES = "<files>"
_FILE = re.compile(r"""<file path=(?:"([^"<]*)"|'([^'<]*)')\s*(?:/>|>([^<]*)(</file>)?)""")
_ESCAPED = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));")
_TREE, _TREE_END = "<directory_structure>", "</directory_structure>"


def read(text: str) -> Packed:
    """Raises NotAPack when there is no section of files."""
    start = text.find(_FILES)
    if start < 0:
        raise NotAPack(NO_FILES)
    end = text.find("</files>", start)
    files: list[File] = []
    damaged: list[str] = []
    for found in _FILE.finditer(text, start, end if end >= 0 else len(text)):
        path = _plain(found[1] or found[2] or "")
        if found[3] is not None and found[4] is None:
            damaged.append(path)
        else:
            files.append((path, _plain(found[3] or "")))
    _, _, tree = text[:start].partition(_TREE)
    tree, _, _ = tree.partition(_TREE_END)
    return Packed(tuple(files), text[:start], _plain(tree), tuple(damaged), complete=end >= 0)


def _plain(text: str) -> str:
    return _ESCAPED.sub(_character, text) if "&" in text else text


_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def _character(escaped: re.Match[str]) -> str:
    decimal, hexadecimal, name = escaped.groups()
    if name:
        return _NAMED[name]
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(number) if number <= 0x10FFFF else escaped[0]
