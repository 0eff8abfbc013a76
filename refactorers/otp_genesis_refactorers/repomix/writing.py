"""A code base as one file in repomix's style `xml`, which `xml.read` and models read.

    <file_summary>         how it was made
    <directory_structure>  every file, also those without content
    <files>                `<file path="lib/shop.ex">`, the content, `</file>`

Nothing is escaped in that style, so that a file which holds its marks can't be told from the pack.
Such files are left to the directory structure alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from otp_genesis_refactorers.repomix.packed import CUT
from otp_genesis_refactorers.repomix.tree import tree_of

CHARACTERS_PER_TOKEN = 4.3
"""Measured on Elixir code; each model counts otherwise."""
_MARKS = ('</file>\n\n<file path="', "</file>\n\n</files>")


class PackedFile(Struct, frozen=True):
    """`text` without the line break at its end; of a skeleton, what is left of the file."""

    path: str
    text: str
    is_skeleton: bool = False

    @property
    def tokens(self) -> int:
        return estimated_tokens(len(self.text))


def estimated_tokens(characters: int) -> int:
    return round(characters / CHARACTERS_PER_TOKEN)


def can_be_named(path: str) -> bool:
    """Whether a directory structure can hold a path: a name on a line, behind spaces."""
    return path.isprintable() and all(part == part.strip() for part in path.split("/"))


def can_be_told(text: str) -> bool:
    """Whether a file's text can be read out of a pack again just as it was written into it."""
    return not any(mark in text for mark in _MARKS)


def write_pack(files: Sequence[PackedFile], listed: Iterable[str], notes: Sequence[str] = ()) -> str:
    """The pack. `listed` are files without content; `notes` say what was left out, a line each."""
    paths = {*listed, *(file.path for file in files)}
    entries = "".join(f'<file path="{file.path}">\n{_content(file)}\n</file>\n\n' for file in files)
    described = "\n".join(f"- {note}" for note in (*_notes(files), *notes))
    return f"""\
This file is a code base in one document, made by OTP-Genesis in the xml format of Repomix.

<file_summary>
<file_format>
1. This summary
2. The directory structure: every file, also those whose content is left out
3. The files, each with its path as an attribute, as they are: nothing is escaped
</file_format>

<notes>
{described}
</notes>
</file_summary>

<directory_structure>
{tree_of(paths)}
</directory_structure>

<files>
This section contains the contents of the repository's files.

{entries}</files>
"""


def _content(file: PackedFile) -> str:
    return f"{file.text.rstrip()}\n{CUT}" if file.is_skeleton else file.text


def _notes(files: Sequence[PackedFile]) -> list[str]:
    total = sum(file.tokens for file in files)
    rate = f"estimated at {CHARACTERS_PER_TOKEN} characters a token"
    size = f"About {total:,} tokens in {len(files):,} files, {rate}"
    if not any(file.is_skeleton for file in files):
        return [size]
    return [
        size,
        f"Content has been compressed: a file that ends with {CUT} is given as its declarations, each behind"
        " the number of its line; the others are whole",
    ]
