"""Analysing many files in several processes: this one, and workers that end with it.

Parsing holds the interpreter's lock, so threads gain nothing. A worker is a plain child process
that is told what to do on its standard input and ends with that: whatever becomes of this
process, none is left behind. What becomes of a worker does not matter either: this process does
its share.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from select import select
from typing import IO

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_analyzers.engine import AnalyzeAll, analyze, read_source
from otp_genesis_analyzers.project import FileAnalysis, Project
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.worker import Task, message_bytes, read_message, write_message

WORTH_A_WORKER_BYTES = 2_000_000
"""With less source to analyse, a worker takes longer to start than it saves."""
_SHARE_BYTES = 50_000
"""How much source a worker is given at a time."""
_MOST_SHARES = 2
"""How many a worker has at a time."""
_PIPE_BYTES = 1_000_000
"""What Linux allows everybody; no share of usual files comes near it."""
WORTH_A_BACKGROUND_BYTES = 300_000
_BACKGROUND_NICENESS = 10
_BACKGROUND_SHARE_BYTES = 50_000
"""Little, since what it gave is decoded in one go, and whoever waits for the user waits as long."""


def processor_count() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(count: int) -> AnalyzeAll:
    """The `AnalyzeAll` that spreads a large project over `count` processes, this one among them."""

    def analyze_all(project: Project, paths: Sequence[str]) -> Iterator[tuple[str, FileAnalysis | None]]:
        waiting = _Waiting(project, paths)
        with ExitStack() as ending:
            workers = _started(count - 1, project, ending) if waiting.are_worth(WORTH_A_WORKER_BYTES) else []
            while True:
                own: list[Source] = []
                for worker in workers:
                    while not own and worker.has_room and (share := waiting.take(_SHARE_BYTES)):
                        if not worker.give(share):
                            own = share
                own = own or waiting.take(1)
                for source in own:
                    yield source.path, _analysis(project, source)
                busy = [worker for worker in workers if worker.shares]
                if not own and not busy:
                    break
                for worker in select(busy, [], [], 0 if own else None)[0]:
                    yield from worker.answers()
        yield from ((path, None) for path in waiting.unparsed)

    return analyze_all


def in_background(project: Project, paths: Sequence[str]) -> Iterator[tuple[str, FileAnalysis | None]]:
    """The `AnalyzeAll` that leaves a large project to one worker, which gives way to everything else.

    For a thread of a process that has a user to answer: parsing would hold the interpreter's lock.
    """
    waiting = _Waiting(project, paths)
    with ExitStack() as ending:
        workers = _started(1, project, ending) if waiting.are_worth(WORTH_A_BACKGROUND_BYTES) else []
        worker = next(iter(workers), None)
        if worker is not None:
            worker.give_way()
        while share := waiting.take(_BACKGROUND_SHARE_BYTES):
            if worker is not None and worker.give(share):
                yield from worker.answers()
            else:
                yield from ((source.path, _analysis(project, source)) for source in share)
    yield from ((path, None) for path in waiting.unparsed)


def _started(count: int, project: Project, ending: ExitStack) -> list[_Worker]:
    """Workers that end with `ending`; fewer where the system gives no more processes."""
    workers: list[_Worker] = []
    with suppress(OSError):
        for _ in range(count):
            workers.append(_Worker(project))
            ending.callback(workers[-1].end)
    return workers


def _analysis(project: Project, source: Source) -> FileAnalysis:
    return analyze(source, project.role_of(source.path), project.settings_of(source.path))


def _widened(pipe: IO[bytes]) -> int:
    """How many bytes can be written to a pipe before somebody reads, as many as the system allows up to
    `_PIPE_BYTES`; 0 where it doesn't tell."""
    try:
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    except (ImportError, AttributeError, OSError):
        return 0


class _Waiting:
    """The files still to be analysed, read when their turn comes."""

    def __init__(self, project: Project, paths: Sequence[str]) -> None:
        self.unparsed: list[str] = []
        self._project = project
        self._unread = iter(paths)
        self._read: deque[Source] = deque()

    def are_worth(self, size_bytes: int) -> bool:
        """Whether so much source is waiting."""
        first = self.take(size_bytes)
        self._read.extend(first)
        return sum(len(source.content) for source in first) >= size_bytes

    def take(self, size_bytes: int) -> list[Source]:
        """Files of at least this size together; fewer at the end."""
        taken: list[Source] = []
        while size_bytes > 0 and (source := self._next()) is not None:
            taken.append(source)
            size_bytes -= len(source.content) + 1
        return taken

    def _next(self) -> Source | None:
        if self._read:
            return self._read.popleft()
        for path in self._unread:
            source = read_source(path, self._project.read)
            if source is not None:
                return source
            self.unparsed.append(path)
        return None


class _Worker:
    """A child process that analyses one share after another."""

    def __init__(self, project: Project) -> None:
        self.shares: deque[list[Source]] = deque()
        """What it is at, and what it does next, so that it need not wait for this process."""
        self._put_off = b""
        """The last message, as long as it would wait in the pipe and block whoever writes it."""
        import subprocess  # most runs need none

        self._project = project
        self._process = subprocess.Popen(
            # -P: nothing is to be imported from the folder that this process stands in.
            [sys.executable, "-P", "-m", "otp_genesis_analyzers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # `select` does not see what lies in a buffer: a second answer
        )
        assert self._process.stdin is not None
        self._pipe_bytes = _widened(self._process.stdin)

    def fileno(self) -> int:
        """What `select` waits for."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def has_room(self) -> bool:
        return len(self.shares) < _MOST_SHARES

    def give(self, share: list[Source]) -> bool:
        """Whether the worker, which must have room, can be told to analyse these files."""
        assert self._process.stdin is not None
        try:
            message = msgspec.msgpack.encode([self._task(each) for each in share])
            if self.shares and message_bytes(message) > self._pipe_bytes:
                self._put_off = message
            else:
                write_message(self._process.stdin, message)
        except (OSError, UnicodeEncodeError):  # the worker is gone; the name of a file is no text
            return False
        self.shares.append(share)
        return True

    def answers(self) -> Iterator[tuple[str, FileAnalysis]]:
        """The analyses of its first share: the worker's, or this process's own if it is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        message, share = read_message(self._process.stdout), self.shares.popleft()
        if self._put_off:
            with suppress(OSError):  # it is gone: so will be its answer
                write_message(self._process.stdin, self._put_off)
            self._put_off = b""
        analyses = msgspec.msgpack.decode(message, type=readable(list[FileAnalysis])) if message else None
        for number, source in enumerate(share):
            yield source.path, analyses[number] if analyses else _analysis(self._project, source)

    def give_way(self) -> None:
        """Run only where nobody else wants a processor, as far as the system knows such."""
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _BACKGROUND_NICENESS)

    def end(self) -> None:
        self._process.kill()  # it has nothing to lose
        self._process.communicate()

    def _task(self, source: Source) -> Task:
        path = source.path
        return Task(path, source.content, self._project.role_of(path), self._project.settings_of(path))
