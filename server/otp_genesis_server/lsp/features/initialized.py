"""The client is ready: read its folders in the background."""

from __future__ import annotations

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from otp_genesis_server.lsp.server import Server

METHOD = lsp.INITIALIZED

_WATCHED = ("**/*.{ex,exs}", "**/.otp-genesis.toml")


async def handle(ls: Server, _: lsp.InitializedParams) -> None:
    ls.session.open_folders(ls.session.roots)
    ls.warm_up()
    if ls.ends_with_parent:
        ls.spawn(ls.end_with_parent())
    if ls.session.features.watch_files:
        await _watch_files(ls)


async def _watch_files(ls: Server) -> None:
    watchers = [lsp.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
    registration = lsp.Registration(
        id="otp-genesis.files",
        method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES,
        register_options=lsp.DidChangeWatchedFilesRegistrationOptions(watchers),
    )
    try:
        await ls.client_register_capability_async(lsp.RegistrationParams([registration]))
    except JsonRpcException as error:
        ls.log(f"files changed by other programs are not noticed: the client answered {error}")
