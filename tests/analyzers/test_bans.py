"""Preset `seed` reports each `spawn`, `send` and `Process.put`; the others know reasons for them."""

from __future__ import annotations

from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config, parse_config
from otp_genesis_analyzers.findings import Severity
from tests.example_project import write_project

LIB = """\
defmodule Shop.Worker do
  alias Process, as: P

  def run(pid) do
    {child, ref} = spawn_monitor(fn -> :ok end)
    send(pid, {child, ref})
    P.put(:"$callers", [self()])
    apply(Kernel, :send, [pid, :done])
    Enum.each([pid], &Process.send(&1, :done, []))
    Process.get(:key)
    mine(pid)
  end

  # otp-genesis:ignore OTP401 -- this one is meant
  def wake(pid), do: send(pid, :wake)

  def mine(pid), do: Shop.Mail.send(pid, "spawn and send")
end
"""
TEST = """\
defmodule Shop.WorkerTest do
  use ExUnit.Case

  test "works", do: send(self(), :ok)

  def help, do: spawn(fn -> :ok end)
end
"""
BANNED = [("OTP101", 5), ("OTP401", 6), ("OTP107", 7), ("OTP401", 8), ("OTP401", 9)]


def found(root: Path, config: Config) -> list[tuple[str, int]]:
    project = write_project(root, {"lib/shop/worker.ex": LIB, "test/shop/worker_test.exs": TEST})
    codes = {"OTP101", "OTP107", "OTP401"}
    return [
        (one.code, LIB[: one.span.start].count("\n") + 1)
        for one in engine.check(project, config)
        if one.code in codes and one.severity is Severity.WARNING
    ]


def test_seed_bans_each_of_them(tmp_path: Path) -> None:
    assert found(tmp_path, Config(preset="seed")) == BANNED


def test_strict_knows_reasons(tmp_path: Path) -> None:
    assert found(tmp_path, Config(preset="strict")) == []


def test_a_ban_is_ignored_as_a_rule_is(tmp_path: Path) -> None:
    config, problems = parse_config(b'preset = "seed"\nignore = ["OTP4"]\n')
    assert not problems
    assert found(tmp_path, config) == [one for one in BANNED if one[0] != "OTP401"]


def test_one_file_gets_the_same_as_the_whole(tmp_path: Path) -> None:
    project = write_project(tmp_path, {"lib/shop/worker.ex": LIB})
    config = Config(preset="seed")
    whole = [one for one in engine.check(project, config) if one.code in ("OTP101", "OTP107", "OTP401")]
    alone = engine.check_file(project, config, "lib/shop/worker.ex")
    assert [one for one in alone if one.code in ("OTP101", "OTP107", "OTP401")] == whole


def test_no_call_is_reported_twice_by_one_rule(tmp_path: Path) -> None:
    text = "defmodule A do\n  def f(x) do\n    spawn(fn -> x end)\n    :ok\n  end\nend\n"
    project = write_project(tmp_path, {"lib/a.ex": text})
    spawns = [one for one in engine.check(project, Config(preset="seed")) if one.code == "OTP101"]
    assert len(spawns) == 1
