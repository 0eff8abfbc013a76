"""A progress bar in the editor, for work that a person may wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

REPORT_EVERY_SECONDS = 0.1
ANSWER_WITHIN_SECONDS = 2.0
"""The work starts without a bar when the editor is too busy to make one."""


class GivenUp(Exception):
    """Ends work that nobody waits for any more."""


class Bar:
    """What stands beside the title. Both methods may be called in any thread."""

    def __init__(self, send: Callable[[lsp.WorkDoneProgressReport], None] | None) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._next_count = time.monotonic()

    def say(self, message: str, percentage: int | None = None) -> None:
        """What is being done now. Some editors only ever show the percentage, which must not fall."""
        if self._send is not None:
            report = lsp.WorkDoneProgressReport(message=message, percentage=percentage)
            self._loop.call_soon_threadsafe(self._send, report)

    def count(self, done: int, total: int) -> None:
        """For many small steps, of which not every one is shown."""
        if self._send is not None and time.monotonic() >= self._next_count:
            self._next_count = time.monotonic() + REPORT_EVERY_SECONDS
            self.say(f"{done}/{total}", 100 * done // max(1, total))


@asynccontextmanager
async def progress(
    server: LanguageServer, title: str, *, supported: bool, on_cancel: Callable[[], None] | None = None
) -> AsyncGenerator[Bar]:
    """Shows `title` until the block is left, however that happens; nothing where it is not supported.

    With `on_cancel` the user can cancel it: it is called on the event loop, once.
    """
    token = str(uuid4())
    if not (supported and await _created(server, token)):
        yield Bar(None)
        return
    shown = True

    def send(value: lsp.WorkDoneProgressBegin | lsp.WorkDoneProgressReport | lsp.WorkDoneProgressEnd) -> None:
        if shown:
            server.progress(lsp.ProgressParams(token, value))

    if on_cancel is not None:
        asked: Future[Any] = Future()
        _cancelled_by_user(server)[token] = asked
        asked.add_done_callback(lambda _: on_cancel())
    send(lsp.WorkDoneProgressBegin(title=title, percentage=0, cancellable=on_cancel is not None))
    try:
        yield Bar(send)
    finally:
        send(lsp.WorkDoneProgressEnd())
        shown = False  # a thread that is given up may still speak
        _cancelled_by_user(server).pop(token, None)


def _cancelled_by_user(server: LanguageServer) -> dict[int | str, Future[Any]]:
    """By token, what pygls cancels when the user cancels the bar. It never forgets one by itself."""
    return server.work_done_progress.tokens  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


async def _created(server: LanguageServer, token: str) -> bool:
    request = server.window_work_done_progress_create_async(lsp.WorkDoneProgressCreateParams(token))
    try:
        await asyncio.wait_for(request, ANSWER_WITHIN_SECONDS)
    except (JsonRpcException, TimeoutError):
        return False
    return True
