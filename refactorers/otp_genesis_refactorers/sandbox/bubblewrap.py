"""Namespaces of its own for a program, through bubblewrap: it sees what it is given, and nothing else.

All that it starts lives in one process namespace and dies with it. It has no network unless the
user's configuration says so, no file of the user but the copy of the project, no capability, and
nothing to read from a terminal. The environment is left to whoever starts bubblewrap: with
`--clearenv` its own would still be readable in `/proc/1/environ`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HOME = "/tmp/home"
"""The home folder in the sandbox: empty, gone with it."""
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
_SETTINGS = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/ca-certificates",
)
_NETWORK_SETTINGS = ("/etc/resolv.conf", "/etc/services", "/etc/protocols")
_ALONE = (
    "--unshare-user",
    "--unshare-all",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
)
_PROBE_SECONDS = 10.0


@dataclass(frozen=True)
class Bubblewrap:
    """A bubblewrap that works here."""

    program: str
    options: tuple[str, ...]
    """Those of its options that this system allows."""
    version: str


@dataclass(frozen=True)
class NoBubblewrap:
    reason: str
    """One line."""


@dataclass(frozen=True)
class Room:
    """What a program in the sandbox finds."""

    writable: Sequence[Path] = ()
    read_only: Sequence[Path] = ()
    network: bool = False
    memory_bytes: int = 512 * 1024 * 1024
    """Of its temporary folder."""


def find_bubblewrap(environment: Mapping[str, str]) -> Bubblewrap | NoBubblewrap:
    """The bubblewrap of this system, if it works: it is tried, once for each place where it is found."""
    program = shutil.which("bwrap", path=environment.get("PATH"))
    if program is None:
        return NoBubblewrap("bubblewrap is not installed (Linux only; package 'bubblewrap')")
    return _tried(program)


def wrapped(bubblewrap: Bubblewrap, room: Room, folder: Path, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` in `folder` with nothing but what is in the room."""
    line = [bubblewrap.program, *bubblewrap.options]
    if room.network:
        line.append("--share-net")
    size = ("--size", str(room.memory_bytes))
    line += ["--proc", "/proc", "--dev", "/dev", *size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    line += [*size, "--tmpfs", "/tmp", "--dir", HOME]
    for path in (*_SYSTEM, *_SETTINGS, *(_NETWORK_SETTINGS if room.network else ()), *room.read_only):
        line += ["--ro-bind-try", str(path), str(path)]
    for path in room.writable:
        line += ["--bind", str(path), str(path)]
    return [*line, "--remount-ro", "/", "--chdir", str(folder), "--", *command]


@cache
def _tried(program: str) -> Bubblewrap | NoBubblewrap:
    version = _output([program, "--version"])
    if isinstance(version, NoBubblewrap):
        return version
    failure = NoBubblewrap("")
    for options in ((*_ALONE, "--disable-userns"), _ALONE):  # older than 0.8 it doesn't know the last
        found = Bubblewrap(program, options, version.removeprefix("bubblewrap").strip())
        answer = _output(wrapped(found, Room(), Path("/"), ["true"]))
        if not isinstance(answer, NoBubblewrap):
            return found
        failure = answer
    return NoBubblewrap(f"bubblewrap does not work here: {failure.reason}")


def _output(command: Sequence[str]) -> str | NoBubblewrap:
    try:
        done = subprocess.run(
            command,
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return NoBubblewrap(" ".join(str(error).split()))
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").split()
        return NoBubblewrap(" ".join(words) or f"exit status {done.returncode}")
    return done.stdout.decode("utf-8", "replace").strip()
