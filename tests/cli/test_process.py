"""The command as a process: its start, its streams, its end, whatever happens."""

from __future__ import annotations

import errno
import os
import pty
import re
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_server.cli import main
from tests.cli.command_line import COMMAND, run, run_command, write_shop

SPAWN = "defmodule Shop.Mail do\n  def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)\nend\n"
# What is found in it doesn't fit into a pipe that nobody reads.
MANY_SPAWNS = (
    "defmodule Shop.Mail do\n" + "  def go, do: spawn(fn -> Shop.Smtp.deliver(mail()) end)\n" * 400 + "end\n"
)


def test_version(tmp_path: Path) -> None:
    ran = run_command("--version", at=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (
        0,
        f"otp-genesis {version('otp-genesis')}\n".encode(),
        b"",
    )


def test_a_check_by_the_installed_command(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    ran = run_command("check", "--fail-on", "hint", at=tmp_path)
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert ran.stdout.startswith(b"lib/a.ex:2:23 note OTP101 ")


def test_help_lists_every_subcommand_with_its_summary(tmp_path: Path) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        ran = run(*arguments, at=tmp_path)
        assert (ran.status, ran.err) == (0, "")
        listed = re.findall(r"^  (\w+)  +(\S.*)\.$", ran.out, re.MULTILINE)
        assert [name for name, _ in listed] == SUBCOMMANDS


SUBCOMMANDS = sorted(
    file.stem for file in (Path(str(main.__code__.co_filename)).parent / "commands").glob("[a-z]*.py")
)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_help_of_a_subcommand_holds_an_example(tmp_path: Path, name: str) -> None:
    ran = run(name, "--help", at=tmp_path)
    assert ran.status == 0
    assert re.search(rf"Examples?:\n    otp-genesis {name}", ran.out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chek"], "otp-genesis: no command 'chek'; did you mean 'check'?; 'otp-genesis --help' lists them"),
        (["--zzz"], "otp-genesis: No such option '--zzz'; see 'otp-genesis --help'"),
        (["explain"], "otp-genesis explain: Missing argument 'RULE'; see 'otp-genesis explain --help'"),
        (
            ["lsp", "--tcp", "9257"],
            "otp-genesis lsp: --tcp takes HOST:PORT such as 127.0.0.1:9257, not '9257'",
        ),
        (["lsp", "--tcp", "a:b"], "otp-genesis lsp: --tcp takes HOST:PORT such as 127.0.0.1:9257, not 'a:b'"),
        (["lsp", "--tcp", ":1", "--stdio"], "otp-genesis lsp: give --stdio or --tcp, not both"),
    ],
)
def test_usage_errors_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    assert run(*arguments, at=tmp_path) == (2, "", message + "\n")


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": MANY_SPAWNS})
    ran = subprocess.run(
        f"'{COMMAND}' check | head -n 1",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.stdout.startswith(b"lib/a.ex:2:15 ")
    assert ran.stderr == b""


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [COMMAND, "check"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (ran.returncode, ran.stderr) == (2, b"otp-genesis: No space left on device\n")


def test_an_interrupt_is_one_line(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": MANY_SPAWNS})
    running = subprocess.Popen(
        [COMMAND, "check", "--format", "json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    assert running.stdout.read(1) == b"{"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (130, b"otp-genesis: interrupted\n")


def test_an_internal_error_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    write_shop(tmp_path, {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OTP_GENESIS_DEBUG", raising=False)
    monkeypatch.setattr(engine, "check", broken)
    assert main(["check"]) == 2
    assert capsys.readouterr() == (
        "",
        "otp-genesis: internal error, please report it with OTP_GENESIS_DEBUG=1: RuntimeError: two lines\n",
    )
    monkeypatch.setenv("OTP_GENESIS_DEBUG", "1")
    with pytest.raises(RuntimeError):
        main(["check"])


def broken(*_: object) -> None:
    raise RuntimeError("two\nlines")


def test_colours_and_progress_only_on_a_terminal(tmp_path: Path) -> None:
    table = (
        "defmodule Shop.Table do\n  def rows do\n    [\n"
        + "      {1, :gold, [2]},\n" * 60_000
        + "    ]\n  end\n\n  def fill, do: spawn(&Shop.Shelf.fill/0)\nend\n"
    )
    write_shop(tmp_path, {"lib/a.ex": SPAWN, "lib/b.ex": table, "lib/c.ex": SPAWN})
    shown = on_terminal("check", at=tmp_path)
    assert "\x1b[1mlib/a.ex:2:23\x1b[0m \x1b[34m\x1b[1mnote\x1b[0m OTP101" in shown
    assert re.search(r"\rreading \d/5", shown)
    plain = run_command("check", at=tmp_path)
    assert b"\x1b" not in plain.stdout
    assert plain.stderr == b""


def test_no_color_is_honoured(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": SPAWN})
    assert "\x1b[" not in on_terminal("check", at=tmp_path, NO_COLOR="1")


def on_terminal(*arguments: str, at: Path, **environment: str) -> str:
    """What a command shows on a terminal that both its outputs are."""
    ours, its = pty.openpty()
    try:
        subprocess.run(
            [COMMAND, *arguments],
            cwd=at,
            env={**os.environ, "TERM": "xterm", **environment},
            stdout=its,
            stderr=its,
            check=False,
            timeout=60,
        )
    finally:
        os.close(its)
    chunks: list[bytes] = []
    try:
        while chunk := os.read(ours, 65536):
            chunks.append(chunk)
    except OSError as error:
        assert error.errno == errno.EIO  # how a terminal says that nobody is at its other end
    os.close(ours)
    return b"".join(chunks).decode()
