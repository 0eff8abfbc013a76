"""The rule's own fix of a finding.

A fix is cheap, so it is computed when it is offered: its title says what it will do, and one that
would be refused is not offered. Its edit is left to `codeAction/resolve` where the client can ask for it.
After the fixes stands each of them again, to be proved by mix before it is applied.
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
from otp_genesis_server.lsp.features.commands import verify
from otp_genesis_server.lsp.jobs.fixing import fix_now, fix_of
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

RANK = 10
KIND = lsp.CodeActionKind.QuickFix


async def offers(ls: Server, asked: Asked) -> list[Offer]:
    found: list[tuple[Offer, Offer | None]] = []
    each = (_fix(ls, finding, asked.snapshot) for finding in asked.here)
    for offer in await asyncio.gather(*each, return_exceptions=True):
        if isinstance(offer, Exception):  # a bug in one fix: the others are as good as ever
            ls.report_server_error(offer, type(offer))
        elif offer is not None and not isinstance(offer, BaseException):
            found.append(offer)
    return [*(fix for fix, _ in found), *(proof for _, proof in found if proof)]


async def resolve(ls: Server, data: Mapping[str, Any]) -> lsp.WorkspaceEdit | Refused:
    outcome = await fix_now(
        ls, data["uri"], data.get("fingerprint", ""), data.get("code", ""), data.get("scope", "")
    )
    return outcome if isinstance(outcome, Refused) else outcome.edit


async def _fix(ls: Server, finding: Finding, snapshot: Snapshot) -> tuple[Offer, Offer | None] | None:
    """The fix, and the same to be proved first."""
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
        return lsp.Command(title, fix_command.COMMAND, arguments=[data]), None
    fixed = to_lsp.diagnostics([finding], finding.path, snapshot, client)
    action = lsp.CodeAction(title, kind=KIND, diagnostics=fixed)
    if refused:
        action.disabled = lsp.CodeActionDisabled(outcome.reason)
        return action, None
    if client.preferred_actions:
        action.is_preferred = outcome.kind is FixKind.SAFE
    if client.resolve_edit:
        action.data = to_lsp.action_data("fix", finding, snapshot)
    else:
        action.edit = outcome.edit
    in_project = snapshot.project.app_of(finding.path) is not None
    return action, _to_be_proved(outcome.title, data, fixed) if in_project and client.apply_edit else None


def _to_be_proved(what: str, data: Mapping[str, Any], fixed: list[lsp.Diagnostic]) -> lsp.CodeAction:
    title = f"Fix and verify with OTP-Genesis: {what}"
    arguments = [{"uri": data["uri"], "fingerprint": data["fingerprint"]}]
    command = lsp.Command(title, verify.COMMAND, arguments=arguments)
    return lsp.CodeAction(title, kind=KIND, diagnostics=fixed, command=command)
