"""Proving the project as the editor shows it, from any of its modules. No edit comes of it."""

from __future__ import annotations

import asyncio

from lsprotocol import types as lsp

from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.features.commands import verify
from otp_genesis_server.lsp.server import Server

RANK = 80
KIND = None
TITLE = "Verify this module"


async def offers(ls: Server, asked: Asked) -> list[Offer]:
    """Only to who asks, where a module begins or something is found: else every line would offer it."""
    if asked.automatic or asked.snapshot.project.app_of(asked.path) is None:
        return []
    if not (asked.here or await asyncio.to_thread(_a_module_begins, asked)):
        return []
    command = lsp.Command(TITLE, verify.COMMAND, arguments=[{"uri": asked.snapshot.uri(asked.path)}])
    literal = ls.session.features.code_action_literals
    return [lsp.CodeAction(TITLE, command=command) if literal else command]


def _a_module_begins(asked: Asked) -> bool:
    source, project = asked.snapshot.source(asked.path), asked.snapshot.project
    if source is None or asked.path not in project.files:
        return False
    modules = project.all_facts(asked.path).modules
    return any(source.lines.line_of(module.name_span.start) in asked.lines for module in modules)
