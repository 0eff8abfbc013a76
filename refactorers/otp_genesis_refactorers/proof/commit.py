"""Committing what was proved, and nothing else."""

from __future__ import annotations

from otp_genesis_refactorers.applying.patch import NewContents
from otp_genesis_refactorers.change import Refused, content_hash
from otp_genesis_refactorers.git.branch import Branch, commit_contents
from otp_genesis_refactorers.git.message import EVIDENCE, STEP
from otp_genesis_refactorers.proof.evidence import Evidence, store
from otp_genesis_refactorers.proof.evidence_text import as_trailer


def commit_proved(
    branch: Branch, evidence: Evidence, contents: NewContents, message: str, step: str = ""
) -> Branch | Refused:
    """Commit `contents` on the branch of a run, with the evidence in a trailer and kept.

    Refused unless the evidence verifies these very contents on the branch's tip. `step` names what has made
    the commit, so that a run that is taken up again can find it.
    """
    if evidence.verdict != "verified":
        return Refused(f"what is not verified is not committed: {evidence.reason}")
    if evidence.base_commit != branch.tip:
        return Refused(
            f"what was verified is a change of {evidence.base_commit[:12] or 'no commit'}, and {branch.name}"
            f" is at {branch.tip[:12]}: verify again"
        )
    other = _not_proved(evidence, contents)
    if other:
        return Refused(f"{other} is not what was verified: verify again")
    try:
        store(branch.folder, evidence)
    except OSError as error:
        return Refused(f"the evidence can't be kept: {error.filename}: {error.strerror}")
    key, _, value = as_trailer(evidence).partition(": ")
    assert key == EVIDENCE
    trailers = ((key, value), *([(STEP, step)] if step else []))
    return commit_contents(branch, contents, message, trailers)


def _not_proved(evidence: Evidence, contents: NewContents) -> str:
    """A file whose content, or whose absence, the evidence is not of; empty without one."""
    proved = {file.path: file.after for file in evidence.files}
    if evidence.test is not None and evidence.test.path not in proved:
        proved[evidence.test.path] = content_hash(evidence.test.source.encode())
    given = {path: "" if new is None else content_hash(new) for path, new in contents.items()}
    wrong = {path for path in given if proved.get(path) != given[path]}
    missing = {file.path for file in evidence.files} - set(given)
    return min(wrong | missing, default="")
