"""Fixes of supervision trees: what they do beyond the rules' examples, and what they refuse."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from otp_genesis_refactorers.change import Change
from tests.fixes.fixing import changed_files, files_of, fixed, project_of
from tests.fixes.one_finding import check_becomes, check_refused

# --- OTP309 -----------------------------------------------------------------------------------------------

SERVERS = """
# file: lib/shop/servers.ex
defmodule Shop.User do
  use GenServer
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def init(opts), do: {:ok, {opts, GenServer.call(Shop.Used, :get)}}
end

defmodule Shop.Middle do
  use GenServer
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def init(opts), do: {:ok, opts}
end

defmodule Shop.Used do
  use GenServer
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def init(opts), do: {:ok, opts}
  def handle_call(:get, _from, state), do: {:reply, state, state}
end
"""


def booting(statements: str, servers: str = SERVERS) -> str:
    """An application whose `start/2` has these statements."""
    lines = [f"    {line}" if line else "" for line in cleandoc(statements).splitlines()]
    start = ["defmodule Shop.Application do", "  use Application", "", "  def start(_type, _args) do"]
    text = "\n".join([*start, *lines, "  end", "end"])
    return f"# file: lib/shop/application.ex\n{text}\n{cleandoc(servers)}"


ORDERED = {
    "comments stay with their items": (
        """
        children = [
          # the user
          # of the other
          Shop.User,

          # between
          Shop.Middle,
          # the used one
          {Shop.Used, []} # last
        ]

        Supervisor.start_link(children, strategy: :one_for_one)
        """,
        "[\n      # the used one\n      {Shop.Used, []}, # last\n\n      # the user\n      # of the other\n"
        "      Shop.User,\n      # between\n      Shop.Middle\n    ]",
    ),
    "a trailing comma stays": (
        "Supervisor.start_link([\n  Shop.User,\n  Shop.Used,\n], strategy: :one_for_one)",
        "[\n      Shop.Used,\n      Shop.User,\n    ]",
    ),
    "on one line": (
        "Supervisor.start_link([{Shop.User, [a: 1]}, Shop.Used], strategy: :one_for_one)",
        "[Shop.Used, {Shop.User, [a: 1]}]",
    ),
    "specifications of many lines": (
        """
        children = [
          %{
            id: :user,
            start: {Shop.User, :start_link, [[]]}
          },
          Shop.Used
        ]

        Supervisor.start_link(children, strategy: :one_for_one)
        """,
        "[\n      Shop.Used,\n      %{\n        id: :user,\n        start: {Shop.User, :start_link",
    ),
}


@pytest.mark.parametrize("name", ORDERED)
def test_children_change_places(name: str) -> None:
    statements, after = ORDERED[name]
    check_becomes("OTP309", booting(statements), after)


def test_line_breaks_are_kept() -> None:
    text = booting("Supervisor.start_link([\n  Shop.User,\n  Shop.Used\n], strategy: :one_for_one)")
    files = {path: content.replace(b"\n", b"\r\n") for path, content in files_of(text).items()}
    project = project_of(files)
    change = fixed(project, ("OTP309",))
    assert isinstance(change, Change)
    content = changed_files(change, project)["lib/shop/application.ex"]
    assert content.count(b"\n") == content.count(b"\r\n")
    assert b"      Shop.Used,\r\n      Shop.User\r\n    ]" in content


def test_the_user_goes_behind_where_the_other_needs_what_is_between() -> None:
    servers = SERVERS.replace(
        "def init(opts), do: {:ok, opts}\n  def handle_call(:get",
        "def init(_opts), do: {:ok, GenServer.call(Shop.Middle, :get)}\n  def handle_call(:get",
    ).replace(
        "  def init(opts), do: {:ok, opts}\nend",
        "  def init(opts), do: {:ok, opts}\n  def handle_call(:get, _from, s), do: {:reply, s, s}\nend",
    )
    statements = "Supervisor.start_link([Shop.User, Shop.Middle, Shop.Used], strategy: :one_for_one)"
    check_becomes("OTP309", booting(statements, servers), "[Shop.Middle, Shop.Used, Shop.User]")


UNORDERED = {
    "another function": (
        "Supervisor.start_link(children(), strategy: :one_for_one)\n"
        "end\n\ndefp children do\n[Shop.User, Shop.Used]",
        "not one literal list",
    ),
    "two lists": (
        "Supervisor.start_link([Shop.User] ++ [Shop.Used], strategy: :one_for_one)",
        "are more than the list",
    ),
    "several on a line": (
        "children = [\n  Shop.Middle, Shop.User,\n  Shop.Used\n]\n\n"
        "Supervisor.start_link(children, strategy: :one_for_one)",
        "lines with several items",
    ),
    "piped": (
        "[Shop.User, Shop.Used]\n|> Supervisor.start_link(strategy: :one_for_one)",
        "are piped",
    ),
}


@pytest.mark.parametrize("name", UNORDERED)
def test_a_list_that_is_not_one_literal_is_left(name: str) -> None:
    statements, reason = UNORDERED[name]
    check_refused("OTP309", booting(statements), reason)


def test_two_that_need_what_is_between_are_left() -> None:
    servers = """
    # file: lib/shop/servers.ex
    defmodule Shop.User do
      use GenServer
      def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
      def init(_opts), do: {:ok, GenServer.call(Shop.Used, :get)}
      def handle_call(:get, _from, state), do: {:reply, state, state}
    end

    defmodule Shop.Middle do
      use GenServer
      def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
      def init(_opts), do: {:ok, GenServer.call(Shop.User, :get)}
      def handle_call(:get, _from, state), do: {:reply, state, state}
    end

    defmodule Shop.Used do
      use GenServer
      def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
      def init(_opts), do: {:ok, GenServer.call(Shop.Middle, :get)}
      def handle_call(:get, _from, state), do: {:reply, state, state}
    end
    """
    statements = "Supervisor.start_link([Shop.User, Shop.Middle, Shop.Used], strategy: :one_for_one)"
    check_refused("OTP309", booting(statements, cleandoc(servers)), "both need what stands between them")


# --- OTP310 -----------------------------------------------------------------------------------------------

RUN = """
# file: lib/shop/run.ex
defmodule Shop.Run do
  use GenServer
  def begin(id), do: DynamicSupervisor.start_child(Shop.Runs, {__MODULE__, id})
  def start_link(id), do: GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Shop.Names, id}})
  def init(id), do: {:ok, id}
