"""A progress bar in the editor, for work that a person may wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

REPORT_EVERY_SECONDS = 0.1
ANSWER_WITHIN_SECONDS = 2.0
"""The work starts without a bar when the editor is too busy to make one."""

Report = Callable[[int, int], None]
"""`report(done, total)`, from any thread."""


@asynccontextmanager
async def progress(server: LanguageServer, title: str, *, supported: bool) -> AsyncGenerator[Report]:
    """Shows `title` until the block is left, however that happens; nothing where it is not supported."""
    token = str(uuid4())
    shown = supported and await _created(server, token)
    loop = asyncio.get_running_loop()
    next_report = time.monotonic()

    def send(value: object) -> None:
        if shown:
            server.progress(lsp.ProgressParams(token, value))

    def report(done: int, total: int) -> None:
        nonlocal next_report
        if shown and time.monotonic() >= next_report:
            next_report = time.monotonic() + REPORT_EVERY_SECONDS
            percentage = 100 * done // max(1, total)
            value = lsp.WorkDoneProgressReport(message=f"{done}/{total}", percentage=percentage)
            loop.call_soon_threadsafe(send, value)

    send(lsp.WorkDoneProgressBegin(title=title, percentage=0))
    try:
        yield report
    finally:
        send(lsp.WorkDoneProgressEnd())
        shown = False


async def _created(server: LanguageServer, token: str) -> bool:
    request = server.window_work_done_progress_create_async(lsp.WorkDoneProgressCreateParams(token))
    try:
        await asyncio.wait_for(request, ANSWER_WITHIN_SECONDS)
    except (JsonRpcException, TimeoutError):
        return False
    return True
