"""The least that a pygls server can do: it takes full documents and answers each with no diagnostics."""

from __future__ import annotations

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer


def main() -> None:
    server = LanguageServer("empty", "1", text_document_sync_kind=lsp.TextDocumentSyncKind.Full)

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: LanguageServer, params: lsp.DidOpenTextDocumentParams) -> None:
        publish(ls, params.text_document.uri, params.text_document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: LanguageServer, params: lsp.DidChangeTextDocumentParams) -> None:
        publish(ls, params.text_document.uri, params.text_document.version)

    server.start_io()


def publish(ls: LanguageServer, uri: str, version: int) -> None:
    ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, [], version=version))


if __name__ == "__main__":
    main()
