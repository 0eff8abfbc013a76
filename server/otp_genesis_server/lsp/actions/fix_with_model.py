"""What a model can mend: findings that need judgement, and those whose own fix refuses.

Offered where a key is set in the environment. Nothing is sent before it is chosen and agreed to.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_refactorers.change import Refused
from otp_genesis_server.lsp import to_lsp
from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.features.commands import fix as fix_command
from otp_genesis_server.lsp.jobs.fixing import fix_of
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.connecting import Model

RANK = 20
KIND = lsp.CodeActionKind.QuickFix


class Choice(NamedTuple):
    way: str
    title: str


async def offers(ls: Server, asked: Asked) -> list[Offer]:
    in_project = asked.snapshot.project.app_of(asked.path) is not None
    if not asked.here or not in_project or not ls.session.features.apply_edit:
        return []
    models = await asyncio.to_thread(_models)
    found: list[Offer] = []
    for finding in asked.here if models else ():
        if not await _needs_judgement(ls, finding, asked.snapshot):
            continue
        choices = await asyncio.to_thread(_choices, finding, asked.snapshot)
        found += [_offer(ls, finding, asked.snapshot, model, each) for model in models for each in choices]
    return found


async def _needs_judgement(ls: Server, finding: Finding, snapshot: Snapshot) -> bool:
    if finding.fix is FixKind.LLM:
        return True
    has_own = finding.fix in (FixKind.SAFE, FixKind.UNSAFE)
    return has_own and isinstance(await fix_of(ls, finding, snapshot), Refused)


def _models() -> tuple[Model, ...]:
    """One of each provider whose key is set, the user's default first."""
    from otp_genesis_refactorers.llm.connecting import usable_models
    from otp_genesis_refactorers.llm.failures import BadSettings

    try:
        usable = usable_models()
    except BadSettings:  # whoever chooses a model is told; nobody else needs to know
        return ()
    return tuple({model.title: model for model in reversed(usable)}.values())[::-1]


def _choices(finding: Finding, snapshot: Snapshot) -> list[Choice]:
    """What can be chosen: the ways of the rule's playbook, or the one thing that there is to do."""
    from otp_genesis_refactorers.llm.playbooks import playbook_of
    from otp_genesis_refactorers.machine.toolchain import Toolchain, find_toolchain
    from otp_genesis_refactorers.plan.wording import wording

    proof = find_toolchain(snapshot.root, os.environ)
    label = "" if isinstance(proof, Toolchain) else " (not compiled, not tested)"
    playbook = playbook_of(finding, snapshot.project)
    if playbook is not None:
        return [Choice(way.name, f"{way.title}{label}") for way in playbook.ways]
    what = wording(finding.name).title.format(scope=finding.scope or finding.path, count=1)
    return [Choice("", f"{what.replace('`', '')}{label}")]


def _offer(ls: Server, finding: Finding, snapshot: Snapshot, model: Model, choice: Choice) -> Offer:
    title = f"Fix with OTP-Genesis ({model.title}): {choice.title}"
    arguments = {
        "uri": snapshot.uri(finding.path),
        "fingerprint": finding.fingerprint,
        "model": model.name,
        **({"way": choice.way} if choice.way else {}),
    }
    command = lsp.Command(title, fix_command.COMMAND, arguments=[arguments])
    client = ls.session.features
    if not client.code_action_literals:
        return command
    fixed = to_lsp.diagnostics([finding], finding.path, snapshot, client)
    return lsp.CodeAction(title, kind=KIND, diagnostics=fixed, command=command)