end
"""
NAMES = "{Registry, keys: :unique, name: Shop.Names}"
RUNS = "{DynamicSupervisor, strategy: :one_for_one, name: Shop.Runs}"

STRATEGIES = {
    "options with brackets": f"Supervisor.start_link([{NAMES}, {RUNS}], [name: A, strategy: :one_for_one])",
    "piped": f"[{NAMES}, {RUNS}]\n|> Supervisor.start_link(strategy: :one_for_one)",
    "a variable": f"opts = [strategy: :one_for_one]\nSupervisor.start_link([{NAMES}, {RUNS}], opts)",
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_strategy_of_the_list_is_changed(name: str) -> None:
    text = booting(STRATEGIES[name], RUN)
    after = STRATEGIES[name].replace("strategy: :one_for_one)", "strategy: :rest_for_one)")
    after = after.replace("strategy: :one_for_one]", "strategy: :rest_for_one]")
    check_becomes("OTP310", text, after.replace("\n", "\n    "))


NOT_CHANGED = {
    "the registry behind": (f"[{RUNS}, {NAMES}], strategy: :one_for_one", "put it in front first"),
    "a long list": (f"[{NAMES}, A, B, C, D, E, F, G, {RUNS}], strategy: :one_for_one", "one of their own"),
    "options out of sight": (f"[{NAMES}, {RUNS}], @options", "is not written out beside it"),
}


@pytest.mark.parametrize("name", NOT_CHANGED)
def test_strategies_that_are_left(name: str) -> None:
    arguments, reason = NOT_CHANGED[name]
    text = booting(f"Supervisor.start_link({arguments})", RUN)
    text = text.replace("use Application\n", "use Application\n  @options [strategy: :one_for_one]\n")
    check_refused("OTP310", text, reason)
