"""A test for the client function of a process that the cursor is in. No edit comes of it at once."""

from __future__ import annotations

import asyncio

from lsprotocol import types as lsp

from otp_genesis_server.lsp.actions import Asked, Offer
from otp_genesis_server.lsp.features.commands import generate_test
from otp_genesis_server.lsp.server import Server

RANK = 70
KIND = None


async def offers(ls: Server, asked: Asked) -> list[Offer]:
    """Only to who asks: a light bulb in every function would say nothing."""
    if asked.automatic or asked.snapshot.project.app_of(asked.path) is None:
        return []
    if (
        not ls.session.features.apply_edit
        or not asked.snapshot.project.role_of(asked.path).is_application_code
    ):
        return []
    found = await asyncio.to_thread(_function, asked)
    if found is None:
        return []
    module, function = found
    title = f"Generate ExUnit test for {module}.{function}"
    argument = {"uri": asked.snapshot.uri(asked.path), "module": module, "function": function}
    command = lsp.Command(title, generate_test.COMMAND, arguments=[argument])
    literal = ls.session.features.code_action_literals
    return [lsp.CodeAction(title, command=command) if literal else command]


def _function(asked: Asked) -> tuple[str, str] | None:
    from otp_genesis_server.lsp.jobs.testing import client_function_at

    try:
        return client_function_at(asked.snapshot.project, asked.path, asked.place)
    except OSError:  # removed meanwhile
        return None
