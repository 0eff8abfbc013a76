"""The text of a document that is no file: a supervision tree, a proof, a change before it is made."""

from __future__ import annotations

import asyncio

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.shown.documents import text_of

METHOD = lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT


async def handle(_: Server, params: lsp.TextDocumentContentParams) -> lsp.TextDocumentContentResult:
    text = await asyncio.to_thread(text_of, params.uri)
    if text is None:
        raise JsonRpcInvalidParams(f"there is no document {params.uri}: ask for it anew")
    return lsp.TextDocumentContentResult(text)
