"""What a finding or an item of the plan is about, and who supervises a process, under the cursor."""

from __future__ import annotations

import asyncio

from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.rules import find_rule
from otp_genesis_analyzers.rules.page import section
from otp_genesis_server.lsp import from_lsp, to_lsp
from otp_genesis_server.lsp.plans.open_plans import Plan
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_HOVER

_SECTIONS = ("Why it matters on the BEAM", "Use instead")


async def handle(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
    plan = ls.plans.at(params.text_document.uri)
    if plan is not None:
        return await _of_plan(ls, plan, params.position.line)
    place = ls.session.place_of(params.text_document.uri)
    snapshot = await place.folder.read() if place else None
    source = snapshot.source(place.path) if place and snapshot else None
    if place is None or snapshot is None or source is None:
        return None
    client = ls.session.features
    offset = from_lsp.byte_offset(source, params.position, client.encoding)
    here = [
        finding
        for finding in snapshot.findings.get(place.path, ())
        if finding.severity >= ls.settings.minimum_severity
        and finding.span.start <= offset <= finding.span.end
    ]
    parts = [(_text(finding), finding.span) for finding in here]
    # Not at the top, as in other handlers: what no client has asked for yet must not delay `initialize`.
    from otp_genesis_server.lsp.shown.supervision_hover import supervision_at

    supervision = await asyncio.to_thread(supervision_at, snapshot, source, offset)
    if supervision is not None:
        parts.append(supervision)
    if not parts:
        return None
    return to_lsp.hover("\n\n---\n\n".join(text for text, _ in parts), source, parts[0][1], client)


async def _of_plan(ls: Server, plan: Plan, line: int) -> lsp.Hover | None:
    from otp_genesis_server.lsp.plans.hovers import about_item
    from otp_genesis_server.lsp.plans.stale_items import how_it_stands

    item = plan.item_at(line)
    stands = await how_it_stands(ls, plan.root) if item else None
    if item is None or stands is None:
        return None
    text = await asyncio.to_thread(about_item, item, stands)
    return to_lsp.hover(text, plan.source, plan.first_line(item), ls.session.features) if text else None


def _text(finding: Finding) -> str:
    parts = [f"**{finding.code}** {finding.name} · {finding.severity.label}", finding.message]
    rule = find_rule(finding.code)
    if rule is not None:
        parts += [f"### {heading}\n{section(rule, heading)}" for heading in _SECTIONS]
    return "\n\n".join(parts)
