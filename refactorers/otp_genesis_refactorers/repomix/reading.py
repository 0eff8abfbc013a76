"""Which style a pack has, and what of it can be relied on."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from otp_genesis_refactorers.repomix import json, markdown, parsable_xml, xml
from otp_genesis_refactorers.repomix.line_numbers import without_line_numbers
from otp_genesis_refactorers.repomix.packed import CUT, NO_FILES, File, NotAPack, Pack, Packed
from otp_genesis_refactorers.repomix.tree import paths_in

_SECTION = re.compile(
    r"^(?:(?P<xml><(?:file_summary|user_provided_header|directory_structure|files)>)"
    r"|(?P<markdown># (?:File Summary|User Provided Header|Directory Structure|Files))"
    r"|(?P<plain>={64}))$",
    re.MULTILINE,
)
_DECLARATION = re.compile(r"<\?xml[^>]*\?>\s*")
_EXPECTED = "give a file made by `repomix` with --style xml, markdown or json"
_DRIVE = re.compile(r"[A-Za-z]:")
_CUT_OUT = f"\n{CUT}\n"
_SUFFIXES = (".ex", ".exs")
_LONGEST_PATH, _LONGEST_NAME = 1024, 255
"""What file systems take: characters of a path, bytes of a name."""
_NAMED = 3
"""How many files one problem names."""

_NUMBERED = "- Line numbers have been added"
_UNNUMBERED = "it was packed with --output-show-line-numbers: the numbers are taken out again"
_NOTES = {
    "- Only files matching these patterns are included": "it was packed with --include: what it leaves out"
    " and the disk lacks is taken for absent",
    "- Files matching these patterns are excluded": "it was packed with --ignore: what it leaves out and the"
    " disk lacks is taken for absent",
    "- Code comments have been removed": "it was packed with --remove-comments: comments that keep findings"
    " quiet may be missing",
    "- Empty lines have been removed": "it was packed with --remove-empty-lines: lines may be numbered"
    " otherwise than on the disk",
    "- Content has been compressed": "it was packed with --compress: what that took out is not looked at",
}
"""What a pack says of how it was made, and what this means for findings."""

_OUTSIDE = "no path inside the folder that was packed"
_TWICE = "can't be told from the files around it, which look like the pack's own marks"
_CUT = "code was taken out of it when it was packed"


def read_pack(content: bytes) -> Pack:
    """The files of a pack in any of the four styles; of one that is cut off, what is whole.

    Takes time in proportion to the size. Raises NotAPack.
    """
    style, packed = _packed(_text(content))
    if not packed.files:
        raise NotAPack(NO_FILES)
    plain = without_line_numbers(packed.files)
    if plain is None and _NUMBERED in packed.summary:
        raise NotAPack("not all its lines are numbered: pack again without --output-show-line-numbers")
    files, left_out = _reliable(plain or packed.files)
    return Pack(
        {path: _content(code) for path, code in files},
        style,
        (*_doubts(packed), *([_UNNUMBERED] if plain else []), *left_out),
    )


def _content(code: str) -> bytes:
    """With the line break at the end, which repomix takes off."""
    return f"{code}\n".encode("utf-8", "surrogatepass") if code else b""


def _text(content: bytes) -> str:
    # A shell that redirects what repomix prints may write UTF-16, and its own line breaks.
    codec = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        raise NotAPack(f"not text (byte {error.start}): {_EXPECTED}") from error
    if 0 < text.count("\n") == text.count("\r\n"):
        text = text.replace("\r\n", "\n")
    return text.lstrip()


def _packed(text: str) -> tuple[str, Packed]:
    if text.startswith("{"):
        return "json", json.read(text)
    declaration = _DECLARATION.match(text)
    if text.startswith("<repomix>", declaration.end() if declaration else 0):
        return "parsable xml", parsable_xml.read(text)
    section = _SECTION.search(text)
    if section is None:
        raise NotAPack(f"no pack: {_EXPECTED}")
    if section["xml"]:
        return "xml", xml.read(text)
    if section["markdown"]:
        return "markdown", markdown.read(text)
    raise NotAPack("the plain style can't be told from what it holds: pack again with --style xml")


def _reliable(files: tuple[File, ...]) -> tuple[list[File], list[str]]:
    """The files that can be believed, and why the others can't."""
    unsure = _unsure(files)
    kept: list[File] = []
    left_out: defaultdict[str, list[str]] = defaultdict(list)
    for path, code in files:
        if not _is_inside(path):
            left_out[_OUTSIDE].append(path)
        elif path in unsure:
            left_out[_TWICE].append(path)
        elif path.endswith(_SUFFIXES) and _CUT_OUT in f"{code}\n":
            left_out[_CUT].append(path)
        else:
            kept.append((path, code))
    return kept, [f"{_named(paths)}: {reason}; left out" for reason, paths in left_out.items()]


def _unsure(files: tuple[File, ...]) -> frozenset[str]:
    """Files that occur twice, one of which is part of a file before: those before as well."""
    times = Counter(path for path, _ in files)
    return frozenset(
        path
        for (before, _), (twice, _) in zip([("", ""), *files], files, strict=False)
        if times[twice] > 1
        for path in (before, twice)
    )


def _is_inside(path: str) -> bool:
    """Whether a path is a relative one that names a file below the folder, on every system."""
    if not path.isprintable() or "\\" in path or _DRIVE.match(path) or len(path) > _LONGEST_PATH:
        return False
    return all(
        part not in ("", ".", "..") and len(part.encode()) <= _LONGEST_NAME for part in path.split("/")
    )


def _doubts(packed: Packed) -> Iterator[str]:
    """What the pack as a whole lacks."""
    given = {path for path, _ in packed.files}.union(packed.damaged)
    missing = [path for path in paths_in(packed.tree) if path.endswith(_SUFFIXES) and path not in given]
    if not packed.complete:
        where = f"in {packed.damaged[-1]}, which is left out" if packed.damaged else "between two files"
        yield f"it ends early, {where}: what comes after is missing"
    elif packed.damaged:
        yield f"{_named(packed.damaged)}: not escaped as repomix does it; left out"
    elif missing:
        yield f"{_named(missing)}: listed without content"
    yield from (meaning for note, meaning in _NOTES.items() if note in packed.summary)


def _named(paths: Sequence[str]) -> str:
    unique = list(dict.fromkeys(paths))
    more = f" and {len(unique) - _NAMED} more" if len(unique) > _NAMED else ""
    return ", ".join(unique[:_NAMED]) + more
