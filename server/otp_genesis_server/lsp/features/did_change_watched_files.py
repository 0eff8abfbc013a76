"""Files changed on disk: another branch, a formatter, a generator. `initialized` asks to be told."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES


def handle(ls: Server, params: lsp.DidChangeWatchedFilesParams) -> None:
    files = (from_lsp.file_of(change.uri) for change in params.changes)
    ls.session.files_changed([file for file in files if file])
