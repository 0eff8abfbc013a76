"""To which providers the user lets code of which folders be sent.

A consent is a file of the user's data folder, never of the project. It holds for the real path of one
folder and for one provider at one host: another address is asked for anew.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.machine.user_folders import data_folder, write_whole


class _Consent(msgspec.Struct):
    folder: bytes
    """A path need not be text."""
    provider: str
    host: str
    since: datetime


def is_given(root: Path, provider: str, host: str) -> bool:
    """Whether the user has agreed to it for this very folder."""
    folder = os.fsencode(root.resolve())
    try:
        kept = msgspec.json.decode(_file_of(folder, provider, host).read_bytes(), type=readable(_Consent))
    except (OSError, ValueError):  # what can't be read was not agreed to
        return False
    return (kept.folder, kept.provider, kept.host) == (folder, provider, host)


def give(root: Path, provider: str, host: str) -> None:
    """Remember that the user agrees. Raises OSError."""
    folder = os.fsencode(root.resolve())
    write_whole(
        _file_of(folder, provider, host),
        msgspec.json.encode(_Consent(folder, provider, host, datetime.now(UTC))),
    )


def _file_of(folder: bytes, provider: str, host: str) -> Path:
    digest = blake2b(b"\0".join((folder, provider.encode(), host.encode())), digest_size=16).hexdigest()
    return data_folder() / "model-consent" / f"{digest}.json"
