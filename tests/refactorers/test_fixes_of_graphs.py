"""Fixes that need the project's graphs: what they do beyond the rules' examples, and what they refuse."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.fixes import fix
from otp_genesis_refactorers.gates import first_failure
from otp_genesis_refactorers.gates.trial import try_out
from tests.refactorers.fixing import STRICT, changed_files, decoded, files_of, project_of


def run_fix(code: str, text: str) -> dict[str, str] | Refused:
    """The changed files of the first finding of a rule, put through the gates."""
    project = project_of(files_of(text))
    found = engine.check(project, STRICT)
    finding = next(finding for finding in found if finding.code == code and finding.fix is not None)
    change = fix(finding, project)
    if isinstance(change, Refused):
        return change
    assert first_failure(try_out(finding, change, project, found, STRICT)) is None
    return decoded(changed_files(change, project))


def check_becomes(code: str, text: str, *parts: str) -> None:
    """The fix leaves all `parts` in the changed files, in this order."""
    files = run_fix(code, text)
    assert not isinstance(files, Refused), files.reason
    content = "".join(files[path] for path in sorted(files))
    places = [content.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), content


def check_refused(code: str, text: str, part: str) -> None:
    refusal = run_fix(code, text)
    assert isinstance(refusal, Refused), refusal
    assert part in refusal.reason
    assert "\n" not in refusal.reason


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
    finding = next(finding for finding in engine.check(project, STRICT) if finding.code == "OTP309")
    change = fix(finding, project)
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


# --- OTP406 -----------------------------------------------------------------------------------------------

CART = """
# file: lib/shop/cart.ex
defmodule Shop.Cart do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(opts), do: {:ok, opts}

  def handle_call({:delete_item, _sku}, _from, cart), do: {:reply, :ok, cart}
  def handle_cast({:add, _sku}, cart), do: {:noreply, cart}
  def handle_info({:sold, _sku}, cart), do: {:noreply, cart}
end
# file: lib/shop/desk.ex
defmodule Shop.Desk do
  @tag :delete_items

  def go(sku), do: STATEMENT
end
"""

NEARLY = {
    "a call": ("GenServer.call(Shop.Cart, {:delete_items, sku})", "{:delete_item, sku}"),
    "a piped call": ("Shop.Cart |> GenServer.call({:delete_itm, sku})", "{:delete_item, sku}"),
    "a cast": ("GenServer.cast(Shop.Cart, {:put, sku})", "{:add, sku}"),
}


@pytest.mark.parametrize("name", NEARLY)
def test_the_tag_that_was_meant(name: str) -> None:
    statement, after = NEARLY[name]
    check_becomes("OTP406", CART.replace("STATEMENT", statement), after)


CLAUSES = {
    "{:drop, sku, :all, 2}": "def handle_call({:drop, _sku, :all, 2}, _from, cart) do",
    ":clear": "def handle_call(:clear, _from, cart) do",
    "{:swap, sku, sku, f(sku), true}": "def handle_call({:swap, _sku, _sku2, _value, true}, _from, cart) do",
}


@pytest.mark.parametrize("message", CLAUSES)
def test_a_call_gets_a_clause(message: str) -> None:
    text = CART.replace("STATEMENT", f"GenServer.call(Shop.Cart, {message})")
    check_becomes("OTP406", text, "{:reply, :ok, cart}\n\n", CLAUSES[message], "\n  end\n  def handle_cast")


def test_the_first_clause_stands_behind_init() -> None:
    text = """
    defmodule Shop.Cart do
      use GenServer

      def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :cart)
      def clear, do: GenServer.call(:cart, :clear)

      @impl true
      def init(opts), do: {:ok, opts}

      @impl true
      def handle_cast(:add, state), do: {:noreply, state}
    end
    """
    check_becomes(
        "OTP406", text, "{:ok, opts}\n\n  @impl true\n  def handle_call(:clear, _from, state) do", "cast"
    )


UNMATCHED_REFUSED = {
    "GenServer.cast(Shop.Cart, {:take, sku, 1})": "would only hide that it is lost",
    "send(Shop.Cart, {:solds, sku})": "is a plain one",
    "GenServer.call(Shop.Cart, {@tag, sku})": "not written out in the call",
    "apply(GenServer, :call, [Shop.Cart, {:delete_items, sku}])": "not written out in the call",
}


@pytest.mark.parametrize("statement", UNMATCHED_REFUSED)
def test_unmatched_messages_that_are_left(statement: str) -> None:
    check_refused("OTP406", CART.replace("STATEMENT", statement), UNMATCHED_REFUSED[statement])


# --- OTP307 -----------------------------------------------------------------------------------------------

STOCK = """
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application

  def start(_type, _args), do: Supervisor.start_link([Shop.Stock], strategy: :one_for_one)
