"""The outline of a plan document: its title, its sections, its items."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL


def handle(ls: Server, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | None:
    plan = ls.plans.at(params.text_document.uri)
    if plan is None:
        return None
    from otp_genesis_server.lsp.plans.outline import Entry, outline

    encoding = ls.session.features.encoding

    def symbol(entry: Entry) -> lsp.DocumentSymbol:
        return lsp.DocumentSymbol(
            name=entry.title,
            detail=entry.detail,
            kind=lsp.SymbolKind.Event if entry.is_item else lsp.SymbolKind.Namespace,
            range=to_lsp.range_of(plan.source, entry.span, encoding),
            selection_range=to_lsp.range_of(plan.source, entry.title_span, encoding),
            children=[symbol(child) for child in entry.children],
        )

    return [symbol(entry) for entry in outline(plan)]
