"""A document was opened: from now on the client's text counts, not the disk's."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_DID_OPEN


def handle(ls: Server, params: lsp.DidOpenTextDocumentParams) -> None:
    document = from_lsp.opened(params.text_document)
    if document:
        ls.session.put(document)
        ls.plans.put(document)
