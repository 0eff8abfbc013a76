"""What can be done with each item of a plan document, above the item."""

from __future__ import annotations

import asyncio

from lsprotocol import types as lsp

from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_CODE_LENS


async def handle(ls: Server, params: lsp.CodeLensParams) -> list[lsp.CodeLens] | None:
    plan = ls.plans.at(params.text_document.uri)
    if plan is None:
        return None
    from otp_genesis_server.lsp.plans.choices import choices_of_document, choices_of_item
    from otp_genesis_server.lsp.plans.stale_items import how_it_stands

    stands = await how_it_stands(ls, plan.root)
    encoding = ls.session.features.encoding

    def lenses() -> list[lsp.CodeLens]:
        shown = [(plan.span(0, 0), choice) for choice in choices_of_document(plan)]
        for item in plan.parsed.items:
            shown += [(plan.first_line(item), choice) for choice in choices_of_item(plan, item, stands)]
        return [
            lsp.CodeLens(
                to_lsp.range_of(plan.source, span, encoding),
                lsp.Command(choice.title, choice.command, arguments=[choice.argument]),
            )
            for span, choice in shown
        ]

    return await asyncio.to_thread(lenses)
