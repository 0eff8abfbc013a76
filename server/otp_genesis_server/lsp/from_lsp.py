"""Protocol types as core data. With `to_lsp`, the only place where the two meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from lsprotocol import types as lsp
from pygls import uris

from otp_genesis_analyzers.source import Encoding, Source
from otp_genesis_server.lsp.workspace.snapshot import Document


def file_of(uri: str) -> Path | None:
    """The file that a URI names; None for other than files: an unsaved buffer, a page of a server."""
    path = uris.to_fs_path(uri)
    return Path(path) if path else None


def opened(item: lsp.TextDocumentItem) -> Document | None:
    return _document(item.uri, item.version, item.text)


def changed(params: lsp.DidChangeTextDocumentParams) -> Document | None:
    """The newest of the texts, each of which is the whole document; None when there is none."""
    if not params.content_changes:
        return None
    document = params.text_document
    return _document(document.uri, document.version, params.content_changes[-1].text)


def folders_of(params: lsp.InitializeParams) -> list[Path]:
    """The folders that the client has opened, perhaps none."""
    if params.workspace_folders:
        return roots(params.workspace_folders)
    root = file_of(params.root_uri) if params.root_uri else None
    root = root or (Path(params.root_path) if params.root_path else None)
    return [root] if root else []


def roots(folders: Iterable[lsp.WorkspaceFolder]) -> list[Path]:
    return [root for folder in folders if (root := file_of(folder.uri))]


def lines_of(place: lsp.Range) -> range:
    """The lines that a selection touches; one that ends before the first column of a line leaves it out."""
    last = place.end.line
    if place.end.character == 0 and last > place.start.line:
        last -= 1
    return range(place.start.line, last + 1)


def byte_offset(source: Source, position: lsp.Position, encoding: Encoding) -> int:
    return source.lines.offset(position.line, position.character, encoding)


def action_data(data: Any) -> Mapping[str, Any] | None:
    """What `codeAction/resolve` needs to know again; None for an action that needs no resolving."""
    match data:
        case {"action": str(), "uri": str()}:
            return cast("Mapping[str, Any]", data)
        case _:
            return None


def _document(uri: str, version: int, text: str) -> Document | None:
    file = file_of(uri)
    # A half of a surrogate pair is not text; what stands for it is as wide in UTF-16.
    return Document(uri, file, version, text.encode("utf-8", "replace")) if file else None
