"""The style `markdown`: a heading and a fence for each file.

    ## File: lib/shop.ex
    ```elixir
    defmodule Shop do
    end
    ```

The fence is longer than any row of backticks in the pack, so that no file can hold it.
"""

from __future__ import annotations

import re

from otp_genesis_refactorers.repomix.packed import NO_FILES, File, NotAPack, Packed

_TREE = re.compile(r"^# Directory Structure\n(`{3,})\n", re.MULTILINE)
_FILES = re.compile(r"^# Files$", re.MULTILINE)
_FILE = re.compile(r"\s*^## File: (.+)\n(`{3,})[^`\n]*\n", re.MULTILINE)


def read(text: str) -> Packed:
    """Raises NotAPack when there is no section of files."""
    tree, after_tree = _tree(text)
    section = _FILES.search(text, after_tree)
    if section is None:
        raise NotAPack(NO_FILES)
    summary, at = text[: section.start()], section.end()
    files: list[File] = []
    while opener := _FILE.match(text, at):
        path, fence = opener[1], opener[2]
        # From the line break before the content, since an empty file has no other.
        end = _fence_end(text, opener.end() - 1, fence)
        if end < 0:
            return Packed(tuple(files), summary, tree, damaged=(path,), complete=False)
        files.append((path, text[opener.end() : end]))
        at = end + 1 + len(fence)
    # A file whose heading is cut off. Other sections have greater headings.
    complete = not text[at:].lstrip().startswith("##")
    return Packed(tuple(files), summary, tree, complete=complete)


def _fence_end(text: str, start: int, fence: str) -> int:
    """Where the line break before the closing fence stands; -1 without one."""
    found = re.compile(rf"\n{fence}$", re.MULTILINE).search(text, start)
    return found.start() if found else -1


def _tree(text: str) -> tuple[str, int]:
    """The directory structure, and where it ends."""
    opener = _TREE.search(text)
    end = _fence_end(text, opener.end(), opener[1]) if opener else -1
    return (text[opener.end() : end], end) if opener and end >= 0 else ("", 0)
