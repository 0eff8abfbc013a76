"""Edits given as text, old and new, as one change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.applying.quoted import place_of, with_line_ends
from otp_genesis_refactorers.change import Change, Edit, FileChange, Refused, file_change
from otp_genesis_refactorers.codebase.beneath import Missing
from otp_genesis_refactorers.codebase.values import TextEdit

MOST_EDITS = 200


def change_of(
    edits: Sequence[TextEdit], title: str, read: Callable[[str], bytes | Refused]
) -> Change | Refused:
    """The edits as one change. `read` gives what a file holds now."""
    if not 0 < len(edits) <= MOST_EDITS:
        return Refused(f"there are {len(edits)} edits: a change has at least one and at most {MOST_EDITS}")
    of_files: dict[str, list[TextEdit]] = {}
    for edit in edits:
        of_files.setdefault(edit.path, []).append(edit)
    files: list[FileChange] = []
    for path, of_file in of_files.items():
        content = read(path)
        if isinstance(content, Missing):
            file = _new_file(of_file)
        else:
            file = content if isinstance(content, Refused) else _changed_file(of_file, content)
        if isinstance(file, Refused):
            return file
        files.append(file)
    return Change(title, FixKind.LLM, tuple(sorted(files, key=lambda file: file.path)))


def _new_file(edits: list[TextEdit]) -> FileChange | Refused:
    path = edits[0].path
    if len(edits) > 1 or edits[0].old:
        return Refused(f"there is no {path}: make it with one edit whose old text is empty")
    text = edits[0].new
    if not _is_text(text):
        return Refused(f"the edit of {path} holds characters that no text has")
    return FileChange(path, "", (Edit(Span(0, 0), text if text.endswith("\n") else f"{text}\n"),))


def _changed_file(edits: list[TextEdit], content: bytes) -> FileChange | Refused:
    path = edits[0].path
    found: list[Edit] = []
    for edit in edits:
        placed = _placed(edit, content)
        if isinstance(placed, Refused):
            return placed
        found.append(placed)
    try:
        return file_change(path, content, found)
    except ValueError:
        return Refused(f"two edits of {path} change the same text: make one of them")


def _placed(edit: TextEdit, content: bytes) -> Edit | Refused:
    """The bytes to replace in a file that exists."""
    if not edit.old:
        return Refused(f"{edit.path} exists already: name the text in it that is to be replaced")
    if edit.old == edit.new:
        return Refused(f"the edit of {edit.path} changes nothing: old and new are the same")
    if not (_is_text(edit.old) and _is_text(edit.new)):
        return Refused(f"the edit of {edit.path} holds characters that no text has")
    place = place_of(edit.path, content, edit.old)
    return place if isinstance(place, Refused) else Edit(place, with_line_ends(edit.new, content))


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
