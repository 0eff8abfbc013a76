"""A file of tests keeps what its findings need; the rest is read again when somebody asks."""

from __future__ import annotations

from pathlib import Path

from otp_genesis_analyzers.facts.model import Function, Module
from tests.example_project import write_project

PATH = "test/shop/cart_test.exs"
TEXT = """\
defmodule Shop.CartTest do
  use ExUnit.Case

  setup do
    Shop.Store.clear()
  end

  test "waits" do
    start()
    Process.sleep(100)
  end

  test "is quick" do
    start()
  end

  defp start, do: Shop.Cart.open()
end
"""


def functions(module: Module) -> dict[str, int]:
    """How many calls each function holds, by its name."""
    return {function.name: _calls(function) for function in module.functions}


def _calls(function: Function) -> int:
    return sum(len(clause.calls) for clause in function.clauses)


def test_the_test_with_a_finding_stays_and_others_leave_their_heads(tmp_path: Path) -> None:
    analysis = write_project(tmp_path, {PATH: TEXT}).files[PATH]
    (module,) = analysis.facts.modules
    assert [finding.code for finding in analysis.findings] == ["OTP408"]
    assert functions(module) == {"test waits": 2, "start": 0}
    assert [use.module for use in module.uses] == ["ExUnit.Case"]


def test_all_facts_have_the_others(tmp_path: Path) -> None:
    (module,) = write_project(tmp_path, {PATH: TEXT}).all_facts(PATH).modules
    assert functions(module) == {"setup": 1, "test waits": 2, "test is quick": 1, "start": 1}
