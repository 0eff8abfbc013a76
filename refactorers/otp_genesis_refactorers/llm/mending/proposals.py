"""What was not proven, kept to be looked at: a document with what failed, and a diff for `git apply`."""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from pathlib import Path

from otp_genesis_refactorers.applying.diff import unified
from otp_genesis_refactorers.llm.mending.mend import Attempt, Mended
from otp_genesis_refactorers.llm.privacy.harmless_markdown import harmless
from otp_genesis_refactorers.machine.user_folders import data_folder
from otp_genesis_refactorers.proof.evidence_text import as_table


def as_markdown(mended: Mended) -> str:
    """All attempts with what became of them. Nothing that a model wrote can be clicked or loaded in it."""
    finding = mended.task.finding
    parts = [
        f"# {'Not fixed' if mended.reason else 'Fixed'}: {finding.code} {finding.name}",
        harmless(finding.message).strip(),
        *([harmless(mended.reason).strip()] if mended.reason else []),
    ]
    for number, attempt in enumerate(mended.attempts, start=1):
        parts += [f"## {number}. {harmless(attempt.title).strip()}", *_told(attempt, mended)]
    return "\n\n".join(parts) + "\n"


def diff_of(mended: Mended, attempt: Attempt) -> str:
    """What an attempt changes, as a unified diff."""
    read = mended.task.project.read
    known = mended.task.project.files
    return "".join(
        unified(path, read(path) if path in known else None, content)
        for path, content in sorted(attempt.contents.items())
    )


def store(mended: Mended) -> Path:
    """Keep it in the user's data folder, the diff beside it, and say where. Raises OSError."""
    name = blake2b(os.fsencode(mended.task.root.resolve()), digest_size=8).hexdigest()
    file = data_folder() / "proposals" / name / f"{mended.task.finding.fingerprint}.md"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(file, as_markdown(mended))
    if mended.proposal is not None:
        _write(file.with_suffix(".diff"), diff_of(mended, mended.proposal))
    return file


def _told(attempt: Attempt, mended: Mended) -> list[str]:
    who = "By the rule's own fix." if attempt.by == "rule" else "Made by a model."
    parts = [who, *([harmless(attempt.explanation).strip()] if attempt.explanation else [])]
    parts += [f"Not accepted: {harmless(attempt.reason).strip()}"] if attempt.reason else ["Accepted."]
    if attempt.contents:
        parts.append(_fenced(diff_of(mended, attempt), "diff"))
    if attempt.evidence is not None:
        parts.append(_fenced(as_table(attempt.evidence)))
        parts += [_fenced(gate.details) for gate in attempt.evidence.gates if gate.details]
    return parts


def _fenced(text: str, language: str = "") -> str:
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _write(file: Path, text: str) -> None:
    part = file.with_suffix(f"{file.suffix}.{os.getpid()}.part")
    part.write_bytes(text.encode("utf-8", "surrogateescape"))
    part.replace(file)
