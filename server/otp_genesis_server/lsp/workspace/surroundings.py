"""What a folder needs of the server around it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from otp_genesis_analyzers.findings import Finding
    from otp_genesis_server.lsp.settings import Settings
    from otp_genesis_server.lsp.workspace.snapshot import Snapshot


class Surroundings(Protocol):
    @property
    def settings(self) -> Settings: ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run in the background; an exception is reported."""
        ...

    def publish(self, snapshot: Snapshot, path: str, findings: tuple[Finding, ...]) -> None:
        """Show these findings, perhaps none, in one file, and no others."""
        ...

    def log(self, message: str) -> None: ...

    def warn(self, message: str) -> None:
        """Tell the user what they can set right."""
        ...
