"""A folder that is typed in, and what it says: the server without its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from otp_genesis_analyzers.findings import Finding
from otp_genesis_server.lsp.settings import Settings
from otp_genesis_server.lsp.workspace.folder import Folder
from otp_genesis_server.lsp.workspace.snapshot import Document, Snapshot

SECONDS = 20.0


class Shown(NamedTuple):
    path: str
    version: int | None
    codes: list[str]


class Desk:
    """A folder, and what it says to the server around it."""

    def __init__(self, root: Path, **options: bool) -> None:
        self.shown: list[Shown] = []
        self.said: list[str] = []
        self.failures: list[BaseException] = []
        self.settings = Settings()
        self.folder = Folder(root, self, **options)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._finished)
        return task

    def publish(self, snapshot: Snapshot, path: str, findings: tuple[Finding, ...]) -> None:
        codes = [finding.code for finding in findings]
        self.shown.append(Shown(path, snapshot.version(path), codes))

    def log(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.said.append(message)

    def type(self, path: str, text: str, version: int = 1) -> None:
        file = self.folder.root / path
        self.folder.put(path, Document(file.as_uri(), file, version, text.encode()))

    async def load(self) -> None:
        await self.folder.load(lambda _done, _total: None)

    async def is_shown(self, path: str, version: int) -> None:
        """Waits for the first that is shown of a version."""
        async with asyncio.timeout(SECONDS):
            while not any((shown.path, shown.version) == (path, version) for shown in self.shown):
                await asyncio.sleep(0.001)

    async def settled(self) -> Snapshot:
        """Once all rules have seen everything."""
        snapshot = await self.folder.checked()
        assert snapshot is not None
        assert self.failures == []
        return snapshot

    async def codes(self) -> dict[str, list[str]]:
        findings = (await self.settled()).findings
        return {path: [finding.code for finding in found] for path, found in findings.items()}

    def last_shown(self) -> dict[str, list[str]]:
        """What a person sees at the end."""
        last = {shown.path: shown.codes for shown in self.shown}
        return {path: codes for path, codes in last.items() if codes}

    def _finished(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error:
            self.failures.append(error)
