"""The user opened or closed a folder."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS


def handle(ls: Server, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
    ls.session.close_folders(from_lsp.roots(params.event.removed))
    ls.session.open_folders(from_lsp.roots(params.event.added))
