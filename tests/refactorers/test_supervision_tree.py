"""Where among the children a new Task.Supervisor goes, and what it is called."""

from __future__ import annotations

import pytest

from tests.fixes.fixing import files_of
from tests.fixes.task_supervisor import (
    NEW,
    PATH,
    after_fix,
    application,
    check_list,
    check_tree,
)

LISTS: dict[str, tuple[str, str]] = {
    "empty": ("[]", f"[{NEW}]"),
    "comments only": (
        """
        [
          # Starts a worker by calling: Shop.Worker.start_link(arg)
          # {Shop.Worker, arg}
        ]
        """,
        f"""
        [
          {NEW}
          # Starts a worker by calling: Shop.Worker.start_link(arg)
          # {{Shop.Worker, arg}}
        ]
        """,
    ),
    "before the child whose module starts the task": (
        "[Shop.Repo, Shop.Mailer]",
        f"[Shop.Repo, {NEW}, Shop.Mailer]",
    ),
    "before the child that calls that module": (
        "[Shop.Stock, Shop.Cart, Shop.Mailer]",
        f"[Shop.Stock, {NEW}, Shop.Cart, Shop.Mailer]",
    ),
    "first, when the first child is that one": ("[Shop.Cart]", f"[{NEW}, Shop.Cart]"),
    "last, when no child is": ("[Shop.Repo, Shop.Stock]", f"[Shop.Repo, Shop.Stock, {NEW}]"),
    "before the entrance": (
        "[Shop.Repo, ShopWeb.Endpoint]",
        f"[Shop.Repo, {NEW}, ShopWeb.Endpoint]",
    ),
    "after the infrastructure, whatever it is named": (
        "[{DynamicSupervisor, name: Shop.Cart}, Shop.Cart]",
        f"""
        [
          {{DynamicSupervisor, name: Shop.Cart}},
          {NEW},
          Shop.Cart
        ]
        """,
    ),
    "before a child that is given the module": (
        "[Shop.Stock, {Web, plug: Shop.Cart}]",
        f"[Shop.Stock, {NEW}, {{Web, plug: Shop.Cart}}]",
    ),
    "before a task that calls the module": (
        "[{Task, &Shop.Mailer.run/0}]",
        f"[{NEW}, {{Task, &Shop.Mailer.run/0}}]",
    ),
    "comments stay with their items": (
        """
        [
          Shop.Repo,
          # the stock
          Shop.Stock,
          # may send mail
          {Shop.Cart, []}
          # and that is all
        ]
        """,
        f"""
        [
          Shop.Repo,
          # the stock
          Shop.Stock,
          {NEW},
          # may send mail
          {{Shop.Cart, []}}
          # and that is all
        ]
        """,
    ),
    "above the first item's comment": (
        """
        [
          # may send mail
          Shop.Cart
        ]
        """,
        f"""
        [
          {NEW},
          # may send mail
          Shop.Cart
        ]
        """,
    ),
    "a comment at the end of the line before": (
        """
        [
          Shop.Repo, # the data
          Shop.Cart
        ]
        """,
        f"""
        [
          Shop.Repo, # the data
          {NEW},
          Shop.Cart
        ]
        """,
    ),
    "behind the last of many lines": (
        """
        [
          Shop.Repo,
          Shop.Stock
        ]
        """,
        f"""
        [
          Shop.Repo,
          Shop.Stock,
          {NEW}
        ]
        """,
    ),
    "a trailing comma": (
        """
        [
          Shop.Repo,
          Shop.Stock,
        ]
        """,
        f"""
        [
          Shop.Repo,
          Shop.Stock,
          {NEW},
        ]
        """,
    ),
    "items of many lines": (
        """
        [
          {Shop.Stock,
           name: Shop.Stock,
           size: 10},
          {Shop.Cart,
           name: Shop.Cart}
        ]
        """,
        f"""
        [
          {{Shop.Stock,
           name: Shop.Stock,
           size: 10}},
          {NEW},
          {{Shop.Cart,
           name: Shop.Cart}}
        ]
        """,
    ),
    "several items on a line": (
        """
        [
          Shop.Repo, Shop.Stock,
          Shop.Other, Shop.Cart
        ]
        """,
        f"""
        [
          Shop.Repo, Shop.Stock,
          Shop.Other, {NEW}, Shop.Cart
        ]
        """,
    ),
    "a concatenation": ("[Shop.Repo] ++ more()", f"[Shop.Repo, {NEW}] ++ more()"),
    "two concatenations": ("[Shop.Repo] ++ more() ++ rest()", f"[Shop.Repo, {NEW}] ++ more() ++ rest()"),
    "a line that becomes too long": (
        "[Shop.Repo, {Phoenix.PubSub, name: Shop.PubSub}, Shop.Cart]",
        f"""
        [
          Shop.Repo,
          {{Phoenix.PubSub, name: Shop.PubSub}},
          {NEW},
          Shop.Cart
        ]
        """,
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_children(name: str) -> None:
    check_list(*LISTS[name])


def test_a_list_in_the_call() -> None:
    start = "Supervisor.start_link([{}], [])"
    check_tree(start.format("Shop.Cart"), start.format(f"{NEW}, Shop.Cart"))


def test_a_list_in_the_call_that_becomes_too_long() -> None:
    check_tree(
        "Supervisor.start_link([Shop.Repo, Shop.Cart], strategy: :one_for_one, name: Shop.Supervisor)",
        f"""
        Supervisor.start_link([Shop.Repo, {NEW}, Shop.Cart],
          strategy: :one_for_one,
          name: Shop.Supervisor
        )
        """,
    )


def test_a_top_supervisor_in_a_module_of_its_own() -> None:
    text = """
    # file: lib/shop/supervisor.ex
    defmodule Shop.Supervisor do
      use Supervisor

      def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)

      def init(_opts) do
        children = [Shop.Repo{}, Shop.Cart]
        Supervisor.init(children, strategy: :one_for_one)
      end
    end
    """
    files = application("Shop.Supervisor.start_link([])") | files_of(text.format(""))
    after = after_fix(files)
    assert PATH not in after
    assert after["lib/shop/supervisor.ex"] == files_of(text.format(f", {NEW}"))["lib/shop/supervisor.ex"]


def test_another_process_that_the_application_starts() -> None:
    stock = files_of("# file: lib/s.ex\ndefmodule Shop.Store do\n  def start_link(x), do: {:ok, x}\nend")
    start = "{{:ok, _}} = Shop.Store.start_link(1)\nSupervisor.start_link([{}], opts())"
    assert after_fix(application(start.format("")) | stock)[PATH] == application(start.format(NEW))[PATH]


@pytest.mark.parametrize(
    ("alias", "child"),
    [
        ("alias Shop.Task", "{Elixir.Task.Supervisor, name: Shop.TaskSupervisor}"),
        ("alias Other.Shop", "{Task.Supervisor, name: Elixir.Shop.TaskSupervisor}"),
        ("alias Shop.Cart", "{Task.Supervisor, name: Shop.TaskSupervisor}"),
    ],
)
def test_an_alias_in_the_application(alias: str, child: str) -> None:
    start = "{}\nSupervisor.start_link([{}], opts())"
    check_tree(start.format(alias, ""), start.format(alias, child))


def test_the_line_length_of_the_project() -> None:
    start = "Supervisor.start_link([{}], opts)"
    formatter = {".formatter.exs": b'[inputs: ["*.ex"], line_length: 60]\n'}
    after = after_fix(application(start.format("Shop.Repo")) | formatter)
    assert after["lib/example.ex"].decode().splitlines()[2:5] == [
        "    Task.Supervisor.start_child(Shop.TaskSupervisor, user)",
        "    :ok",
        "  end",
    ]
    assert after[PATH].decode().splitlines()[2:6] == [
        "    Supervisor.start_link(",
        "      [",
        "        Shop.Repo,",
        "        {Task.Supervisor, name: Shop.TaskSupervisor}",
    ]


@pytest.mark.parametrize(
    ("mod", "name"),
    [
        ("Shop.Application", "Shop.TaskSupervisor"),
        ("Big.Shop.Application", "Big.Shop.TaskSupervisor"),
        ("Shop.App", "OnlineShop.TaskSupervisor"),
        ("Shop", "OnlineShop.TaskSupervisor"),
    ],
)
def test_the_name(mod: str, name: str) -> None:
    mix = f"""
    # file: mix.exs
    defmodule M do
      def project, do: [app: :online_shop]
      def application, do: [mod: {{{mod}, []}}]
    end
    # file: {PATH}
    defmodule {mod} do
      def start(_type, _args), do: Supervisor.start_link([], strategy: :one_for_one)
    end
    """
    assert f"[{{Task.Supervisor, name: {name}}}]" in after_fix(files_of(mix))[PATH].decode()
