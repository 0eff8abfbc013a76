"""Whose supervision tree a task belongs to, and whether that tree is there when it starts."""

from __future__ import annotations

import pytest

from tests.fixes.fixing import check_fix, check_refused

MIX = """
# file: {folder}mix.exs
defmodule {name}.MixProject do
  use Mix.Project
  def project, do: [app: :{app}]
  {application}
end
"""
CALL = """
# file: {folder}lib/call.ex
defmodule {name}.Call do
  def run(job) do
    {call}
    :ok
  end
end
"""
APPLICATION = """
# file: {folder}lib/application.ex
defmodule {name}.Application do
  def start(_type, _args) do
    children = [{children}]
    Supervisor.start_link(children, strategy: :one_for_one)
  end
end
"""


def app(folder: str, name: str, call: str, children: str, application: str | None = None) -> str:
    application = application or f"def application, do: [mod: {{{name}.Application, []}}]"
    given = {"folder": folder, "name": name, "app": name.lower(), "call": call, "children": children}
    return MIX.format(**given, application=application) + CALL.format(**given) + APPLICATION.format(**given)


def test_in_an_umbrella_each_app_has_its_own() -> None:
    umbrella = MIX.format(folder="", name="All", app="all", application="")
    other = app("apps/one/", "One", "job", "{Task.Supervisor, name: One.TaskSupervisor}")
    check_fix(
        umbrella + other + app("apps/two/", "Two", "spawn(job)", "Two.Repo"),
        CALL.format(
            folder="apps/two/", name="Two", call="Task.Supervisor.start_child(Two.TaskSupervisor, job)"
        )
        + APPLICATION.format(
            folder="apps/two/", name="Two", children="Two.Repo, {Task.Supervisor, name: Two.TaskSupervisor}"
        ),
    )


NO_TREE = {
    "a library": ("def application, do: [extra_applications: [:logger]]", "as a `:task_supervisor` option"),
    "a computed application": ("def application, do: app_of(Mix.env())", "give `mod:` as a literal"),
    "another module": (
        "def application, do: [mod: {One.Other, []}]",
        "One.Other, the application module that",
    ),
}


@pytest.mark.parametrize("name", NO_TREE)
def test_without_a_tree(name: str) -> None:
    application, reason = NO_TREE[name]
    check_refused(app("", "One", "spawn(job)", "", application), reason)


def test_outside_every_mix_project() -> None:
    inside = app("apps/one/", "One", "job", "")
    check_refused(inside + CALL.format(folder="", name="Two", call="spawn(job)"), "belongs to no mix project")


def test_a_broken_application_file() -> None:
    broken = app("", "One", "spawn(job)", 'One.Repo, "')
    check_refused(broken, "lib/application.ex has syntax errors")


@pytest.mark.parametrize(
    "start",
    [
        "spawn(fn -> Shop.Cache.fill() end)",
        "fill()",
        "Shop.Boot.prepare()",
    ],
)
def test_before_the_tree_is_up(start: str) -> None:
    check_refused(
        f"""
        # file: lib/shop/application.ex
        defmodule Shop.Application do
          def start(_type, _args) do
            {start}
            Supervisor.start_link([{{Task.Supervisor, name: Shop.Tasks}}], strategy: :one_for_one)
          end

          defp fill, do: {"Shop.Boot.fill(1)" if start == "fill()" else ":ok"}
        end
        # file: lib/shop/boot.ex
        defmodule Shop.Boot do
          def prepare, do: fill(1)

          def fill(_) do
            {"spawn(fn -> Shop.Cache.fill() end)" if "spawn" not in start else ":ok"}
            :ok
          end
        end
        """,
        "runs before Shop.Application has started its children",
    )


def test_after_the_tree_is_up() -> None:
    text = """
    # file: lib/shop/application.ex
    defmodule Shop.Application do
      def start(_type, _args) do
        tree = Supervisor.start_link([{{Task.Supervisor, name: Shop.Tasks}}], strategy: :one_for_one)
        {}fn -> Shop.Cache.fill() end)
        tree
      end
    end
    """
    check_fix(text.format("spawn("), text.format("Task.Supervisor.start_child(Shop.Tasks, "))
