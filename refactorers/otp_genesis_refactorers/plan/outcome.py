"""Writing what became of an item into its document: its mark and its note, nothing else of the line."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from otp_genesis_refactorers.plan.inline import prose
from otp_genesis_refactorers.plan.markdown import Document, Item
from otp_genesis_refactorers.plan.merge import STALE_NOTE
from otp_genesis_refactorers.plan.model import State, Step
from otp_genesis_refactorers.proof.evidence import Evidence, stored

_VERIFIED = re.compile(r"verified \d{4}-\d{2}-\d{2}, evidence ([0-9a-f]{4,})")
_OWN_NOTE = re.compile(rf"(?:;? ?)(?:{_VERIFIED.pattern}|(?:failed|skipped): .*|{re.escape(STALE_NOTE)})$")


class Replacement(NamedTuple):
    """What stands between two places of the document, in characters, becomes `text`."""

    start: int
    end: int
    text: str


def marked(item: Item, state: State, note: str) -> tuple[Replacement, ...]:
    """The edits that give an item a state and a note. A person's own words in the note stay before it.

    None for an item whose brackets a person took away: there is nowhere to put the mark.
    """
    if item.mark is None:
        return ()
    kept = _OWN_NOTE.sub("", item.step.note).rstrip()
    words = "; ".join(part for part in (kept, note) if part)
    return (
        Replacement(item.mark, item.mark + 1, state.mark),
        Replacement(item.note_start, item.note_end, f" {words}" if words else ""),
    )


def replaced(document: Document, edits: tuple[Replacement, ...]) -> str:
    """The document's text with the edits made."""
    text = document.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def verified_note(evidence: Evidence) -> str:
    day: date = evidence.made_at.date()
    return f"verified {day.isoformat()}, evidence {evidence.id}"


def state_and_note(evidence: Evidence, left: str) -> tuple[State, str]:
    """What an item's line says of it. What is `left` to do by hand keeps it open."""
    match evidence.verdict:
        case "verified":
            return State.OPEN if left else State.DONE, verified_note(evidence)
        case "rejected":
            return State.FAILED, failed_note(evidence.reason)
        case "not_verified":
            return State.OPEN, ""


def failed_note(reason: str) -> str:
    return f"failed: {prose(reason)}"


def skipped_note(reason: str) -> str:
    return f"skipped: {prose(reason)}"


class Claim(NamedTuple):
    """What an item says of its proof."""

    evidence: Evidence | None
    doubt: str
    """Why it is only claimed: a document can say anything. Empty when it is proven."""


def claim_of(step: Step, root: Path, read: Callable[[str], bytes]) -> Claim | None:
    """None for an item that claims nothing. `root` is the project's, `read` raises OSError."""
    found = _VERIFIED.search(step.note)
    if found is None:
        return None
    evidence = stored(root, found[1])
    if evidence is None:
        return Claim(None, "there is no such record on this machine")
    if evidence.verdict != "verified":
        return Claim(evidence, "the record says that it was not verified")
    if not evidence.fits(read):
        return Claim(evidence, "the files have changed since")
    return Claim(evidence, "")
