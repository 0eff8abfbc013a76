"""A document was closed: what the disk holds counts again."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_DID_CLOSE


def handle(ls: Server, params: lsp.DidCloseTextDocumentParams) -> None:
    file = from_lsp.file_of(params.text_document.uri)
    if file:
        ls.session.close(file)
        ls.plans.close(file)
