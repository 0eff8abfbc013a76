"""The client is about to leave: whatever still runs is in vain."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp.server import Server

METHOD = lsp.SHUTDOWN


def handle(ls: Server, *_: None) -> None:
    ls.stopping.set()
