"""`otpGenesis.showSupervisionTree`: the supervision forest as a document that the editor opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import attrs

from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.work.asked import chosen_folder, failed
from otp_genesis_server.lsp.work.long_work import long_work

COMMAND = "otpGenesis.showSupervisionTree"


@dataclass(frozen=True)
class ShowSupervisionTreeArguments:
    root: str | None = None
    """The URI of a workspace folder, or of anything in it; may be left out where one folder is open."""
    format: Literal["markdown", "text", "mermaid", "svg", "json"] = "markdown"
    """Of the document that is opened."""
    open: bool = True
    """False for an editor that draws the tree itself."""


@attrs.define
class ShowSupervisionTreeRequest:
    id: int | str
    method: str
    jsonrpc: str
    params: ShowSupervisionTreeArguments


REQUEST = ShowSupervisionTreeRequest


async def handle(ls: Server, arguments: ShowSupervisionTreeArguments) -> dict[str, str | None]:
    """Gives `{"root", "uri", "markdown", "svg"}`, and opens the document where the client can.

    `root` is the URI of the folder that every `data-path` of the SVG is relative to, `uri` that of
    the document in the user's cache folder, null when it can't be written there.
    """
    folder = chosen_folder(ls, arguments.root)
    async with long_work(ls, f"reading the processes of {folder.root.name}") as work:
        snapshot = await folder.checked()
        if snapshot is None:
            raise failed(f"{folder.root} could not be read")
        from otp_genesis_server.lsp.shown.supervision_tree import shown_tree

        answer = await work.run(shown_tree, snapshot, arguments.format, work.count)
    if arguments.open and answer["uri"] is not None:
        ls.open(answer["uri"])
    return answer
