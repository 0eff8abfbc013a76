"""OTP207: which atom changes, where one is added, and what is left to a person."""

from __future__ import annotations

import pytest

from tests.fixes.test_fixes_of_servers import check_becomes, check_refused

TASK = """\
defmodule Shop.A do
  use Task, {options}
  def start_link(_), do: Task.start_link(fn -> Shop.run() end)
end"""


def tree(child: str) -> str:
    """An application with one child."""
    return f"""
# file: mix.exs
defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop]
  def application, do: [mod: {{Shop.Application, []}}]
end
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application

  def start(_type, _args) do
    Supervisor.start_link([{child}], strategy: :one_for_one)
  end
end"""


@pytest.mark.parametrize(
    ("options", "after"),
    [
        ("restart: :permanent", "use Task, restart: :transient\n"),
        ("[restart: :permanent, shutdown: 10]", "use Task, [restart: :transient, shutdown: 10]\n"),
        (
            "shutdown: 10, restart: :permanent # always",
            "use Task, shutdown: 10, restart: :transient # always\n",
        ),
    ],
)
def test_atom_of_a_use(options: str, after: str) -> None:
    change = check_becomes("OTP207", TASK.format(options=options), after)
    assert "when it fails, it is" in change.notes[0]


@pytest.mark.parametrize(
    ("child", "after"),
    [
        (
            "%{id: :a, start: {Task, :start_link, [fn -> Shop.run() end]}}",
            "[%{id: :a, start: {Task, :start_link, [fn -> Shop.run() end]}, restart: :transient}]",
        ),
        (
            "%{\n      id: :a,\n      start: {Task, :start_link, [fn -> Shop.run() end]}\n    }",
            "[fn -> Shop.run() end]},\n      restart: :transient\n    }",
        ),
        (
            "Supervisor.child_spec({Task, fn -> Shop.run() end}, id: :a, restart: :permanent)",
            "id: :a, restart: :transient)",
        ),
    ],
)
def test_child_of_a_list(child: str, after: str) -> None:
    check_becomes("OTP207", tree(child), after)


def test_restart_that_is_no_atom_is_left_alone() -> None:
    text = TASK.format(options="restart: @restart").replace("  use", "  @restart :permanent\n  use")
    check_refused("OTP207", text, "is not written as an atom: change `@restart` by hand")


def test_child_with_other_keys_is_left_alone() -> None:
    child = "%{:id => :a, :start => {Task, :start_link, [fn -> Shop.run() end]}}"
    check_refused("OTP207", tree(child), "is no map with atom keys")


def test_significant_child_is_left_alone() -> None:
    child = "%{id: :a, start: {Shop.A, :start_link, []}, significant: true}"
    check_refused("OTP207", tree(child), "is a decision")
