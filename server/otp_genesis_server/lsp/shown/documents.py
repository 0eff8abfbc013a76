"""Documents that the server writes for the editor to open.

They are files in the user's cache folder. An editor that can shows them as documents that nobody edits, under
a scheme of their own.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from otp_genesis_refactorers.machine.user_folders import cache_folder, write_whole
from otp_genesis_server.lsp.from_lsp import file_of

SCHEME = "otp-genesis"
_READ_ONLY = frozenset({"trees", "evidence", "changes", "reports", "previews"})
"""Kinds that are only looked at. What a user may want to keep is opened as a file."""


def write_document(kind: str, root: Path, suffix: str, text: str) -> str | None:
    """The URI of a document in the user's cache folder, None when it can't be written.

    There is one for each kind (`"trees"`), project and suffix (`".md"`), so that an editor that shows it
    follows.
    """
    name = f"{root.name}-{blake2b(os.fsencode(root), digest_size=4).hexdigest()}{suffix}"
    file: Path = cache_folder() / kind / name
    try:
        write_whole(file, text.encode("utf-8", "replace"))
    except OSError:
        return None
    return file.as_uri()


def virtual(uri: str) -> str | None:
    """The URI under which a document that was written is shown where files need not be."""
    file = file_of(uri)
    if file is None or file.parent.name not in _READ_ONLY or file.parents[1] != cache_folder():
        return None
    return f"{SCHEME}:/{file.parent.name}/{quote(file.name)}"


def text_of(uri: str) -> str | None:
    """What is shown under a URI of `virtual`; None where there is nothing."""
    parts = urlsplit(uri)
    names = unquote(parts.path).strip("/").split("/")
    if parts.scheme != SCHEME or len(names) != 2 or names[0] not in _READ_ONLY or names[1] in (".", ".."):
        return None
    try:
        return (cache_folder() / names[0] / names[1]).read_text("utf-8")
    except (OSError, ValueError):
        return None
