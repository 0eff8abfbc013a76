"""Who is told what is shown in a file.

A client that can pull asks for the report of an open document, and is told when to ask again; the
files that are not open it asks for all at once, or else they are pushed. Every other client is sent
all reports. No report goes both ways.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from lsprotocol import types as lsp

from otp_genesis_server.lsp.from_lsp import file_of

ASK_AGAIN_AFTER_SECONDS = 0.2
"""How long a client has to ask, by itself, for what has changed."""


class Report(NamedTuple):
    """What is shown in one file."""

    uri: str
    version: int | None
    """Of the open document; None for a file that is not open."""
    items: Sequence[lsp.Diagnostic]
    result_id: str
    """Names these items: others have another id, in this server or any."""


class Diagnostics:
    def __init__(
        self, push: Callable[[lsp.PublishDiagnosticsParams], None], ask_again: Callable[[], None]
    ) -> None:
        """`ask_again` tells the client to pull the open documents anew."""
        self.pulled = False
        """The client asks for open documents; set before the first report."""
        self._workspace_pulled = False
        self._reports: dict[Path, Report] = {}
        self._pushed: dict[Path, Report] = {}
        self._known: dict[Path, str] = {}
        """The result of each open document that the client has, or was told to ask for."""
        self._push, self._ask_again = push, ask_again
        self._asking: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._ids = (f"{uuid4().hex[:8]}-{number}" for number in count())

    def put(self, uri: str, version: int | None, items: Sequence[lsp.Diagnostic]) -> None:
        """This is shown in a file from now on, and nothing else."""
        file = file_of(uri)
        before = self._reports.get(file) if file else None
        if file is None or (before is None and version is None and not items):
            return
        same = before is not None and before.uri == uri and before.items == items
        report = Report(uri, version, items, before.result_id if before and same else next(self._ids))
        news = not same and (before is not None or items)
        self._reports[file] = report
        self._hand_out(file, report)
        if news:
            self._changed.set()
            self._changed = asyncio.Event()
            if self.pulled and self._asking is None:
                loop = asyncio.get_running_loop()
                self._asking = loop.call_later(ASK_AGAIN_AFTER_SECONDS, self._ask_for_what_is_old)

    def pull(self, uri: str) -> Report | None:
        """What the client asks for, one file; None when nothing is known of it."""
        file = file_of(uri)
        report = self._reports.get(file) if file else None
        if file and report:
            self._known[file] = report.result_id
        return report

    async def pull_all(self, previous: Mapping[str, str]) -> list[Report]:
        """What differs from what the client has: result ids by URI. Waits until something does."""
        self._workspace_pulled = True
        for file in [*self._pushed]:
            self._hand_out(file, self._reports[file])
        known = {file_of(uri): (uri, result_id) for uri, result_id in previous.items()}
        while not (news := self._news(known)):
            await self._changed.wait()
        return news

    def _news(self, known: Mapping[Path | None, tuple[str, str]]) -> list[Report]:
        news: list[Report] = []
        for file, report in self._reports.items():
            _, result_id = known.get(file, ("", ""))
            shown = report.items or result_id or self._known.get(file, report.result_id) != report.result_id
            if report.result_id != result_id and shown:
                news.append(report)
        gone = [uri for file, (uri, _) in known.items() if file not in self._reports]
        return [*news, *(Report(uri, None, [], "") for uri in gone)]

    def _hand_out(self, file: Path, report: Report) -> None:
        before = self._pushed.pop(file, None)
        if self.pulled and (report.version is not None or self._workspace_pulled):
            if before is not None:
                self._push(lsp.PublishDiagnosticsParams(before.uri, []))
            return
        if report.items:
            self._pushed[file] = report
        if report.version is not None or report.items != (before.items if before else []):
            self._push(lsp.PublishDiagnosticsParams(report.uri, report.items, version=report.version))

    def _ask_for_what_is_old(self) -> None:
        self._asking = None
        opened = {file: r.result_id for file, r in self._reports.items() if r.version is not None}
        if any(self._known.get(file) != result_id for file, result_id in opened.items()):
            self._known |= opened
            self._ask_again()
