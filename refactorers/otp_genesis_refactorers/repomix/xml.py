"""The style `xml`, which is none: prose comes first, and nothing is escaped.

    <files>
    This section contains the contents of the repository's files.

    <file path="lib/shop.ex">
    defmodule Shop do
    end
    </file>

    </files>

A file may hold these very marks. What begins another file must follow the end of one, and must
name a file of the directory structure, where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from otp_genesis_refactorers.repomix.packed import NO_FILES, File, NotAPack, Packed
from otp_genesis_refactorers.repomix.tree import paths_in

_TREE, _TREE_END = "<directory_structure>\n", "\n</directory_structure>"
_FILES = re.compile(r"^<files>$", re.MULTILINE)
_FILE = re.compile(r'^<file path="(.+)">\n', re.MULTILINE)
_CLOSED = "\n</file>"
_BETWEEN = f"{_CLOSED}\n\n"
_END = f"{_BETWEEN}</files>"


def read(text: str) -> Packed:
    """Raises NotAPack when there is no file."""
    tree, after_tree = _tree(text)
    section = _FILES.search(text, after_tree)
    openers = list(_openers(text, section.end(), frozenset(paths_in(tree)))) if section else []
    if section is None or not openers:
        raise NotAPack(NO_FILES)
    summary, last = text[: section.start()], openers[-1]
    files: list[File] = [
        (opener[1], text[opener.end() : following.start() - len(_BETWEEN)])
        for opener, following in pairwise(openers)
    ]
    # From the line break before the content, since an empty file has no other.
    end = text.rfind(_END, last.end() - 1)
    complete = end >= 0
    if not complete:
        rest = text.rstrip()
        if not rest.endswith(_CLOSED) or len(rest) < last.end():
            return Packed(tuple(files), summary, tree, damaged=(last[1],), complete=False)
        end = len(rest) - len(_CLOSED)
    return Packed((*files, (last[1], text[last.end() : end])), summary, tree, complete=complete)


def _tree(text: str) -> tuple[str, int]:
    """The directory structure, and where it ends."""
    start = text.find(_TREE)
    end = text.find(_TREE_END, start)
    return (text[start + len(_TREE) : end], end) if 0 <= start < end else ("", 0)


def _openers(text: str, start: int, known: frozenset[str]) -> Iterator[re.Match[str]]:
    first = text.find("\n<file ", start) + 1
    for found in _FILE.finditer(text, start):
        follows = text.startswith(_BETWEEN, found.start() - len(_BETWEEN))
        if found.start() == first or (follows and (not known or found[1] in known)):
            yield found
