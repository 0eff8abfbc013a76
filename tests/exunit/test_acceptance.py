"""What a test must be before it is run, whoever has written it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_refactorers.exunit.acceptance import objection
from otp_genesis_refactorers.gates.running.experiment import GivenTest
from tests.exunit.shop import read, write_shop

GOOD = [
    "assert Shop.Stack.size(pid) == 1",
    "refute Shop.Stack.size(pid) == 2",
    "assert_receive {:pushed, _}",
    "assert {:ok, _} = Shop.Stack.pop(pid)",
    "check(pid)",
]
BAD = [
    ("Shop.Stack.push(pid, 1)", "asserts nothing"),
    ("assert true", "asserts something that is always so"),
    ("Process.sleep(10)\n    assert Shop.Stack.size(pid) == 1", "sleeps (Process.sleep/1)"),
    (":timer.sleep(10)\n    assert Shop.Stack.size(pid) == 1", "sleeps (:timer.sleep/1)"),
    (
        "receive do\n    after\n      10 -> :ok\n    end\n    assert Shop.Stack.size(pid) == 1",
        "sleeps in a receive",
    ),
    ('assert System.cmd("true", []) == {"", 0}', "calls System.cmd/2"),
    ('assert File.read!("lib/shop/stack.ex") =~ "GenServer"', "looks at the source"),
    ('File.rm_rf!("/")\n    assert Shop.Stack.size(pid) == 1', "calls File.rm_rf!/1"),
    ("assert Shop.Stack.size(pid) == ", "does not parse"),
]


def trial(body: str, tag: str = "") -> GivenTest:
    code = f"""\
defmodule Shop.TrialTest do
  use ExUnit.Case

  setup do
    %{{pid: start_supervised!({{Shop.Stack, [1]}})}}
  end
{tag}
  test "the stack", %{{pid: pid}} do
    {body}
  end

  defp check(pid), do: assert(Shop.Stack.size(pid) == 1)
end
"""
    return GivenTest("test/shop/trial_test.exs", code.encode())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


def objected(root: Path, test: GivenTest) -> str:
    project = read(root)
    return objection(project, project.config, test)


@pytest.mark.parametrize("body", GOOD)
def test_what_is_accepted(body: str, root: Path) -> None:
    assert objected(root, trial(body)) == ""


@pytest.mark.parametrize(("body", "reason"), BAD)
def test_what_is_not(body: str, reason: str, root: Path) -> None:
    assert reason in objected(root, trial(body))


def test_one_that_is_skipped_is_none(root: Path) -> None:
    said = objected(root, trial("assert Shop.Stack.size(pid) == 1", "  @tag :skip"))
    assert "silences" in said


def test_a_file_without_tests(root: Path) -> None:
    assert (
        objected(root, GivenTest("test/a_test.exs", b"defmodule ATest do\nend\n")) == "the file holds no test"
    )


def test_a_test_with_flaws_of_its_own(root: Path) -> None:
    body = "{:ok, stack} = Shop.Stack.start_link([])\n    assert Shop.Stack.size(stack) == 0"
    assert "would be found anew" in objected(root, trial(body))
