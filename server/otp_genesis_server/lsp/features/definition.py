"""From an item of the plan to the code that it is about, and from a finding in the code to its item."""

from __future__ import annotations

import asyncio

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp, to_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_DEFINITION


async def handle(ls: Server, params: lsp.DefinitionParams) -> list[lsp.Location] | None:
    uri, position = params.text_document.uri, params.position
    plan = ls.plans.at(uri)
    if plan is None:
        return await _item_of_finding(ls, uri, position)
    from otp_genesis_server.lsp.plans.places import place_on_line
    from otp_genesis_server.lsp.plans.stale_items import how_it_stands

    stands = await how_it_stands(ls, plan.root)
    place = place_on_line(plan, position.line)
    if place is None or stands is None or place.path not in stands.snapshot.project.files:
        return None
    line = await asyncio.to_thread(stands.line_now, place.path, place.line, place.about)
    at = lsp.Position(max(0, line), 0)
    return [lsp.Location(stands.snapshot.uri(place.path), lsp.Range(at, at))]


async def _item_of_finding(ls: Server, uri: str, position: lsp.Position) -> list[lsp.Location] | None:
    """Only where the cursor is on a finding: elsewhere the definition is for other servers to know."""
    place = ls.session.place_of(uri)
    snapshot = await place.folder.read() if place else None
    source = snapshot.source(place.path) if place and snapshot else None
    if place is None or snapshot is None or source is None:
        return None
    offset = from_lsp.byte_offset(source, position, ls.session.features.encoding)
    here = [
        finding
        for finding in snapshot.findings.get(place.path, ())
        if finding.span.start <= offset <= finding.span.end
    ]
    if not here:
        return None
    from otp_genesis_server.lsp.plans.stale_items import how_it_stands

    stands = await how_it_stands(ls, snapshot.root)
    found = [item for finding in here if stands and (item := stands.item_of(finding))]
    return [
        lsp.Location(
            plan.uri, to_lsp.range_of(plan.source, plan.first_line(item), ls.session.features.encoding)
        )
        for plan, item in found
    ] or None
