"""A document was saved: some files say what the project is, and are read from disk."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_DID_SAVE


def handle(ls: Server, params: lsp.DidSaveTextDocumentParams) -> None:
    file = from_lsp.file_of(params.text_document.uri)
    if file:
        ls.session.saved(file)
