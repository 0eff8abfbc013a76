"""Tests that are made and proven with a real mix, on one project, so that it is compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.exunit.generating import Generated, Wanted, generate, laboratory, proved
from otp_genesis_refactorers.exunit.mutants import mutants
from otp_genesis_refactorers.exunit.proving import Proof
from otp_genesis_refactorers.gates.running.experiment import GivenTest
from tests.exunit.shop import COUNTER, FLAGS, made, read, write_shop

WEAK = """\
defmodule Shop.WeakTest do
  use ExUnit.Case

  test "it starts" do
    assert is_pid(start_supervised!({Shop.Stack, []}))
  end
end
"""
WRONG = WEAK.replace("is_pid(", "is_nil(")
BROKEN = "lib/shop/broken.ex"
BROKEN_TEXT = """\
defmodule Shop.Broken do
  use GenServer

  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil)
  def ping(server), do: GenServer.call(server, :ping)

  @impl true
  def init(_), do: {:stop, :not_today}

  @impl true
  def handle_call(:ping, _from, state), do: {:reply, :pong, state}
end
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("CACHE", "DATA", "CONFIG"):
            patch.setenv(f"XDG_{kind}_HOME", str(tmp_path_factory.mktemp(kind.lower())))
        root = write_shop(tmp_path_factory.mktemp("work") / "shop", {BROKEN: BROKEN_TEXT})
        before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        yield root
        assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def generated(outcome: Generated | Refused) -> Generated:
    assert isinstance(outcome, Generated), outcome
    return outcome


def wanted(root: Path, module: str, contents: dict[str, bytes] | None = None) -> Wanted:
    project = read(root)
    return Wanted(root, project, project.config, module, contents=contents or {}, trusted_for_this_run=True)


def proof_of(root: Path, text: str) -> Proof:
    asked = wanted(root, "Shop.Stack")
    entry = asked.project.module("Shop.Stack")
    assert entry is not None
    broken = mutants(Source(entry.path, asked.project.read(entry.path)), entry.module)
    with laboratory(asked, None) as experiment:
        return proved(asked, experiment, GivenTest("test/weak_test.exs", text.encode()), broken[:3], print)


def test_what_the_code_does_is_recorded_and_proven(root: Path) -> None:
    test = generated(made(root, "Shop.Counter", trust=True))
    assert test.proof.proven, test.proof
    assert len(test.proof.killed) > len(test.proof.survived)
    assert "that it is started again" in test.proof.killed
    assert test.left_out == ()
    assert 'test "add/1, as value/0 shows" do\n    assert Counter.add(1) == :ok' in test.text
    assert "    assert Counter.value() == 2\n" in test.text
    assert 'test "reset/0 after add/1, as value/0 shows" do\n' in test.text
    assert test.text.count("Counter.value() == 0") == 3  # then, of a fresh process, and after the crash
    assert test.proof.headline.startswith("proven: passes 3 times, and fails when the code is broken (")


def test_one_function_is_proven_by_what_it_does(root: Path) -> None:
    test = generated(made(root, "Shop.Stack", "push/2", trust=True))
    assert test.proof.proven
    assert all("line 6" in what or "line 19" in what for what in test.proof.killed)


def test_what_does_not_start_is_refused(root: Path) -> None:
    refused = made(root, "Shop.Broken", trust=True)
    assert isinstance(refused, Refused)
    assert "it can't be started in a test" in refused.reason
    assert ":not_today" in refused.reason


def test_a_test_for_a_change(root: Path) -> None:
    kept = COUNTER.replace("do: {:noreply, %{state | value: 0}}", "do: {:noreply, %{state | value: -1}}")
    contents = {"lib/shop/counter.ex": kept.encode()}
    test = generated(generate(wanted(root, "Shop.Counter", contents)))
    assert test.proof.proven, test.proof
    assert test.proof.for_change
    assert test.proof.headline == "proven: fails without the change, passes 3 times with it"
    assert "Counter.value() == -1" in test.text


def test_a_change_that_nobody_notices_has_no_proven_test(root: Path) -> None:
    contents = {"lib/shop/flags.ex": FLAGS.replace("fn -> %{} end", "fn -> Map.new() end").encode()}
    test = generated(generate(wanted(root, "Shop.Flags", contents)))
    assert not test.proof.proven
    assert "passes without the change too" in test.proof.reason


def test_a_test_that_notices_nothing_is_not_proven(root: Path) -> None:
    proof = proof_of(root, WEAK)
    assert proof.reason.startswith("it passes as well without the reply in line ")
    assert (proof.killed, len(proof.survived), proof.ran) == ((), 3, True)


def test_a_test_that_fails_is_not_proven(root: Path) -> None:
    proof = proof_of(root, WRONG)
    assert proof.reason.startswith("the test 'it starts' fails (seed 1): ")
    assert proof.failing == ("it starts",)


def test_without_trust_nothing_runs(root: Path) -> None:
    asked = replace(wanted(root, "Shop.Counter"), trusted_for_this_run=False)
    proof = generated(generate(asked)).proof
    assert (proof.proven, proof.ran) == (False, False)
