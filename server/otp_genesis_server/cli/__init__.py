"""`otp-genesis`: the command line.

`otp-genesis check` runs in commit hooks and editors' task runners, so nothing is imported before
it is needed: not click for `--version` and the language server, of the subcommands only the one that
was asked for.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from otp_genesis_server import VERSION

DONE, FOUND, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141
"""Exit statuses. `FOUND`: findings at or above `--fail-on`, or a fix that waits to be written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (that of the process by default) and give its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        _silence_stdout()
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _silence_stdout()
        return BROKEN_PIPE
    except OSError as error:
        if error.filename is None:  # not a file: standard output can't take more
            _silence_stdout()
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", BAD_INPUT)
    except Exception as error:
        if os.environ.get("OTP_GENESIS_DEBUG"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(f"internal error, please report it with OTP_GENESIS_DEBUG=1: {what}", BAD_INPUT)


def _run(arguments: Sequence[str]) -> int:
    if list(arguments) == ["--version"]:
        sys.stdout.write(f"otp-genesis {VERSION}\n")
        return DONE
    if list(arguments) in (["lsp"], ["lsp", "--stdio"]):
        return _serve()
    import click

    from otp_genesis_server.cli.group import group

    for stream in (sys.stdout, sys.stderr):
        # A file's name need not be text, and a terminal need not know all of Unicode.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    colour = False if os.environ.get("NO_COLOR") else None  # None: on a terminal only
    try:
        with group.make_context("otp-genesis", list(arguments) or ["--help"], color=colour) as context:
            return group.invoke(context) or DONE
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "otp-genesis"
        message = error.format_message().rstrip(".")
        if type(error) is not click.UsageError:  # click's own words, which don't say what to do
            message += f"; see '{command} --help'"
        return _fail(message, BAD_INPUT, command)


def _serve() -> NoReturn:
    """What an editor starts and waits for: nothing is read from its command line, so click isn't needed."""
    gc.disable()  # a collection of what the protocol's types are made of takes a tenth of the start
    from otp_genesis_server.lsp.app import serve_stdio

    gc.freeze()
    gc.enable()
    serve_stdio()


def _fail(message: str, status: int, command: str = "otp-genesis") -> int:
    sys.stderr.write(f"{command}: {message}\n")
    return status


def _silence_stdout() -> None:
    """Nobody takes what is still buffered: keep the interpreter from trying again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
