"""What a command does that takes long: shown in the editor, in threads, and ended when the user cancels it.

Hovers and typing are answered meanwhile. Cancelled is what the user cancels in the progress bar, the
request that is cancelled, and all that goes on when the editor leaves. CONTRIBUTING.md shows how to use it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from otp_genesis_server.lsp.work.progress import Bar, GivenUp, progress

if TYPE_CHECKING:
    from otp_genesis_server.lsp.server import Server

P = ParamSpec("P")
T = TypeVar("T")


class Work:
    """Work that goes on. All but `run` may be called in any thread."""

    def __init__(self, server: Server, bar: Bar) -> None:
        self.cancel = threading.Event()
        """Is set when nobody waits for the work any more. A thread can't be ended from outside: what
        runs in one looks at this at least every half second, or calls one of the methods below."""
        self._server = server
        self._bar = bar

    def say(self, message: str, percentage: int | None = None) -> None:
        """Show what is being done now. Raises GivenUp."""
        self.go_on()
        self._bar.say(message, percentage)

    def count(self, done: int, total: int) -> None:
        """Show how much is done, of many small steps. Raises GivenUp."""
        self.go_on()
        self._bar.count(done, total)

    def go_on(self) -> None:
        """Raises GivenUp when the work is cancelled."""
        if self.cancel.is_set():
            raise GivenUp

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` gives, called in a thread, which goes on when this is cancelled until it looks."""
        call = partial(function, *args, **kwargs)
        # Not `to_thread`: its few threads answer hovers.
        return await asyncio.get_running_loop().run_in_executor(self._server.threads, call)


@asynccontextmanager
async def long_work(ls: Server, title: str) -> AsyncGenerator[Work]:
    """Shows `title` with a progress bar while the block lasts, which is left when the user cancels it.

    Whoever asked is then told so: raises JsonRpcException.
    """
    task = asyncio.current_task()
    assert task is not None
    is_cancelled = False

    def cancel() -> None:
        nonlocal is_cancelled
        is_cancelled = True
        task.cancel()

    supported = ls.session.features.work_done_progress
    async with progress(ls, f"OTP-Genesis: {title}", supported=supported, on_cancel=cancel) as bar:
        work = Work(ls, bar)
        try:
            yield work
        except asyncio.CancelledError:
            if not is_cancelled or task.uncancel():  # not in the bar, or not there alone
                raise
            # A command that is left by a CancelledError would never be answered by pygls.
            raise JsonRpcException("cancelled", code=lsp.LSPErrorCodes.RequestCancelled.value) from None
        finally:
            work.cancel.set()
