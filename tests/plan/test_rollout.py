"""Phase 5: the flags that a project has, the order in which it starts, what it measures, and what is told."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.plan.deployment.flags import flags_of
from otp_genesis_refactorers.plan.deployment.signals import signals
from otp_genesis_refactorers.plan.deployment.start_order import start_ranks
from otp_genesis_refactorers.plan.documents import plan_texts
from otp_genesis_refactorers.plan.markdown import parse as document_of
from otp_genesis_refactorers.plan.merge import Earlier
from tests.example_project import findings_in, parse, write_project

ROLLOUT = "05-integration-and-rollout.md"


@pytest.mark.parametrize(
    ("code", "module", "asks"),
    [
        (
            """
            # file: lib/shop/flags.ex
            defmodule Shop.Flags do
              def v2?, do: Application.get_env(:shop, :v2, false)
            end
            """,
            "Shop.Flags",
            "Shop.Flags.%{flag}?()",
        ),
        (
            """
            # file: lib/shop/rollouts.ex
            defmodule Shop.Rollouts do
              alias Application, as: App
              def enabled?(name), do: read(name)
              defp read(name), do: App.get_env(:shop, name, false)
              def enabled?(name, _user), do: enabled?(name)
            end
            """,
            "",
            "",
        ),
        (
            """
            # file: lib/shop/rollouts.ex
            defmodule Shop.Rollouts do
              def enabled?(name), do: Application.get_env(:shop, name, false)
            end
            """,
            "Shop.Rollouts",
            "Shop.Rollouts.enabled?(:%{flag})",
        ),
        (
            """
            # file: lib/shop/rollouts.ex
            defmodule Shop.Rollouts do
              def on?(%{flags: flags}, flag_name), do: Map.get(flags, flag_name)
              def on?(_user, flag_name), do: Application.get_env(:shop, flag_name, false)
            end
            """,
            "Shop.Rollouts",
            "Shop.Rollouts.on?(user, :%{flag})",
        ),
        (
            """
            # file: lib/shop/access.ex
            defmodule Shop.Access do
              def open?(user), do: user.name in Application.get_env(:shop, :names)
            end
            """,
            "",
            "",
        ),
        (
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              alias FunWithFlags, as: Flags
              def total(cart), do: if(Flags.enabled?(:discounts, for: cart), do: 1, else: 2)
            end
            """,
            "FunWithFlags",
            "FunWithFlags.enabled?(:%{flag})",
        ),
        (
            """
            # file: lib/shop/features.ex
            defmodule Shop.Features do
              def on?(name), do: FunWithFlags.enabled?(name)
            end
            """,
            "Shop.Features",
            "Shop.Features.on?(:%{flag})",
        ),
        (
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              def empty?(cart), do: cart == []
              def total(cart), do: Enum.sum(cart)
            end
            # file: lib/shop/flags.ex
            defmodule Shop.Flags do
              def of(country), do: "flags/" <> country
            end
            """,
            "",
            "",
        ),
        (
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              # FunWithFlags.enabled?(:discounts)
              def total(_cart), do: "FunWithFlags.enabled?(:x)"
            end
            # file: test/shop_test.exs
            defmodule ShopTest do
              use ExUnit.Case
              test "flags", do: FunWithFlags.enabled?(:x)
            end
            """,
            "",
            "",
        ),
        (
            """
            # file: lib/shop/settings.ex
            defmodule Shop.Settings do
              def dark?, do: Application.get_env(:shop, :dark, false)
              def colour, do: Application.get_env(:shop, :colour, "red")
            end
            """,
            "",
            "",
        ),
    ],
)
def test_the_flags_of_a_project(tmp_path: Path, code: str, module: str, asks: str) -> None:
    found = flags_of(write_project(tmp_path, parse(_text(code)).files))
    assert (found.module if found else "", found.asks if found else "") == (module, asks)


