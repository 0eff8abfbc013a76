"""The page of a finding's rule."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.features.commands import explain_rule
from otp_genesis_server.lsp.server import Server

RANK = 90
KIND = None


async def offers(ls: Server, asked: Asked) -> list[Offer]:
    rules = dict.fromkeys((finding.code, finding.name) for finding in asked.here)
    return [_explanation(code, name, ls) for code, name in rules]


def _explanation(code: str, name: str, ls: Server) -> Offer:
    title = f"Explain {code} {name}"
    command = lsp.Command(title, explain_rule.COMMAND, arguments=[{"code": code}])
    return lsp.CodeAction(title, command=command) if ls.session.features.code_action_literals else command
