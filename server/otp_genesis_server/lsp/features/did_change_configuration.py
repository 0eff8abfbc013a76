"""The user changed a setting."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp.server import Server

METHOD = lsp.WORKSPACE_DID_CHANGE_CONFIGURATION


async def handle(ls: Server, params: lsp.DidChangeConfigurationParams) -> None:
    """Clients that can be asked for settings often send none here."""
    if ls.session.features.configuration:
        await ls.ask_for_settings()
    else:
        ls.apply_settings(params.settings)
