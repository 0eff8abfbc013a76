"""`otpGenesis.verify`: proves what stands in the editor, or the fix of a finding, which is then applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from otp_genesis_server.lsp.from_lsp import file_of
from otp_genesis_server.lsp.jobs.fixing import GONE
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.shown.documents import write_document
from otp_genesis_server.lsp.work.applying import apply_change
from otp_genesis_server.lsp.work.asked import chosen_folder, failed
from otp_genesis_server.lsp.work.consent import trusted
from otp_genesis_server.lsp.work.long_work import Work, long_work

if TYPE_CHECKING:
    from otp_genesis_refactorers.change import Change, Refused
    from otp_genesis_refactorers.proof.evidence import Evidence
    from otp_genesis_server.lsp.jobs.verifying import Subject
    from otp_genesis_server.lsp.workspace.folder import Folder

COMMAND = "otpGenesis.verify"


@dataclass(frozen=True)
class VerifyArguments:
    uri: str | None = None
    """Of a file or folder in the mix project to be verified; may be left out where one folder is open."""
    fingerprint: str | None = None
    """As in `data` of a finding's diagnostic: its fix is verified, and applied when it is good."""


@attrs.define
class VerifyRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: VerifyArguments


REQUEST = VerifyRequest


async def handle(ls: Server, arguments: VerifyArguments) -> dict[str, Any]:
    """Gives `{"verdict", "reason", "applied", "document", "evidence"}`, and tells the user too.

    `verdict` is `verified`, `rejected` or `not_verified`, `document` the URI of the evidence as Markdown in
    the user's cache folder (null when it can't be written there), `evidence` what `otp-genesis verify
    --format json` prints (null when there is no fix to be verified). `applied` is always false without a
    fingerprint.
    """
    folder = chosen_folder(ls, arguments.uri)
    root = project_of(folder, arguments.uri)
    allowed = await trusted(ls, root)
    async with long_work(ls, f"verifying {root.name}") as work:
        outcome = await _outcome(ls, folder, root, allowed, arguments.fingerprint, work)
    if not isinstance(outcome, _Outcome):
        return _answer(ls, "not_verified", outcome.reason, f"nothing was changed: {outcome.reason}")
    return await _told(ls, folder, outcome)


@dataclass(frozen=True)
class _Outcome:
    subject: Subject
    evidence: Evidence
    change: Change | None


async def _outcome(
    ls: Server, folder: Folder, root: Path, allowed: bool, fingerprint: str | None, work: Work
) -> _Outcome | Refused:
    from otp_genesis_refactorers.change import Refused
    from otp_genesis_server.lsp.jobs.verifying import Subject, proved, proved_fix

    snapshot = await folder.checked()
    if snapshot is None:
        raise failed(f"{folder.root} could not be read")
    subject = Subject(root, snapshot, ls.session.documents_below(root), allowed)
    if fingerprint is None:
        return _Outcome(subject, await work.run(proved, subject, work), None)
    finding = snapshot.find(fingerprint)
    if finding is None:
        return GONE
    try:
        fixed = await work.run(proved_fix, subject, finding, work)
    except OSError as error:
        return Refused(f"{error.filename} can't be read: {error.strerror}")
    return fixed if isinstance(fixed, Refused) else _Outcome(subject, *fixed)


async def _told(ls: Server, folder: Folder, outcome: _Outcome) -> dict[str, Any]:
    """Apply what is verified, show the evidence, say what came of it."""
    from otp_genesis_refactorers.proof.evidence_text import as_markdown, headline
    from otp_genesis_server.lsp.jobs.verifying import changed_since

    evidence, change, root = outcome.evidence, outcome.change, outcome.subject.root
    document = write_document("evidence", root, ".md", as_markdown(evidence))
    if document is not None:
        ls.open(document, take_focus=False)
    shown = {"document": document, "evidence": {"id": evidence.id, **evidence.model_dump(mode="json")}}
    verdict, said = evidence.verdict, headline(evidence)
    if change is None:
        return _answer(ls, verdict, evidence.reason, f"{root.name}: {said}", **shown)
    if verdict != "verified":
        return _answer(ls, verdict, evidence.reason, f"nothing was changed: {said}", **shown)
    other = changed_since(root, outcome.subject.documents, ls.session.documents_below(root))
    reason = f"{other} was changed meanwhile" if other else await apply_change(ls, folder, change)
    if reason is not None:
        return _answer(ls, verdict, reason, f"{said}, but nothing was changed: {reason}", **shown)
    return _answer(ls, verdict, "", f"{change.title}: {said}, and applied", applied=True, **shown)


def _answer(ls: Server, verdict: str, reason: str, message: str, **more: Any) -> dict[str, Any]:
    (ls.warn if reason else ls.inform)(f"OTP-Genesis: {message}")
    nothing: Mapping[str, Any] = {"applied": False, "document": None, "evidence": None}
    return {"verdict": verdict, "reason": reason, **nothing, **more}


def project_of(folder: Folder, uri: str | None) -> Path:
    from otp_genesis_analyzers.discovery import project_above

    place = (file_of(uri) if uri else None) or folder.root
    root = project_above(place if place.is_dir() else place.parent)
    if root is None:
        raise failed(f"{place} belongs to no mix project: name a file of one")
    return root
