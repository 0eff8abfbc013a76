"""Running `otp-genesis`: most often in this process, and the real command where the process matters."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from otp_genesis_server.cli import main
from tests.example_project import DEFAULT_APPLICATION, DEFAULT_MIX

COMMAND = Path(sys.executable).with_name("otp-genesis")


class Ran(NamedTuple):
    status: int
    out: str
    err: str


def run(*arguments: str | Path, at: Path, stdin: bytes = b"") -> Ran:
    """One command line, in the folder `at`. An internal error is raised, not worded."""
    out, err = _stream(), _stream()
    debug = mock.patch.dict(os.environ, {"OTP_GENESIS_DEBUG": "1"})
    given = mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    with chdir(at), redirect_stdout(out), redirect_stderr(err), debug, given:
        status = main([str(argument) for argument in arguments])
    return Ran(status, _text(out), _text(err))


def run_command(
    *arguments: str | Path, at: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The installed console script in a process of its own."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=at,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """The files below `root`, and the root."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def write_shop(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """A mix project of an application without children, with these files in it."""
    return write(root, {"mix.exs": DEFAULT_MIX, "lib/shop/application.ex": DEFAULT_APPLICATION, **files})


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    content = stream.buffer.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    return content.decode()
