"""One run of mix, or of another program of the toolchain, on a shadow."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.machine.user_folders import cache_folder
from otp_genesis_refactorers.mix.lacks import what_it_lacked
from otp_genesis_refactorers.mix.readiness import NotReady, Ready, readiness
from otp_genesis_refactorers.mix.results import MixResult
from otp_genesis_refactorers.mix.surroundings import surroundings
from otp_genesis_refactorers.sandbox.bubblewrap import Room, wrapped
from otp_genesis_refactorers.sandbox.limits import DEFAULT_LIMITS, Limits
from otp_genesis_refactorers.sandbox.process import Ended, run_guarded
from otp_genesis_refactorers.shadow.workspace import Shadow

OnOutput = Callable[[str], None]
"""Is given what mix prints, in pieces, while it runs."""
Entries = list[dict[str, Any]]
LEAST_FREE_BYTES = 32 * 1024 * 1024
"""With less, no build can be believed."""
DEPENDENCIES_SECONDS = 15 * 60.0
"""What a run may take longer when no dependency is compiled yet."""
_REPORT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Run:
    """What is to be run, and how it may behave."""

    shown: tuple[str, ...]
    """The command line as a user would type it."""
    limits: Limits = DEFAULT_LIMITS
    on_output: OnOutput | None = None
    cancel: Event | None = None


def run(
    shadow: Shadow,
    args: Sequence[str],
    *,
    limits: Limits = DEFAULT_LIMITS,
    on_output: OnOutput | None = None,
    cancel: Event | None = None,
) -> MixResult:
    """`mix ARGS` in the shadow's root, with `MIX_ENV=test`; `cancel` ends it and all that it started."""
    asked = Run(("mix", *args), limits, on_output, cancel)
    ready = readiness(shadow.original, shadow.trusted)
    if isinstance(ready, NotReady):
        return not_run(asked, ready.reason)
    command = [str(ready.toolchain.elixir), "-S", "mix", *args]
    return execute(shadow, ready, command, asked)[0]


def own_code_folder() -> Path:
    """Where this tool's own Elixir modules are kept, compiled."""
    return cache_folder() / "elixir"


def not_run(asked: Run, reason: str) -> MixResult:
    return MixResult("not_run", None, "", "", 0.0, "none", reason, asked.shown)


def execute(
    shadow: Shadow,
    ready: Ready,
    command: Sequence[str],
    asked: Run,
    elsewhere: Path | None = None,
) -> tuple[MixResult, Entries]:
    """Run a program of the toolchain, and give what it reported by way of `OtpGenesis.Report`.

    It runs in the shadow's root and may write to the copies and the build; or `elsewhere`, in a folder
    that then is all that it may write to.
    """
    if asked.cancel is not None and asked.cancel.is_set():
        return MixResult("cancelled", None, "", "", 0.0, ready.isolation, "cancelled", asked.shown), []
    folder = elsewhere or shadow.root
    limits = asked.limits if elsewhere else _with_time_for_dependencies(shadow, asked.limits)
    try:
        places = [elsewhere] if elsewhere else _made(shadow)
        with _report_folder(shadow) as reports:
            if _is_full(reports):
                return not_run(asked, _full(shadow)), []
            report = reports / "report.jsonl"
            ended = run_guarded(
                _in_sandbox(shadow, ready, command, folder, [*places, reports]),
                folder=folder,
                environment=surroundings(shadow, ready, limits, report),
                limits=limits,
                own_namespace=ready.bubblewrap is not None,
                on_output=asked.on_output,
                cancel=asked.cancel,
            )
            result, entries = _result(ended, ready, asked), _entries(report)
            if result.status == "failed" and _is_full(reports):
                result = replace(result, status="not_run", reason=_full(shadow))
            return result, entries
    except OSError as error:
        reason = f"mix can't be started: {error.filename or 'the system'}: {error.strerror}"
        return not_run(asked, reason), []


def _result(ended: Ended, ready: Ready, asked: Run) -> MixResult:
    plain = MixResult(
        "ok", ended.exit_code, ended.stdout, ended.stderr, ended.seconds, ready.isolation, "", asked.shown
    )
    if ended.how in ("cancelled", "timed_out"):
        return replace(plain, status=ended.how, reason=ended.reason)
    if ended.how == "limit":
        return replace(plain, status="failed", reason=ended.reason)
    if ended.exit_code == 0:
        return plain
    lacked = what_it_lacked(ended, ready)
    if lacked:
        return replace(plain, status="not_run", reason=lacked)
    signal_number = (ended.exit_code or 0) - 128
    reason = f"it was ended by signal {signal_number}" if signal_number > 0 else ""
    return replace(plain, status="failed", reason=reason)


def _in_sandbox(
    shadow: Shadow, ready: Ready, command: Sequence[str], folder: Path, writable: Sequence[Path]
) -> Sequence[str]:
    if ready.bubblewrap is None:
        return command
    opened = [place for path in ready.openings.paths if (place := Path(path).expanduser()).exists()]
    room = Room(
        writable=[*writable, *opened],
        read_only=[*ready.toolchain.needed_folders, *shadow.in_place, own_code_folder()],
        network=ready.openings.network,
    )
    return wrapped(ready.bubblewrap, room, folder, command)


def _with_time_for_dependencies(shadow: Shadow, limits: Limits) -> Limits:
    """The first run compiles them, which may take long and says nothing of the project."""
    fetched = _names_in(shadow.root / "deps")
    if not fetched or fetched & _names_in(shadow.build / "lib"):
        return limits
    return replace(limits, timeout_seconds=limits.timeout_seconds + DEPENDENCIES_SECONDS)


def _names_in(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except OSError:
        return set()


def _made(shadow: Shadow) -> list[Path]:
    """The folders that mix writes to."""
    for folder in (shadow.build, shadow.folder / "home"):
        folder.mkdir(exist_ok=True)
    return [shadow.files, shadow.build]


@contextmanager
def _report_folder(shadow: Shadow) -> Generator[Path]:
    """An empty folder for one run. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix="report-", dir=shadow.folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _entries(report: Path) -> Entries:
    """What was reported. The file lay open to the project's code: only a plain one is read, up to a limit."""
    try:
        handle = os.open(report, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return []
        lines = file.read(_REPORT_BYTES).splitlines()
    entries: Entries = []
    for line in lines:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            entries.append(msgspec.json.decode(line, type=readable(dict[str, Any])))
    return entries


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < LEAST_FREE_BYTES


def _full(shadow: Shadow) -> str:
    return f"the disk that holds {shadow.folder.parent} is full: free some space there"
