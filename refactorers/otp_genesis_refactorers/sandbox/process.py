"""Running one program under limits, with an end that leaves no process behind."""

from __future__ import annotations

import codecs
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO, Literal

from otp_genesis_refactorers.sandbox import guard
from otp_genesis_refactorers.sandbox.limits import Limits
from otp_genesis_refactorers.sandbox.usage import usage_below

_LOOK_SECONDS = 0.05
"""How long a cancellation may go unseen."""
_MEASURE_SECONDS = 0.25
_END_SECONDS = 30.0
"""How long the guard may take to end everything before it is killed itself."""
_THREADS_PER_PROCESS = 32
"""The kernel counts threads, and a BEAM has a handful for each processor."""

How = Literal["itself", "cancelled", "timed_out", "limit"]


@dataclass(frozen=True)
class Ended:
    """How a program came to its end."""

    how: How
    exit_code: int | None
    """None unless it ended by itself."""
    reason: str
    """Which limit it passed; empty where it ended by itself."""
    stdout: str
    stderr: str
    seconds: float


@dataclass
class _Stream:
    """The beginning of what a program prints, as long as the limit allows."""

    limit_bytes: int
    content: bytearray = field(default_factory=bytearray)
    overflows: bool = False
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def take(self, piece: bytes) -> str:
        """Keep what fits of a piece, and give it as text."""
        kept = piece[: self.limit_bytes - len(self.content)]
        self.content += kept
        self.overflows = self.overflows or len(kept) < len(piece)
        return self.decoder.decode(kept)

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


def run_guarded(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limits: Limits,
    own_namespace: bool,
    on_output: Callable[[str], None] | None = None,
    cancel: Event | None = None,
) -> Ended:
    """Run a program in `folder` with exactly this environment, and wait for it. Raises OSError.

    Its standard input is empty. `own_namespace` says that its processes are counted apart from
    the user's, so that their number can be limited by the kernel too.
    """
    started = time.monotonic()
    ceilings = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": limits.file_bytes}
    if own_namespace:
        ceilings["RLIMIT_NPROC"] = limits.processes * _THREADS_PER_PROCESS
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, json.dumps(ceilings), *command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    out, err = _Stream(limits.output_bytes), _Stream(limits.output_bytes)
    how: How = "itself"
    reason = ""
    try:
        how, reason = _attend(process, out, err, limits, started, on_output, cancel)
    finally:
        _end(process)
    if how == "itself" and process.returncode < 0:
        how, reason = "limit", "ended: its guard was killed"
    exit_code = process.returncode if how == "itself" else None
    return Ended(how, exit_code, reason, out.text, err.text, time.monotonic() - started)


def _attend(
    process: subprocess.Popen[bytes],
    out: _Stream,
    err: _Stream,
    limits: Limits,
    started: float,
    on_output: Callable[[str], None] | None,
    cancel: Event | None,
) -> tuple[How, str]:
    """Read what the program prints until it ends, or has to be ended, and say why."""
    measured = started
    with selectors.DefaultSelector() as open_pipes:
        for pipe, stream in ((process.stdout, out), (process.stderr, err)):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            open_pipes.register(pipe, selectors.EVENT_READ, stream)
        while True:
            is_over = process.poll() is not None
            was_quiet = not _read(open_pipes, on_output)
            if is_over and was_quiet:
                return "itself", ""
            now = time.monotonic()
            if cancel is not None and cancel.is_set():
                return "cancelled", "cancelled"
            if now - started > limits.timeout_seconds:
                return "timed_out", f"ended after {limits.timeout_seconds:g} s"
            if out.overflows or err.overflows:
                return "limit", f"ended: it printed more than {_size(limits.output_bytes)}"
            if now - measured > _MEASURE_SECONDS:
                excess = _excess(process.pid, limits)
                if excess:
                    return "limit", excess
                measured = time.monotonic()


def _read(open_pipes: selectors.BaseSelector, on_output: Callable[[str], None] | None) -> bool:
    """Whether anything was printed."""
    if not open_pipes.get_map():
        time.sleep(_LOOK_SECONDS / 10)  # both pipes are closed, it is about to end
        return False
    ready = open_pipes.select(_LOOK_SECONDS)
    for key, _ in ready:
        pipe, stream = key.fileobj, key.data
        assert not isinstance(pipe, int)
        piece = os.read(pipe.fileno(), 65536)
        if not piece:
            open_pipes.unregister(pipe)
            continue
        text = stream.take(piece)
        if on_output is not None and text:
            on_output(text)
    return bool(ready)


def _excess(guard_process: int, limits: Limits) -> str:
    used = usage_below(guard_process)
    if used is None:
        return ""
    if used.processes > limits.processes:
        return f"ended: it started {used.processes} processes, more than {limits.processes}"
    if used.memory_bytes > limits.memory_bytes:
        return f"ended: it used more than {_size(limits.memory_bytes)} of memory"
    return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure that nothing runs any more. Closing its input tells the guard to end what it guards."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        _close(pipe)
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.returncode < 0:
        with suppress(ProcessLookupError, PermissionError):  # what the killed guard could not end
            os.killpg(process.pid, signal.SIGKILL)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()


def _size(size_bytes: int) -> str:
    mebibytes = size_bytes / (1024 * 1024)
    return f"{mebibytes:g} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:g} GiB"
