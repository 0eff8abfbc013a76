"""The client is ready: read its folders in the background."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from otp_genesis_server.lsp.server import Server

METHOD = lsp.INITIALIZED

_WRITTEN = ("**/*.{ex,exs}", "**/.otp-genesis.toml")
_DELETED = "**/*"
"""Of a folder that is deleted, clients tell no more than that."""


async def handle(ls: Server, _: lsp.InitializedParams) -> None:
    client = ls.session.features
    if client.configuration:
        ls.spawn(ls.ask_for_settings())
    else:
        ls.apply_settings()
    ls.session.open_folders(ls.session.roots)
    ls.warm_up()
    if ls.ends_with_parent:
        ls.spawn(ls.end_with_parent())
    if client.register_configuration:
        await _register(ls, lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, {"section": "otpGenesis"})
    if client.watch_files and not await _register(ls, lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, _watchers()):
        ls.session.features = replace(client, watch_files=False)
        for folder in ls.session.folders:
            ls.watch(folder)


def _watchers() -> lsp.DidChangeWatchedFilesRegistrationOptions:
    written = [lsp.FileSystemWatcher(glob_pattern=pattern) for pattern in _WRITTEN]
    deleted = lsp.FileSystemWatcher(glob_pattern=_DELETED, kind=lsp.WatchKind.Delete)
    return lsp.DidChangeWatchedFilesRegistrationOptions([*written, deleted])


async def _register(ls: Server, method: str, options: Any) -> bool:
    """Whether the client does what it offered: to tell of changes."""
    registration = lsp.Registration(id=f"otp-genesis.{method}", method=method, register_options=options)
    try:
        await ls.client_register_capability_async(lsp.RegistrationParams([registration]))
    except JsonRpcException as error:
        ls.log(f"{method}: the client answered {error}")
        return False
    return True
