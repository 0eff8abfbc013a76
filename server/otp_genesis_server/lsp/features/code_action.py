"""The fixes of the findings on the lines where the cursor or the selection is.

A fix is cheap, so it is computed here already: its title says what it will do, and one that would
be refused is not offered. Its edit is left to `codeAction/resolve` where the client can ask for it.
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_refactorers.change import Refused
from otp_genesis_server.lsp import from_lsp, to_lsp
from otp_genesis_server.lsp.client_features import ClientFeatures
from otp_genesis_server.lsp.features.commands import explain_rule
from otp_genesis_server.lsp.features.commands import fix as fix_command
from otp_genesis_server.lsp.fixing import fix_of
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.snapshot import Snapshot

METHOD = lsp.TEXT_DOCUMENT_CODE_ACTION
OPTIONS = lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix], resolve_provider=True)

Offer: TypeAlias = lsp.CodeAction | lsp.Command


async def handle(ls: Server, params: lsp.CodeActionParams) -> list[Offer] | None:
    place = ls.session.place_of(params.text_document.uri)
    snapshot = await place.folder.current() if place else None
    source = snapshot.source(place.path) if place and snapshot else None
    if place is None or snapshot is None or source is None:
        return None
    lines = from_lsp.lines_of(params.range)
    here = [
        finding
        for finding in snapshot.findings.get(place.path, ())
        if finding.severity >= ls.settings.minimum_severity
        and source.lines.line_of(finding.span.start) in lines
    ]
    offers: list[Offer] = []
    if _wanted(lsp.CodeActionKind.QuickFix, params.context):
        for offered in await asyncio.gather(
            *(_fixes(ls, finding, snapshot) for finding in here), return_exceptions=True
        ):
            if isinstance(offered, Exception):  # a bug in one fix: the others are as good as ever
                ls.report_server_error(offered, type(offered))
            elif not isinstance(offered, BaseException):
                offers += offered
    if not params.context.only:
        offers += [_explanation(finding, ls.session.features) for finding in here]
    return offers


def _wanted(kind: str, context: lsp.CodeActionContext) -> bool:
    """Kinds are a tree, written with dots: who asks for a branch wants all that grows on it."""
    return not context.only or any(only in ("", kind) or kind.startswith(f"{only}.") for only in context.only)


async def _fixes(ls: Server, finding: Finding, snapshot: Snapshot) -> list[Offer]:
    if finding.fix not in (FixKind.SAFE, FixKind.UNSAFE):
        return []
    client = ls.session.features
    outcome = await fix_of(ls, finding, snapshot)
    refused = isinstance(outcome, Refused)
    if refused and not (client.disabled_actions and client.code_action_literals):
        return []
    data = to_lsp.fix_reference(finding, snapshot)
    title = "Fix with OTP-Genesis" if refused else f"Fix with OTP-Genesis: {outcome.title}"
    if not client.code_action_literals:  # a client from before 2018
        return [lsp.Command(title, fix_command.COMMAND, arguments=[data])]
    fixed = to_lsp.diagnostics([finding], finding.path, snapshot, client)
    action = lsp.CodeAction(title, kind=lsp.CodeActionKind.QuickFix, diagnostics=fixed)
    if refused:
        action.disabled = lsp.CodeActionDisabled(outcome.reason)
        return [action]
    if client.preferred_actions:
        action.is_preferred = outcome.kind is FixKind.SAFE
    if client.resolve_edit:
        action.data = data
    else:
        action.edit = outcome.edit
    return [action]


def _explanation(finding: Finding, client: ClientFeatures) -> Offer:
    title = f"Explain {finding.code} {finding.name}"
    command = lsp.Command(title, explain_rule.COMMAND, arguments=[{"code": finding.code}])
    return lsp.CodeAction(title, command=command) if client.code_action_literals else command
