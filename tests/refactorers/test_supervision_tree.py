"""Where the Task.Supervisor comes from, and where among the children it goes."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from otp_genesis_refactorers.change import Change, Refused
from tests.refactorers.fixing import changed_files, files_of, fixed, in_function, project_of

PATH = "lib/shop/application.ex"
MAILER = files_of(in_function("spawn(user)")) | files_of(
    """
    # file: lib/shop/cart.ex
    defmodule Shop.Cart do
      use GenServer
      def init(cart), do: {:ok, cart}
      def handle_cast(:buy, cart), do: {:noreply, Shop.Mailer.run(cart)}
    end
    # file: lib/shop/stock.ex
    defmodule Shop.Stock do
      use Agent
    end
    """
)


def application(start: str) -> dict[str, bytes]:
    """An application module whose `start/2` has this body."""
    lines = "\n".join(f"    {line}" if line else "" for line in cleandoc(start).splitlines())
    text = f"defmodule Shop.Application do\n  def start(_type, _args) do\n{lines}\n  end\nend\n"
    return {PATH: text.encode()}


def after_fix(files: dict[str, bytes]) -> dict[str, bytes]:
    project = project_of(MAILER | files)
    change = fixed(project)
    assert isinstance(change, Change), change
    return changed_files(change, project)


def check_tree(before: str, after: str) -> None:
    """The fix of an unsupervised start leaves `start/2` with the body `after`."""
    assert after_fix(application(before))[PATH].decode() == application(after)[PATH].decode()


def check_list(before: str, after: str) -> None:
    tail = "\n\nSupervisor.start_link(children, strategy: :one_for_one)"
    check_tree(f"children = {cleandoc(before)}{tail}", f"children = {cleandoc(after)}{tail}")


NEW = "{Task.Supervisor, name: Shop.TaskSupervisor}"

# -- the place -----------------------------------------------------------------------------------

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


# -- one that is there ---------------------------------------------------------------------------

REUSED: dict[str, tuple[str, str]] = {
    "by name": ("[{Task.Supervisor, name: Shop.Jobs}]", "Shop.Jobs"),
    "under an atom": ("[{Task.Supervisor, name: :jobs}]", ":jobs"),
    "with a specification": (
        "[Supervisor.child_spec({Task.Supervisor, name: Shop.Jobs}, id: :jobs)]",
        "Shop.Jobs",
    ),
    "the nearest of several": (
        "[{Task.Supervisor, name: Other.Jobs}, {Task.Supervisor, name: Shop.Mailer.Jobs},"
        " {Task.Supervisor, name: Shop.Jobs}]",
        "Shop.Mailer.Jobs",
    ),
    "the unlimited one": (
        "[{Task.Supervisor, name: Shop.Mailer.Jobs, max_children: 3}, {Task.Supervisor, name: Shop.Jobs}]",
        "Shop.Jobs",
    ),
    "in a list that is built": ("base() ++ [{Task.Supervisor, name: Shop.Jobs}]", "Shop.Jobs"),
}
NOT_REUSED: dict[str, str] = {
    "one that is limited": "[{Task.Supervisor, name: Shop.Jobs, max_children: 3}]",
    "one without a name": "[Task.Supervisor]",
    "one whose name is computed": "[{Task.Supervisor, name: name()}]",
}


@pytest.mark.parametrize("case", REUSED)
def test_a_supervisor_that_is_there(case: str) -> None:
    children, name = REUSED[case]
    after = after_fix(application(f"children = {children}\nSupervisor.start_link(children, opts())"))
    assert PATH not in after
    assert f"Task.Supervisor.start_child({name}, user)" in after["lib/example.ex"].decode()


@pytest.mark.parametrize("case", NOT_REUSED)
def test_a_supervisor_that_will_not_do(case: str) -> None:
    start = f"children = {NOT_REUSED[case]}\nSupervisor.start_link(children, opts())"
    assert NEW in after_fix(application(start))[PATH].decode()


def test_one_further_down_the_tree() -> None:
    jobs = """
    # file: lib/shop/jobs.ex
    defmodule Shop.Jobs do
      use Supervisor
      def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)
      def init(_), do: Supervisor.init([{Task.Supervisor, name: Shop.Jobs.Tasks}], strategy: :one_for_one)
    end
    """
    running = application("Supervisor.start_link([Shop.Jobs], opts())") | files_of(jobs)
    assert PATH not in after_fix(running)
    idle = application("Supervisor.start_link([Shop.Stock], opts())") | files_of(jobs)
    assert PATH in after_fix(idle)


def test_one_that_only_some_configurations_start() -> None:
    children = "if prod?(), do: [{Task.Supervisor, name: Shop.Jobs}], else: []"
    start = f"children = {children}\nSupervisor.start_link(children, [])"
    assert isinstance(fixed(project_of(MAILER | application(start))), Refused)


def test_a_name_that_is_taken() -> None:
    taken = files_of("# file: lib/t.ex\ndefmodule Shop.TaskSupervisor do\nend")
    after = after_fix(application("Supervisor.start_link([], opts())") | taken)
    assert b"{Task.Supervisor, name: Shop.BackgroundTaskSupervisor}" in after[PATH]


def test_one_that_starts_after_its_user_is_told() -> None:
    start = "Supervisor.start_link([Shop.Mailer, {Task.Supervisor, name: Shop.Jobs}], opts())"
    change = fixed(project_of(MAILER | application(start)))
    assert isinstance(change, Change)
    assert change.notes[-1].startswith("Shop.Jobs starts after Shop.Mailer, whose init/1 must not use it yet")


# -- what is left to a person --------------------------------------------------------------------

UNREADABLE: dict[str, tuple[str, int]] = {
    "children = build()\nSupervisor.start_link(children, opts())": (
        "its children are not one literal list",
        3,
    ),
    "Supervisor.start_link(build(), opts())": ("its children are not one literal list", 3),
    "children = [Shop.Repo]\nchildren = children ++ [Shop.Cart]\nSupervisor.start_link(children, opts())": (
        "its children are not one literal list",
        5,
    ),
    "children = if x(), do: [Shop.Cart], else: []\nSupervisor.start_link(children, [])": (
        "its children are not one literal list",
        3,
    ),
    "children = base() ++ [Shop.Cart]\nSupervisor.start_link(children, [])": (
        "its children are not one literal list",
        3,
    ),
    "children = [Shop.Cart | rest()]\nSupervisor.start_link(children, [])": (
        "its list of children has a tail",
        3,
    ),
    "[Shop.Cart] |> Supervisor.start_link(opts())": ("the children are piped to the supervisor", 3),
    "if x(), do: Supervisor.start_link([], []), else: Supervisor.start_link([A], [])": (
        "start/2 starts several supervisors",
        2,
    ),
    "Other.start()": ("start/2 starts no Supervisor itself", 2),
}


@pytest.mark.parametrize("start", UNREADABLE)
def test_a_tree_of_another_shape(start: str) -> None:
    reason, line = UNREADABLE[start]
    refusal = fixed(project_of(MAILER | application(start)))
    assert refusal == Refused(
        f"{reason}: add `{NEW}` to the children of Shop.Application ({PATH}:{line}), then run the fix again"
    )


def test_the_line_that_the_refusal_names_is_enough() -> None:
    start = f"children = base() ++ [{NEW}]\nSupervisor.start_link(children, [])"
    assert list(after_fix(application(start))) == ["lib/example.ex"]
