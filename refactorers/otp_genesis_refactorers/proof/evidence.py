"""What was done to prove a change, and what came of it: one record a verification.

It is kept in the user's data folder, never in the project: a project could claim anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from otp_genesis_refactorers.change import content_hash
from otp_genesis_refactorers.machine.user_folders import data_folder, write_whole

GateStatus = Literal["pass", "fail", "not_run"]
OverallVerdict = Literal["verified", "rejected", "not_verified"]
_ID_CHARACTERS = 12


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CommandRecord(Record):
    """One run of mix. `output_hash` is of what it printed."""

    command: tuple[str, ...]
    status: str
    exit_code: int | None
    seconds: float
    isolation: str
    output_hash: str


class GateRecord(Record):
    """`reason` is empty where it passed. `applies` is false where it had nothing to say of this change."""

    name: str
    status: GateStatus
    reason: str = ""
    details: str = ""
    applies: bool = True
    seconds: float = 0.0
    commands: tuple[CommandRecord, ...] = ()


class FindingRecord(Record):
    """`line` is 1-based, in the file as it was."""

    code: str
    name: str
    path: str
    line: int
    message: str
    fingerprint: str


class FileRecord(Record):
    """`content_hash` of a file before and after; empty where it does not exist."""

    path: str
    before: str
    after: str


class TestRecord(Record):
    __test__ = False

    path: str
    source: str


class Evidence(Record):
    version: Literal[1] = 1
    made_at: datetime
    verdict: OverallVerdict
    reason: str
    """Why it is not verified, one line; empty when it is."""
    finding: FindingRecord | None
    gates: tuple[GateRecord, ...]
    seconds: float
    isolation: str
    """`bubblewrap`, `none`, or empty when mix was not run."""
    tools: Mapping[str, str]
    base_commit: str
    files: tuple[FileRecord, ...]
    patch: str
    test: TestRecord | None = None

    @property
    def id(self) -> str:
        return blake2b(self.model_dump_json().encode(), digest_size=_ID_CHARACTERS // 2).hexdigest()

    def fits(self, read: Callable[[str], bytes]) -> bool:
        """Whether the files are as this record left them. `read` raises OSError for one that is not there."""
        return all(_hash_of(read, file.path) == file.after for file in self.files)


def store(root: Path, evidence: Evidence) -> Path:
    """Keep the record, and say where. Raises OSError."""
    file = _folder(root) / f"{evidence.id}.json"
    write_whole(file, evidence.model_dump_json(indent=2).encode())
    return file


def stored(root: Path, evidence_id: str) -> Evidence | None:
    """The record of this id, or of the one that starts so; None when there is none that can be read."""
    if not evidence_id.isalnum():
        return None
    for file in sorted(_folder(root).glob(f"{evidence_id}*.json")):
        with suppress(OSError, ValidationError):
            return Evidence.model_validate_json(file.read_bytes())
    return None


def _folder(root: Path) -> Path:
    name = blake2b(os.fsencode(root.resolve()), digest_size=8).hexdigest()
    return data_folder() / "evidence" / name


def _hash_of(read: Callable[[str], bytes], path: str) -> str:
    try:
        return content_hash(read(path))
    except OSError:
        return ""
