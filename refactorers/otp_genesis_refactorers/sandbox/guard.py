"""Stands between this tool and a program that it runs, and ends that with all it has started.

    python -I -S guard.py '{"RLIMIT_CORE": 0}' PROGRAM ARGUMENT...

Its standard input is a pipe on which nothing is ever written: the pipe closes when the tool is
done with the program or is itself killed, and the guard then kills the program and every
descendant, on Linux also those that have left its session. It does the same when the program ends,
whose exit status it passes on (128 + N for signal N). When the guard is killed, the kernel kills
the program, and the tool what is left of the guard's process group.

It is a script of its own, without imports from this package, so that it starts in the blink of an
eye; limits are set here since a process with threads can't safely run code between fork and exec.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress

_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36
_IS_LINUX = sys.platform.startswith("linux")
NOT_FOUND = 127


def main(limits: dict[str, int], command: list[str]) -> int:
    """Run the command until it ends or standard input does, and give its exit status."""
    _prctl(_SET_CHILD_SUBREAPER, 1)
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, _noted)
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        _become(command, limits, guard)
    while True:
        readable, _, _ = select.select([sys.stdin.fileno(), woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
            status = _status_of(child)
            if status is not None:
                _end_all(child)
                return status
        if sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 4096):
            _end_all(child)
            return 128 + signal.SIGKILL


def _become(command: list[str], limits: dict[str, int], guard: int) -> None:
    try:
        if not _IS_LINUX:
            os.setpgid(0, 0)
        _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != guard:  # it was killed before the line above
            os._exit(NOT_FOUND)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec keeps that
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for name, value in limits.items():
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (ceiling, ceiling))
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(NOT_FOUND)


def _noted(number: int, frame: object) -> None:
    """A handler is needed for the signal to be written to the pipe."""


def _status_of(child: int) -> int | None:
    """The exit status of the child, None while it runs. Orphans that came to us are reaped on the way."""
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if process == 0:
            return None
        if process == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end_all(child: int) -> None:
    """Kill every descendant. On Linux orphans become our children, elsewhere they share a group."""
    if not _IS_LINUX:
        with suppress(OSError):
            os.killpg(child, signal.SIGKILL)
    while True:
        for process in _children():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    if not _IS_LINUX:
        return []
    own = str(os.getpid())
    found: list[int] = []
    for folder in os.scandir("/proc"):
        if folder.name.isdigit():
            with suppress(OSError, IndexError), open(f"{folder.path}/stat", errors="replace") as stat:  # noqa: PTH123
                if stat.read().rpartition(")")[2].split()[1] == own:
                    found.append(int(folder.name))
    return found


def _prctl(option: int, value: int) -> None:
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
