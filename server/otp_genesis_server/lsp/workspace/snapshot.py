"""A workspace folder at one moment: what handlers and threads work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Document:
    """An open document: the client's own text, under the client's own name for it."""

    uri: str
    file: Path
    version: int
    content: bytes


@dataclass(frozen=True)
class Snapshot:
    """Paths are relative to `root`, with `/`. Every finding fits the text that `source` gives."""

    root: Path
    project: Project
    findings: Mapping[str, tuple[Finding, ...]]
    documents: Mapping[str, Document]
    """The open ones."""

    def source(self, path: str) -> Source | None:
        """The text of a file as the client has or would open it; None when it can't be read."""
        try:
            return Source(path, self.project.read(path))
        except OSError:
            return None

    def uri(self, path: str) -> str:
        document = self.documents.get(path)
        return document.uri if document else (self.root / path).as_uri()

    def version(self, path: str) -> int | None:
        document = self.documents.get(path)
        return document.version if document else None

    def find(self, fingerprint: str) -> Finding | None:
        for findings in self.findings.values():
            for finding in findings:
                if finding.fingerprint == fingerprint:
                    return finding
        return None


def reader(root: Path, documents: Mapping[str, Document]) -> Callable[[str], bytes]:
    """Reads open documents as they are now, other files from disk. What it gives raises OSError.

    Editors keep a byte order mark to themselves, so that it must not count in positions.
    """
    contents = {path: document.content for path, document in documents.items()}

    def read(path: str) -> bytes:
        content = contents.get(path)
        return (root / path).read_bytes().removeprefix(_BYTE_ORDER_MARK) if content is None else content

    return read
