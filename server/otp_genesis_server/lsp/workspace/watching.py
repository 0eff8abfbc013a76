"""Files that other programs change, for clients that don't tell: another branch, a formatter, a generator.

Each folder is watched by itself, so that what is never looked at (`deps`, `_build`, `node_modules`)
costs no watch and wakes nobody.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from otp_genesis_analyzers.config import CONFIG_NAME
from otp_genesis_analyzers.discovery import SUFFIXES, is_ignored

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

QUIET_MILLISECONDS = 100
"""Changes that follow each other faster belong together: a checkout, a formatter's run."""
LONGEST_MILLISECONDS = 2_000


class NotWatched(Exception):
    """Says why not, in the system's words."""


async def changes_below(root: Path) -> AsyncGenerator[list[Path]]:
    """Elixir files and configurations that were written, made or deleted, and folders that came or went.

    Ends when the folder is gone. Raises `NotWatched` when the system can't do that.
    """
    # A thread of its own: those of the loop are for work that ends.
    loop, thread, stop = asyncio.get_running_loop(), ThreadPoolExecutor(1, "watch"), threading.Event()
    try:
        watch = await loop.run_in_executor(thread, _Watch, root)
        while changes := await loop.run_in_executor(thread, watch.changes, stop):
            yield changes
    except (OSError, RuntimeError) as error:  # the second is what the library knows no better word for
        raise NotWatched(str(error)) from error
    finally:
        stop.set()
        thread.shutdown(wait=False)


class _Watch:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders, self._notify = _started(root)

    def changes(self, stop: threading.Event) -> list[Path]:
        """Waits for the next ones. None at all when it was stopped or the folder is gone."""
        while self._folders:
            changes = self._notify.watch(LONGEST_MILLISECONDS, QUIET_MILLISECONDS, 0, stop)
            if isinstance(changes, str):
                break
            changed = {path for _, path in changes}
            folders = {path for path in changed if path in self._folders or Path(path).is_dir()}
            if folders:
                came_or_went, left = self._follow()
                folders |= came_or_went
                changed |= left
            files = {path for path in changed if path.endswith(SUFFIXES) or Path(path).name == CONFIG_NAME}
            if files or folders:
                return [Path(path) for path in sorted(files | folders)]
        return []

    def _follow(self) -> tuple[frozenset[str], set[str]]:
        """Watch the folders that are there now. Gives those that came or went, and what changed meanwhile."""
        folders, notify = _started(self._root)
        left = self._notify.watch(1, 1, 1, None)  # of the old one, which stayed until the new one was there
        self._notify.close()
        before, self._folders, self._notify = self._folders, folders, notify
        return before ^ folders, set() if isinstance(left, str) else {path for _, path in left}


def _started(root: Path) -> tuple[frozenset[str], RustNotify]:
    """The folders, and what watches exactly these: none came or went while it was started."""
    # Not at the top: most clients watch for us, and it would keep them waiting for `initialize`.
    from watchfiles._rust_notify import RustNotify

    while True:
        folders = _folders_below(root)
        try:
            notify = RustNotify(
                sorted(folders),
                debug=False,
                force_polling=False,
                poll_delay_ms=300,
                recursive=False,
                ignore_permission_denied=True,
            )
        except FileNotFoundError:
            continue
        if _folders_below(root) == folders:
            return folders, notify
        notify.close()


def _folders_below(root: Path) -> frozenset[str]:
    """Those in which a file could be looked at, `root` among them."""
    found: list[str] = []
    for folder, names, _ in os.walk(root):
        found.append(folder)
        names[:] = [name for name in names if not is_ignored(f"{name}/")]
    return frozenset(found)
