"""A document was typed in."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_DID_CHANGE


def handle(ls: Server, params: lsp.DidChangeTextDocumentParams) -> None:
    document = from_lsp.changed(params)
    if document:
        ls.session.put(document)
        ls.plans.put(document)
