"""What can be done about the findings on the lines where the cursor or the selection is."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import actions, from_lsp
from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_CODE_ACTION
KINDS = (lsp.CodeActionKind.QuickFix, "source.fixAll.otpGenesis")
"""Of all actions; told to the client before any of them is loaded."""
OPTIONS = lsp.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)


async def handle(ls: Server, params: lsp.CodeActionParams) -> list[Offer] | None:
    plan = ls.plans.at(params.text_document.uri)
    if plan is not None:
        return await _of_plan(ls, plan, params)
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
    start = from_lsp.byte_offset(source, params.range.start, ls.session.features.encoding)
    asked = Asked(snapshot, place.path, here, tuple(params.context.only or ()), automatic, start, lines)
    offers: list[Offer] = []
    for action in actions.all_actions():
        if asked.wants(action.KIND) if action.KIND else not asked.only:
            offers += await action.offers(ls, asked)
    return offers


async def _of_plan(ls: Server, plan: Plan, params: lsp.CodeActionParams) -> list[Offer] | None:
    """What the lenses offer, for editors without them; a stale item is mended by a quick fix."""
    if params.context.only and lsp.CodeActionKind.QuickFix not in params.context.only:
        return None
    from otp_genesis_server.lsp.plans.choices import choices_of_document, choices_of_item
    from otp_genesis_server.lsp.plans.stale_items import how_it_stands

    item = plan.item_at(params.range.start.line)
    stands = await how_it_stands(ls, plan.root)
    choices = choices_of_item(plan, item, stands) if item else choices_of_document(plan)
    if item and stands and stands.stale(item):
        choices = choices_of_document(plan)[-1:]
    number = f" {item.step.number}" if item and item.step.number else ""
    offers: list[Offer] = []
    for title, command, argument in choices:
        shown = f"OTP-Genesis{number}: {title}"
        chosen = lsp.Command(shown, command, arguments=[argument])
        literal = ls.session.features.code_action_literals
        offers.append(
            lsp.CodeAction(shown, lsp.CodeActionKind.QuickFix, command=chosen) if literal else chosen
        )
    return offers