end
# file: lib/shop/stock.ex
defmodule Shop.Stock do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: NAME)

  CLIENT

  def init(opts), do: {:ok, opts}

  def handle_call({:take, _item, _count}, _from, stock), do: {:reply, :ok, stock}
  def handle_call(:items, _from, stock), do: {:reply, stock, stock}
  def handle_call({:find, %{sku: sku}}, _from, stock), do: {:reply, sku, stock}
  def handle_cast({:free, _item}, stock), do: {:noreply, stock}
end
# file: lib/shop/desk.ex
defmodule Shop.Desk do
  def go(item), do: STATEMENT
end
"""


def stock(statement: str, client: str = "", name: str = "__MODULE__") -> str:
    return STOCK.replace("STATEMENT", statement).replace("CLIENT", client).replace("NAME", name)


TAKE = "GenServer.call(Shop.Stock, {:take, item, f(1, 2)})"
CALLED = {
    "the function that is there": (
        stock(TAKE, "def grab(count, item), do: GenServer.call(__MODULE__, {:take, item, count})"),
        ["Shop.Stock.grab(f(1, 2), item)"],
    ),
    "one that does more is not called": (
        stock(TAKE, "def grab(item, count), do: GenServer.call(__MODULE__, {:take, item, count}) |> elem(1)"),
        ["Shop.Stock.take(item, f(1, 2))", "def take(item, count), do: GenServer.call(__MODULE__, {:take"],
    ),
    "one with another timeout is not called": (
        stock(TAKE, "def grab(item, count), do: GenServer.call(__MODULE__, {:take, item, count}, 1)"),
        ["def take(item, count), do: GenServer.call(__MODULE__, {:take, item, count})\n"],
    ),
    "a bare tag": (
        stock("GenServer.call(:stock, :items)", name=":stock"),
        ["Shop.Stock.items()", "def items, do: GenServer.call(:stock, :items)"],
    ),
    "a cast": (
        stock("GenServer.cast(Elixir.Shop.Stock, {:free, item})"),
        ["Shop.Stock.free(item)", "def free(item), do: GenServer.cast(__MODULE__, {:free, item})"],
    ),
}


@pytest.mark.parametrize("name", CALLED)
def test_the_client_function_is_called(name: str) -> None:
    text, parts = CALLED[name]
    check_becomes("OTP307", text, *parts)


NOT_CALLED = {
    "GenServer.call(Shop.Stock, {:take, item, 1}, 60_000)": "has a timeout of its own",
    "Shop.Stock |> GenServer.call(:items)": "is piped",
    "GenServer.call(Shop.Stock, item)": "no tag that is written out",
    "GenServer.call(Shop.Stock, {:find, item})": "apart in the head of its clause",
    "GenServer.call(Shop.Stock, {:gone, item})": "no clause of `Shop.Stock` is for this message",
}


@pytest.mark.parametrize("statement", NOT_CALLED)
def test_scattered_calls_that_are_left(statement: str) -> None:
    check_refused("OTP307", stock(statement), NOT_CALLED[statement])


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


# --- OTP407 -----------------------------------------------------------------------------------------------


def ticker(infos: str, directives: str = "") -> str:
    return f"""defmodule Shop.Ticker do
  use GenServer
{directives}
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def init(opts), do: {{:ok, opts}}