TREE = """
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application

  def start(_type, _args) do
    children = [Shop.Repo, {Shop.Stock, []}, Shop.Front]
    Supervisor.start_link(children, strategy: :rest_for_one)
  end
end
# file: lib/shop/stock.ex
defmodule Shop.Stock do
  use Supervisor
  def start_link(arg), do: Supervisor.start_link(__MODULE__, arg)

  def init(_arg) do
    Supervisor.init([Shop.Prices, Shop.Shelf], strategy: :one_for_one)
  end
end
# file: lib/shop/front.ex
defmodule Shop.Front do
  use GenServer
  def start_link(arg), do: GenServer.start_link(__MODULE__, arg, name: __MODULE__)
  def init(arg), do: {:ok, arg}
  def sell(item), do: spawn(fn -> Shop.Shelf.take(item) end)
end
# file: lib/shop/shelf.ex
defmodule Shop.Shelf do
  use GenServer
  def start_link(arg), do: GenServer.start_link(__MODULE__, arg, name: __MODULE__)
  def init(arg), do: {:ok, arg}
  def take(item), do: GenServer.call(__MODULE__, {:take, item})

  def refill(items) do
    spawn(fn -> Enum.each(items, &put/1) end)
    :telemetry.execute([:shop, :shelf, :refilled], %{count: length(items)})
    :ok
  end

  defp put(item), do: :telemetry.span([:shop, :put], %{}, fn -> {item, %{}} end)
end
"""


def test_the_tree_is_started_from_its_top_and_in_its_order(tmp_path: Path) -> None:
    ranks = start_ranks(write_project(tmp_path, parse(_text(TREE)).files))
    wanted = ["Application", "Repo", "Stock", "Prices", "Shelf", "Front"]
    assert sorted(ranks, key=lambda module: ranks[module]) == [f"Shop.{name}" for name in wanted]


def test_a_tree_that_starts_itself_ends(tmp_path: Path) -> None:
    looped = TREE.replace("[Shop.Prices, Shop.Shelf]", "[Shop.Prices, Shop.Application]")
    assert "Shop.Front" in start_ranks(write_project(tmp_path, parse(_text(looped)).files))


def test_the_events_of_a_file_are_read_from_its_calls(tmp_path: Path) -> None:
    files = {
        **parse(_text(TREE)).files,
        "lib/shop/job.ex": "defmodule Shop.Job do\n  use Oban.Worker\n  def perform(_), do: :ok\nend\n",
        "lib/shop/made.ex": "defmodule Shop.Made do\n  def run(e), do: :telemetry.execute([e], %{})\nend\n",
    }
    project = write_project(tmp_path, files)
    assert signals(project, ["lib/shop/shelf.ex", "lib/shop/job.ex", "lib/shop/made.ex", "lib/gone.ex"]) == {
        "[:oban, :job, :exception]": ["lib/shop/job.ex"],
        "[:shop, :shelf, :refilled]": ["lib/shop/shelf.ex"],
        "[:shop, :put, :stop]": ["lib/shop/shelf.ex"],
    }


def rollout(root: Path, code: str) -> str:
    project = write_project(root, parse(_text(code)).files)
    return plan_texts(project, findings_in(project), "", Earlier({}), fix)[ROLLOUT]


def test_risky_items_get_a_flag_an_order_and_the_projects_own_events(tmp_path: Path) -> None:
    text = rollout(tmp_path, TREE)
    assert "## Behind a flag\n\nThe project has no feature flags yet." in text
    assert "`Flags.shelf_1_2?()`" in text and "`Flags.front_1_1?()`" in text
    assert "In the order in which the supervisors start what they change: 1.2, 1.1" in text
    assert "- `[:shop, :shelf, :refilled]`, of `lib/shop/shelf.ex`: how often" in text
    assert "switch the flag off" in text
    assert document_of(text).ledger.entries["behind-a-flag"]


def test_the_flags_that_there_are_are_used(tmp_path: Path) -> None:
    own = "# file: lib/shop/flags.ex\ndefmodule Shop.Flags do\n"
    own += "  def v2?, do: Application.get_env(:shop, :v2, false)\nend\n"
    text = rollout(tmp_path, TREE + own)
    assert "`Shop.Flags` decides what is on." in text and "It is in `lib/shop/flags.ex`" in text
    assert "`Shop.Flags.shelf_1_2?()`" in text


def test_what_decides_how_a_process_starts_gets_no_flag(tmp_path: Path) -> None:
    text = rollout(tmp_path, TREE.replace("spawn(", "Enum.each([1], "))
    assert "No flag can choose" in text and "Flags." not in text and "switch the flag off" not in text


def _text(code: str) -> str:
    return dedent(code).strip("\n") + "\n"
