"""Folding a plan document by its sections and items."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types as lsp

from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_FOLDING_RANGE


def handle(ls: Server, params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange] | None:
    plan = ls.plans.at(params.text_document.uri)
    if plan is None:
        return None
    from otp_genesis_server.lsp.plans.outline import Entry, outline

    lines = plan.source.lines

    def folds(entry: Entry) -> Iterator[lsp.FoldingRange]:
        first = lines.line_of(entry.span.start)
        last = lines.line_of(max(entry.span.start, entry.span.end - 1))
        if last > first:
            yield lsp.FoldingRange(start_line=first, end_line=last)
        for child in entry.children:
            yield from folds(child)

    return [fold for entry in outline(plan) for fold in folds(entry)]