{infos}
end
"""


LOGGED = {
    "a block": (
        "  def handle_info(_, pages) do\n    # nothing to do\n    {:noreply, pages}\n  end",
        'handle_info(message, pages) do\n    Logger.warning("unexpected message: #{inspect(message)}")\n'
        "    # nothing to do\n    {:noreply, pages}\n  end",
    ),
    "a name that is used": (
        "  def handle_info(news, pages), do: {:noreply, pages}",
        'handle_info(news, pages) do\n    Logger.warning("unexpected message: #{inspect(news)}")\n'
        "    {:noreply, pages}\n  end",
    ),
    "other callbacks behind": (
        "  def handle_info(:tick, pages), do: {:noreply, pages}\n\n  def terminate(_reason, _pages), do: :ok",
        "{:noreply, pages}\n\n  def handle_info(message, pages) do\n    Logger.warning(",
    ),
}


@pytest.mark.parametrize("name", LOGGED)
def test_stray_messages_are_logged(name: str) -> None:
    infos, after = LOGGED[name]
    check_becomes("OTP407", ticker(infos), "use GenServer\n\n  require Logger\n\n", after)


def test_logger_is_required_once() -> None:
    infos = "  def handle_info(_, pages), do: {:noreply, pages}"
    for directive in ("require Logger", "use Logger", "require Logger, warn: false"):
        files = run_fix("OTP407", ticker(infos, f"  {directive}\n"))
        assert not isinstance(files, Refused)
        assert files["lib/example.ex"].count("require Logger") == directive.count("require Logger")


NOT_LOGGED = {
    "another Logger": (
        ticker("  def handle_info(_, pages), do: {:noreply, pages}", "  alias Shop.Logger\n"),
        "means another module",
    ),
    "a pattern": (
        ticker("  def handle_info(message = _all, pages), do: {:noreply, pages}"),
        "takes the message in a pattern",
    ),
    "a behaviour only": (
        ticker("  def handle_info(_, pages), do: {:noreply, pages}").replace(
            "use GenServer", "@behaviour GenServer"
        ),
        "uses nothing behind which",
    ),
}


@pytest.mark.parametrize("name", NOT_LOGGED)
def test_stray_messages_that_are_left(name: str) -> None:
    check_refused("OTP407", *NOT_LOGGED[name])


# --- OTP403 -----------------------------------------------------------------------------------------------

STORE = """
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application

  def start(_type, _args), do: Supervisor.start_link([Shop.Store], strategy: :one_for_one)
end
# file: lib/shop/store.ex
defmodule Shop.Store do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def save(item), do: GenServer.cast(__MODULE__, {:save, item})

  def init(opts), do: {:ok, opts}

  def handle_cast({:save, item}, items), do: {:noreply, Enum.take([item | items], 9)}
  MORE
end
# file: lib/shop/desk.ex
defmodule Shop.Desk do
  DESK
end
"""


def store(more: str = "", desk: str = "def go, do: :ok") -> str:
    return STORE.replace("MORE", more).replace("DESK", desk)


def test_all_casts_of_the_message_become_calls() -> None:
    desk = "def go(item), do: GenServer.cast(Shop.Store, {:save, item})"
    files = run_fix("OTP403", store(desk=desk))
    assert not isinstance(files, Refused), files.reason
    assert "GenServer.call(Shop.Store, {:save, item})" in files["lib/shop/desk.ex"]
    assert "def save(item), do: GenServer.call(__MODULE__, {:save, item})" in files["lib/shop/store.ex"]
    assert "handle_call({:save, item}, _from, items), do: {:reply, :ok, Enum" in files["lib/shop/store.ex"]


def test_other_casts_stay() -> None:
    clause = "def handle_cast(:clear, _items), do: {:noreply, []}"
    more = f"{clause}\n  def clear, do: GenServer.cast(__MODULE__, :clear)"
    check_becomes(
        "OTP403",
        store(more),
        "handle_cast(:clear, _items)",
        "def clear, do: GenServer.cast(__MODULE__, :clear)",
    )


CASTS_LEFT = {
    "several clauses": (
        store("def handle_cast({:save, _item, _where}, items), do: {:noreply, items}"),
        "has several clauses for `:save`",
    ),
    "cast by itself": (
        store("def handle_info(item, s), do: {:noreply, {s, GenServer.cast(__MODULE__, {:save, item})}}"),
        "a server can't call itself",
    ),
    "cast by another server": (
        store(
            desk="use GenServer\n  def init(s), do: {:ok, s}\n"
            "  def handle_info(i, s), do: {:noreply, {s, GenServer.cast(Shop.Store, {:save, i})}}"
        ),
        "would wait for another one",
    ),
    "captured": (
        store(desk="def go(item), do: apply(GenServer, :cast, [Shop.Store, {:save, item}])"),
        "made by `apply`",
    ),
    "more than the state": (
        store().replace("[item | items], 9)}", "[item | items], 9)} |> tap(&f/1)"),
        "gives more than",
    ),
}


@pytest.mark.parametrize("name", CASTS_LEFT)
def test_casts_that_are_left(name: str) -> None:
    check_refused("OTP403", *CASTS_LEFT[name])
