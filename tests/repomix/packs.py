"""Packs as repomix 1.18 writes them, in its four styles, and the verbs of their tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from xml.sax.saxutils import escape

from otp_genesis_refactorers.repomix import Pack, read_pack

ENTIRE = (
    "This file is a merged representation of the entire codebase, combined into a single document by Repomix."
)
PURPOSE = "This file contains a packed representation of the entire repository's contents."
NOTES = "- Some files may have been excluded based on .gitignore rules and Repomix's configuration"
SECTION = "This section contains the contents of the repository's files."


def tree_of(paths: Iterable[str]) -> str:
    """The directory structure: folders first, each level two spaces further in."""
    lines: list[str] = []

    def add(entries: Iterable[tuple[str, ...]], indent: str) -> None:
        entries = list(entries)
        for folder in sorted({entry[0] for entry in entries if len(entry) > 1}):
            lines.append(f"{indent}{folder}/")
            add((entry[1:] for entry in entries if len(entry) > 1 and entry[0] == folder), f"{indent}  ")
        lines.extend(f"{indent}{entry[0]}" for entry in sorted(entries) if len(entry) == 1)

    add((tuple(path.split("/")) for path in paths), "")
    return "\n".join(lines)


def xml(files: Mapping[str, str], notes: str = NOTES, tree: str | None = None) -> str:
    entries = "".join(f'<file path="{path}">\n{code}\n</file>\n\n' for path, code in files.items())
    return f"""\
{ENTIRE}

<file_summary>
This section contains a summary of this file.

<purpose>
{PURPOSE}
</purpose>

<notes>
{notes}
</notes>

</file_summary>

<directory_structure>
{tree_of(files) if tree is None else tree}
</directory_structure>

<files>
{SECTION}

{entries}</files>
"""


def parsable_xml(files: Mapping[str, str], notes: str = NOTES, tree: str | None = None) -> str:
    entries = "".join(f'<file path="{escaped(path)}">{escaped(code)}</file>' for path, code in files.items())
    return (
        f"<repomix><file_summary>{ENTIRE}<purpose>{escaped(PURPOSE)}</purpose><notes>{escaped(notes)}</notes>"
        f"</file_summary><directory_structure>{escaped(tree_of(files) if tree is None else tree)}"
        f"</directory_structure><files>{escaped(SECTION)}{entries}</files></repomix>"
    )


def markdown(files: Mapping[str, str], notes: str = NOTES, tree: str | None = None) -> str:
    tree = tree_of(files) if tree is None else tree
    rows = [row for text in (*files.values(), tree) for row in re.findall("`+", text)]
    fence = "`" * max(3, max(map(len, rows), default=0) + 1)
    entries = "".join(f"## File: {path}\n{fence}elixir\n{code}\n{fence}\n\n" for path, code in files.items())
    text = f"""\
{ENTIRE}

# File Summary

## Purpose
{PURPOSE}

## File Format
1. A header with the file path (## File: path/to/file)

## Notes
{notes}

# Directory Structure
{fence}
{tree}
{fence}

# Files

{entries}"""
    return f"{text.strip()}\n"


def json_style(files: Mapping[str, str], notes: str = NOTES, tree: str | None = None) -> str:
    pack = {
        "fileSummary": {"generationHeader": ENTIRE, "purpose": PURPOSE, "notes": notes},
        "directoryStructure": tree_of(files) if tree is None else tree,
        "files": files,
    }
    return json.dumps(pack, indent=2, ensure_ascii=False)


def escaped(text: str) -> str:
    return escape(text, {"'": "&apos;", '"': "&quot;"})


Writer = Callable[..., str]
STYLES: dict[str, Writer] = {
    "xml": xml,
    "parsable xml": parsable_xml,
    "markdown": markdown,
    "json": json_style,
}


def read(text: str) -> Pack:
    return read_pack(text.encode())


def files_in(text: str) -> dict[str, str]:
    """What a pack is read as, which must be without a problem."""
    pack = read(text)
    assert pack.problems == ()
    return contents(pack)


def contents(pack: Pack) -> dict[str, str]:
    """Less the line break at the end of each file, which packs don't have."""
    assert all(code.endswith(b"\n") for code in pack.files.values() if code)
    return {path: code.decode().removesuffix("\n") for path, code in pack.files.items()}
