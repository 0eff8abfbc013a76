"""The cache and the processes of `check`, from outside: the same bytes, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.cli.command_line import COMMAND, run_command, write_shop
from tests.cli.shop import NOTE, QUIET, WARNING

LARGE = "".join(
    f"defmodule Shop.Large{number} do\n"
    + "".join(f"  def go{line}, do: Process.exit(self(), {line})\n" for line in range(2_000))
    + "end\n"
    for number in range(4)
)
"""Enough source, with words that matter in it, to keep two processes busy for seconds."""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(
        tmp_path / "shop", {"lib/orders.ex": WARNING, "lib/mail.ex": NOTE, "lib/price.ex": QUIET}
    )


def check(shop: Path, *options: str, cache: Path, status: int = 1) -> bytes:
    ran = run_command("check", *options, at=shop, environment={"XDG_CACHE_HOME": str(cache)})
    assert (ran.returncode, ran.stderr) == (status, b"")
    return ran.stdout


def kept_in(cache: Path) -> list[Path]:
    return [*cache.rglob("*.sqlite")]


def test_the_same_bytes_cold_warm_and_without_a_cache(shop: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    without = check(shop, "--no-cache", cache=cache)
    assert kept_in(cache) == []
    assert check(shop, cache=cache) == without
    assert len(kept_in(cache)) == 1
    assert check(shop, cache=cache) == without
    assert check(shop, "--jobs", "3", "--no-cache", cache=cache) == without


def test_other_options_ask_anew(shop: Path, tmp_path: Path) -> None:
    all_found = check(shop, cache=tmp_path)
    assert check(shop, "--ignore", "OTP101", cache=tmp_path, status=0) != all_found
    assert check(shop, cache=tmp_path) == all_found


def test_a_corrupt_cache(shop: Path, tmp_path: Path) -> None:
    found = check(shop, cache=tmp_path)
    [file] = kept_in(tmp_path)
    file.write_bytes(b"rubbish" * 1000)
    assert check(shop, cache=tmp_path) == found
    assert file.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null"])
def test_where_nothing_can_be_written(shop: Path, place: str) -> None:
    assert check(shop, cache=Path(place)) == check(shop, "--no-cache", cache=Path(place))


def test_two_at_once(shop: Path, tmp_path: Path) -> None:
    without = check(shop, "--no-cache", cache=tmp_path)
    for _ in range(3):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        both = [
            subprocess.Popen([COMMAND, "check"], cwd=shop, env=environment, stdout=-1, stderr=-1)
            for _ in range(2)
        ]
        assert [process.communicate(timeout=60) for process in both] == [(without, b"")] * 2
        (shop / "lib" / "mail.ex").touch()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_a_killed_command_leaves_no_process(shop: Path, tmp_path: Path, end: signal.Signals) -> None:
    for number in range(8):
        (shop / "lib" / f"large{number}.ex").write_text(LARGE)
    process = subprocess.Popen(
        [COMMAND, "check", "--jobs", "2", "--no-cache"],
        cwd=shop,
        stdout=-1,
        stderr=-1,
        start_new_session=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert within(30, lambda: children.read_text().split() != [])
    [worker] = children.read_text().split()
    process.send_signal(end)
    process.communicate(timeout=30)
    assert within(30, lambda: not is_running(worker))


def is_running(process_id: str) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = monotonic() + seconds
    while not condition():
        if monotonic() > end:
            return False
        sleep(0.01)
    return True
