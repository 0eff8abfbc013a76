"""Unified diffs that `git apply` and `patch -p1` take.

Lines end at `\\n` alone, as those tools count them: the `\\r` of a CRLF file is part of its line,
so that the diff fits the file byte for byte. Bytes that are not UTF-8 survive as surrogates;
encode a diff with `errors="surrogateescape"` to write it out.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from otp_genesis_refactorers.change import Change, apply_to

CONTEXT_LINES = 3
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def unified(path: str, before: bytes | None, after: bytes | None) -> str:
    """The diff of one file, empty when nothing differs. None is a file that does not exist."""
    old, new = _lines(before or b""), _lines(after or b"")
    if old == new:
        return ""
    hunks = list(difflib.unified_diff(old, new, n=CONTEXT_LINES))[2:]
    names = (None if before is None else f"a/{path}", None if after is None else f"b/{path}")
    header = [_header("---", names[0]), _header("+++", names[1])]
    return "".join([*header, *map(_ended, hunks)])


def unified_change(change: Change, contents: Mapping[str, bytes]) -> str:
    """The diff of a whole change, files sorted by path. Raises `Outdated` as `apply_to` does."""
    after = apply_to(change, contents)
    new_files = {file.path for file in change.files if not file.original_hash}
    return "".join(
        unified(path, None if path in new_files else contents[path], after[path]) for path in sorted(after)
    )


def unified_files(before: Mapping[str, bytes], after: Mapping[str, bytes | None]) -> str:
    """The diff of several files, sorted by path. What `before` lacks is new, None is removed."""
    return "".join(unified(path, before.get(path), after[path]) for path in sorted(after))


def _lines(content: bytes) -> list[str]:
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _header(sign: str, name: str | None) -> str:
    if name is None:
        return f"{sign} /dev/null\n"
    if any(character in _ESCAPES for character in name):
        name = '"' + "".join(_ESCAPES.get(character, character) for character in name) + '"'
    # A tab ends a name that holds blanks, else a reader could take its end for a date.
    return f"{sign} {name}\t\n" if " " in name else f"{sign} {name}\n"
