"""What the argument of a command is about, and what is answered when it can't be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from otp_genesis_server.lsp.from_lsp import file_of
from otp_genesis_server.lsp.server import Server

if TYPE_CHECKING:
    from otp_genesis_server.lsp.workspace.folder import Folder


def chosen_folder(ls: Server, uri: str | None) -> Folder:
    """The mix project at `uri`, or the only one that is open. Raises JsonRpcInvalidParams."""
    folders = [folder for folder in ls.session.folders if not folder.alone]
    if uri is None:
        if not folders:
            raise JsonRpcInvalidParams("no mix project is open")
        if len(folders) > 1:
            raise JsonRpcInvalidParams("several folders are open: name one of them")
        return folders[0]
    file = file_of(uri)
    around = ls.session.folders_around(file) if file else []
    if not around or around[0].alone:
        raise JsonRpcInvalidParams(f"no mix project at {uri}: open its folder first")
    return around[0]


def failed(reason: str) -> JsonRpcException:
    return JsonRpcException(reason, code=lsp.LSPErrorCodes.RequestFailed.value)
