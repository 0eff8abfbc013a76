"""The fixes in tests and of telemetry handlers: what the rules' examples don't show, and what is refused."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.gates import first_failure
from otp_genesis_refactorers.gates.trial import try_out
from tests.fixes.fixing import STRICT, changed_files, decoded, files_of, project_of

PATH = "test/shop/shop_test.exs"
DOOR = """\
defmodule Shop.Door do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def open(door), do: GenServer.cast(door, :open)
  def lock, do: GenServer.cast(__MODULE__, :lock)
  def slam(door), do: send(door, :slam)

  @impl true
  def init(opts), do: {:ok, opts}

  @impl true
  def handle_cast(message, state), do: {:noreply, [message | state]}

  @impl true
  def handle_info(message, state), do: {:noreply, [message | state]}
end
"""


def shop_test(statements: str) -> Project:
    """A project with a server `Shop.Door` and one test that holds the statements."""
    lines = [f"    {line}" if line else "" for line in statements.splitlines()]
    test = ["defmodule Shop.ShopTest do", "  use ExUnit.Case", "", '  test "works", %{pid: pid} do']
    text = "\n".join([*test, *lines, "  end", "end"])
    return project_of(files_of(f"# file: lib/shop/door.ex\n{DOOR}# file: {PATH}\n{text}"))


def first_fix(code: str, project: Project) -> Change | Refused:
    found = engine.check(project, STRICT)
    finding = next(finding for finding in found if finding.code == code)
    change = fix(finding, project)
    if isinstance(change, Change):
        assert change.kind is finding.fix
        assert first_failure(try_out(finding, change, project, found, STRICT)) is None
    return change


FIXED: dict[str, tuple[str, str, str]] = {
    "a cast to a name": (
        "OTP408",
        "Shop.Door.lock()\nProcess.sleep(50)\nassert Shop.Door.locked?()",
        "Shop.Door.lock()\n:sys.get_state(Shop.Door)\nassert Shop.Door.locked?()",
    ),
    "a plain cast": (
        "OTP408",
        ":ok = GenServer.cast(pid, :open)\n\nProcess.sleep(50)\n\nassert Shop.Door.open?()",
        ":ok = GenServer.cast(pid, :open)\n\n:sys.get_state(pid)\n\nassert Shop.Door.open?()",
    ),
    "a sleep between blank lines, and a refutation with words": (
        "OTP408",
        'Shop.Door.slam(pid)\n\nProcess.sleep(1_000)\n\nrefute_received :slammed, "it did"',
        'Shop.Door.slam(pid)\n\nrefute_receive :slammed, 1_000, "it did"',
    ),
    "a name that is taken": (
        "OTP412",
        "ref = make_ref()\nProcess.exit(pid, {:bye, ref})\nProcess.sleep(10)\nrefute Process.alive?(pid)",
        "ref = make_ref()\nmonitor_ref = Process.monitor(pid)\nProcess.exit(pid, {:bye, ref})\n"
        "assert_receive {:DOWN, ^monitor_ref, :process, ^pid, _}",
    ),
    "an argument of several lines": (
        "OTP409",
        "{:ok, door} =\n  Shop.Door.start_link([\n    :front\n  ])\n\nassert is_pid(door)",
        "door = start_supervised!({Shop.Door, [\n    :front\n  ]})\n\nassert is_pid(door)",
    ),
    "a handler attached over several lines": (
        "OTP503",
        ':telemetry.attach(\n  "door",\n  [:door],\n  &Shop.Log.write/4,\n  nil\n)\n\nassert pid',
        ':telemetry.attach(\n  "door",\n  [:door],\n  &Shop.Log.write/4,\n  nil\n)\n\n'
        'on_exit(fn -> :telemetry.detach("door") end)\n\nassert pid',
    ),
}

REFUSED: dict[str, tuple[str, str, str]] = {
    "a message that is no cast": (
        "OTP408",
        "Shop.Door.slam(pid)\nProcess.sleep(50)\nassert Shop.Door.slammed?()",
        "nothing at test/shop/shop_test.exs:6 shows what the test waits for",
    ),
    "time that has to pass": (
        "OTP408",
        "Shop.Door.open(pid)\nttl = 20\nProcess.sleep(50)\nassert Shop.Door.age() > ttl",
        "is about time, or about nothing happening",
    ),
    "a server that is computed": (
        "OTP408",
        "Shop.Door.open(hd([pid]))\nProcess.sleep(50)\nassert Shop.Door.open?()",
        "shows what the test waits for",
    ),
    "a process that comes back": (
        "OTP412",
        "Process.exit(pid, :kill)\nProcess.sleep(10)\nassert Process.whereis(Shop.Door) != pid",
        "ask for the new process until it is there",
    ),
    "a process without a variable": (
        "OTP412",
        "Process.exit(Process.whereis(Shop.Door), :kill)\nrefute Process.whereis(Shop.Door)",
        "bind its pid to one first",
    ),
    "a process that the test stops": (
        "OTP409",
        "{:ok, door} = Shop.Door.start_link([])\nassert GenServer.stop(door) == :ok",
        "a supervisor would start it again",
    ),
    "a handler attached in a branch": (
        "OTP503",
        'if pid do\n  :telemetry.attach("door", [:door], &Shop.Log.write/4, nil)\nend',
        "give it a line of its own",
    ),
}


@pytest.mark.parametrize("name", FIXED)
def test_fixed(name: str) -> None:
    code, before, after = FIXED[name]
    project = shop_test(before)
    change = first_fix(code, project)
    assert isinstance(change, Change), change
    assert decoded(changed_files(change, project)) == {PATH: shop_test(after).read(PATH).decode()}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    code, before, reason = REFUSED[name]
    refusal = first_fix(code, shop_test(before))
    assert isinstance(refusal, Refused), refusal
    assert reason in refusal.reason
    assert "\n" not in refusal.reason
