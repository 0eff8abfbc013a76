"""Any number of processes gives the same, and none is left behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.engine import AnalyzeAll, Loaded
from otp_genesis_refactorers import parallel
from otp_genesis_refactorers.parallel import in_background, in_processes
from tests.example_project import write_project

SERVER = """\
defmodule Shop.Server{number} do
  use GenServer

  def init(orders), do: {{:ok, orders}}

  def handle_info({{:ship, order}}, orders) do
    spawn(fn -> Shop.Warehouse{number}.ship(order) end)
    {{:noreply, orders}}
  end
end
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(parallel, "WORTH_A_WORKER_BYTES", 1)
    monkeypatch.setattr(parallel, "_SHARE_BYTES", 2_000)
    monkeypatch.setattr(parallel, "WORTH_A_BACKGROUND_BYTES", 1)
    monkeypatch.setattr(parallel, "_BACKGROUND_SHARE_BYTES", 2_000)
    write_project(tmp_path, {f"lib/server{number}.ex": SERVER.format(number=number) for number in range(40)})
    (tmp_path / "lib" / "latin1.ex").write_bytes(b"# caf\xe9\n")
    (tmp_path / "lib" / "half.ex").write_text('defmodule Half do\n  def go, do: spawn(fn -> "\nend\n')
    return tmp_path


def load(root: Path, processes: int) -> Loaded:
    return engine.load(root, analyze_all=in_processes(processes))


def assert_as_in_one_process(loaded: Loaded) -> None:
    plain = engine.load(loaded.root)
    assert list(loaded.project.files.items()) == list(plain.project.files.items())
    assert (loaded.unparsed, loaded.broken) == (plain.unparsed, plain.broken)
    assert len(engine.check(loaded.project, loaded.project.config)) >= 40


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_same_from_several_processes(shop: Path, processes: int) -> None:
    assert_as_in_one_process(load(shop, processes))


def test_shares_that_find_no_room_in_the_pipe(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each process would wait for the other one to read: a share here, an answer there."""
    monkeypatch.setattr(parallel, "_PIPE_BYTES", 4096)
    monkeypatch.setattr(parallel, "_SHARE_BYTES", 20_000)
    for number in range(40, 400):
        (shop / "lib" / f"server{number}.ex").write_text(SERVER.format(number=number))
    assert_as_in_one_process(load(shop, 2))


@pytest.mark.parametrize("program", [sys.executable, "/bin/false", "/bin/true", "/nowhere/python"])
def test_the_same_in_the_background(shop: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert_as_in_one_process(engine.load(shop, analyze_all=in_background))


@pytest.mark.parametrize("program", ["/bin/false", "/bin/true", "/nowhere/python"])
def test_workers_that_die_or_never_start(shop: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert_as_in_one_process(load(shop, 3))


@pytest.mark.parametrize("analyze_all", [in_processes(3), in_background], ids=["processes", "background"])
def test_the_end_of_a_load_is_the_end_of_its_workers(shop: Path, analyze_all: AnalyzeAll) -> None:
    def give_up(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        engine.load(shop, analyze_all=analyze_all, on_progress=give_up)
    children = Path("/proc/self/task").glob("*/children")
    assert "".join(file.read_text() for file in children) == ""
