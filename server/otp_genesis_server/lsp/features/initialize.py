"""The client said who it is and what it has opened. Nothing is read yet: it waits for the answer."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.INITIALIZE


def handle(ls: Server, params: lsp.InitializeParams) -> None:
    ls.session.roots = from_lsp.folders_of(params)
    ls.session.first_settings = params.initialization_options
