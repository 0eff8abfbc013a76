"""The server ends while mix runs for it: nothing of that goes on, and nothing of the user's is changed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lsp.shop import write_shop
from tests.lsp.test_process import Wire, server
from tests.lsp.test_verify import TEST, TESTED
from tests.mix.processes import awaited, processes_with
from tests.mix.projects import state_of

SECONDS = 30.0


def input_ends(process: subprocess.Popen[bytes], wire: Wire) -> None:
    assert process.stdin
    process.stdin.close()


def is_told_to_exit(process: subprocess.Popen[bytes], wire: Wire) -> None:
    wire.send(method="exit")


def shuts_down(process: subprocess.Popen[bytes], wire: Wire) -> None:
    assert wire.ask("shutdown", None)["result"] is None
    assert awaited(lambda: not processes_with("4715.3"))
    wire.send(method="exit")


def is_killed(process: subprocess.Popen[bytes], wire: Wire) -> None:
    process.kill()


@pytest.mark.parametrize(
    ("end", "word"),
    [(input_ends, "4715.1"), (is_told_to_exit, "4715.2"), (shuts_down, "4715.3"), (is_killed, "4715.4")],
)
def test_nothing_stays(
    tmp_path: Path, end: Callable[[subprocess.Popen[bytes], Wire], None], word: str
) -> None:
    slow = TEST.replace("    assert", f'    System.cmd("sleep", ["{word}"])\n    assert')
    root = write_shop(tmp_path / "shop", {**TESTED, "test/mailer_test.exs": slow})
    before = state_of(root)
    with server() as (process, wire):
        wire.connect(root, initializationOptions={"workspaceTrust": True})
        wire.send(id="verify", method="otpGenesis/verify", params={})
        assert awaited(lambda: processes_with(word))
        end(process, wire)
        process.wait(SECONDS)
        assert awaited(lambda: not processes_with(word))
    assert state_of(root) == before
