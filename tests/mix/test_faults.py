"""Whatever is killed or taken away while mix runs: no process stays, no file of the user's changes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.shadow.workspace import ShadowError
from tests.mix.processes import awaited, parents_of, processes_with
from tests.mix.projects import state_of, trusted_shadow, write_till
from tests.mix.test_isolation import without_bubblewrap

USER = """
import pathlib, sys
from otp_genesis_refactorers import mix
from otp_genesis_refactorers.shadow.workspace import open_shadow
with open_shadow(pathlib.Path(sys.argv[1]), trusted_for_this_run=True) as shadow:
    print(mix.run(shadow, ["run", "-e", sys.argv[2]]).status)
"""
LINGERS = """
System.cmd("sh", ["-c", "setsid sleep {0} >/dev/null 2>&1 & setsid sleep {0} >/dev/null 2>&1 &"])
System.cmd("sleep", ["{0}"])
"""
LINGERING = 3


def start_user(root: Path, code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", USER, root, code], stdout=subprocess.PIPE)


def beam_above(process: int) -> int:
    """The BEAM that started this one."""
    return next(each for each in parents_of(process) if "beam" in Path(f"/proc/{each}/comm").read_text())


def above_beam(process: int, name: str) -> list[int]:
    """Of the processes that a BEAM was started by, those of this program, the nearest first."""
    return [each for each in parents_of(process) if name in Path(f"/proc/{each}/comm").read_text()]


def works(root: Path) -> bool:
    with trusted_shadow(root) as shadow:
        result = mix.test(shadow)
        return result.run.status == "ok" and len(result.tests) == 1


@pytest.mark.parametrize("isolation", ["bubblewrap", "none"])
def test_when_this_tool_is_killed_all_that_it_started_goes(
    tmp_path: Path, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_till(tmp_path / "till")
    before = state_of(root)
    word = f"4712.{os.getpid()}1{len(isolation)}"
    with monkeypatch.context() as patch:
        if isolation == "none":
            without_bubblewrap(patch, tmp_path)
        with start_user(root, LINGERS.format(word)) as user:
            assert awaited(lambda: len(processes_with(word)) == LINGERING)
            user.kill()
    assert awaited(lambda: not processes_with(word))
    assert works(root)
    assert state_of(root) == before


VICTIMS: dict[str, Callable[[int], int]] = {
    "mix": beam_above,
    "the outer bubblewrap": lambda process: above_beam(process, "bwrap")[-1],
    "the inner bubblewrap": lambda process: above_beam(process, "bwrap")[0],
    "the guard": lambda process: above_beam(process, "python")[0],
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_when_a_part_is_killed_the_run_has_failed_and_all_of_it_goes(tmp_path: Path, victim: str) -> None:
    root = write_till(tmp_path / "till")
    word = f"4713.{os.getpid()}1{len(victim)}"

    def kill() -> None:
        assert awaited(lambda: len(processes_with(word)) == LINGERING)
        # The one that waits for its `sleep`: the others were left behind on purpose.
        sleeper = next(each for each in processes_with(word) if any(map(_is_beam, parents_of(each))))
        os.kill(VICTIMS[victim](sleeper), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    with trusted_shadow(root) as shadow:
        killer.start()
        result = mix.run(shadow, ["run", "-e", LINGERS.format(word)])
    killer.join()
    assert result.status == "failed"
    assert result.reason
    assert awaited(lambda: not processes_with(word))
    assert works(root)


def _is_beam(process: int) -> bool:
    return "beam" in Path(f"/proc/{process}/comm").read_text()


def test_killed_at_any_point_of_a_build_the_next_one_works(tmp_path: Path) -> None:
    modules = {f"lib/m{n}.ex": f"defmodule M{n} do\n  def m, do: {n}\nend\n" for n in range(30)}
    root = write_till(tmp_path / "till", modules)
    for seconds in (0.4, 0.7, 1.0):
        with start_user(root, "IO.puts(1)") as user:
            time.sleep(seconds)
            user.kill()
    assert works(root)


def test_a_project_that_is_deleted_during_the_run(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    with trusted_shadow(root) as shadow:
        result = mix.run(
            shadow,
            ["run", "-e", 'IO.puts("here"); Process.sleep(300); IO.puts(Till.total([1, 2]))'],
            on_output=lambda _: shutil.rmtree(root, ignore_errors=True),
        )
        assert result.status == "ok"
        assert result.stdout.endswith("3\n")
        with pytest.raises(ShadowError, match="is gone"):
            shadow.sync({})
    assert works(write_till(root))


def test_two_verifications_at_once_see_their_own_files(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    before = state_of(root)
    seen: dict[int, str] = {}

    def verify(number: int) -> None:
        with trusted_shadow(root) as shadow:
            shadow.sync({"lib/till.ex": f"defmodule Till do\n  def total(_), do: {number}\nend\n".encode()})
            seen[number] = mix.run(shadow, ["run", "-e", "IO.write(Till.total([]))"]).stdout[-1:]

    threads = [threading.Thread(target=verify, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {1: "1", 2: "2"}
    assert state_of(root) == before


FULL = """
import pathlib, sys
from otp_genesis_refactorers import mix
from otp_genesis_refactorers.shadow.workspace import open_shadow
root, filler = map(pathlib.Path, sys.argv[1:])
for step in range(2):
    with open_shadow(root, trusted_for_this_run=True) as shadow:
        if step == 0:
            filler.write_bytes(b"x" * 50_000_000)
        else:
            filler.unlink()
        result = mix.test(shadow)
        print(result.run.status, result.run.reason)
"""


def test_a_disk_that_is_full_is_no_failure_of_the_code(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    cache = tmp_path / "cache"
    cache.mkdir()
    small_disk = ["bwrap", "--dev-bind", "/", "/", "--size", "67108864", "--tmpfs", str(cache), "--"]
    done = subprocess.run(
        [*small_disk, sys.executable, "-c", FULL, root, cache / "filler"],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    full, after = done.stdout.splitlines()
    assert full.startswith("not_run the disk that holds")
    assert after.strip() == "ok"
