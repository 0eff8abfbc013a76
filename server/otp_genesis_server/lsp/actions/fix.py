"""The rule's own fix of a finding.

A fix is cheap, so it is computed when it is offered: its title says what it will do, and one that
would be refused is not offered. Its edit is left to `codeAction/resolve` where the client can ask for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_refactorers.change import Refused
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.features.commands import fix as fix_command
from otp_genesis_server.lsp.fixing import fix_now, fix_of
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.snapshot import Snapshot

RANK = 10
KIND = lsp.CodeActionKind.QuickFix


async def offers(ls: Server, asked: Asked) -> list[Offer]:
    found: list[Offer] = []
    each = (_fix(ls, finding, asked.snapshot) for finding in asked.here)
    for offer in await asyncio.gather(*each, return_exceptions=True):
        if isinstance(offer, Exception):  # a bug in one fix: the others are as good as ever
            ls.report_server_error(offer, type(offer))
        elif offer is not None and not isinstance(offer, BaseException):
            found.append(offer)
    return found


async def resolve(ls: Server, data: Mapping[str, Any]) -> lsp.WorkspaceEdit | Refused:
    outcome = await fix_now(ls, data["uri"], data.get("fingerprint", ""))
    return outcome if isinstance(outcome, Refused) else outcome.edit


async def _fix(ls: Server, finding: Finding, snapshot: Snapshot) -> Offer | None:
    if finding.fix not in (FixKind.SAFE, FixKind.UNSAFE):
        return None
    client = ls.session.features
    outcome = await fix_of(ls, finding, snapshot)
    refused = isinstance(outcome, Refused)
    if refused and not (client.disabled_actions and client.code_action_literals):
        return None
    data = to_lsp.fix_reference(finding, snapshot)
    title = "Fix with OTP-Genesis" if refused else f"Fix with OTP-Genesis: {outcome.title}"
    if not client.code_action_literals:  # a client from before 2018
        return lsp.Command(title, fix_command.COMMAND, arguments=[data])
    fixed = to_lsp.diagnostics([finding], finding.path, snapshot, client)
    action = lsp.CodeAction(title, kind=KIND, diagnostics=fixed)
    if refused:
        action.disabled = lsp.CodeActionDisabled(outcome.reason)
        return action
    if client.preferred_actions:
        action.is_preferred = outcome.kind is FixKind.SAFE
    if client.resolve_edit:
        action.data = {"action": "fix", **data}
    else:
        action.edit = outcome.edit
    return action
