"""What can be done about the findings on the lines where the cursor or the selection is."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import actions, from_lsp
from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_CODE_ACTION
KINDS = (lsp.CodeActionKind.QuickFix, "source.fixAll.otpGenesis")
"""Of all actions; told to the client before any of them is loaded."""
OPTIONS = lsp.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)


async def handle(ls: Server, params: lsp.CodeActionParams) -> list[Offer] | None:
    place = ls.session.place_of(params.text_document.uri)
    snapshot = await place.folder.read() if place else None
    source = snapshot.source(place.path) if place and snapshot else None
    if place is None or snapshot is None or source is None:
        return None
    lines = from_lsp.lines_of(params.range)
    here = tuple(
        finding
        for finding in snapshot.findings.get(place.path, ())
        if finding.severity >= ls.settings.minimum_severity
        and source.lines.line_of(finding.span.start) in lines
    )
    automatic = params.context.trigger_kind == lsp.CodeActionTriggerKind.Automatic
    asked = Asked(snapshot, place.path, here, tuple(params.context.only or ()), automatic)
    offers: list[Offer] = []
    for action in actions.all_actions():
        if asked.wants(action.KIND) if action.KIND else not asked.only:
            offers += await action.offers(ls, asked)
    return offers
