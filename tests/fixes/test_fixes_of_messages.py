"""Fixes of messages between modules: what they do beyond the rules' examples, and what they refuse."""

from __future__ import annotations

import pytest

from tests.fixes.one_finding import check_becomes, check_refused, fixed_files

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
    "GenServer.call(Shop.Stock, item)": "no plain atom as its tag",
    "GenServer.call(Shop.Stock, {:find, item})": "apart in the head of its clause",
    "GenServer.call(Shop.Stock, {:gone, item})": "at lib/shop/stock.ex:1 takes `{:gone, _}`",
}


@pytest.mark.parametrize("statement", NOT_CALLED)
def test_scattered_calls_that_are_left(statement: str) -> None:
    check_refused("OTP307", stock(statement), NOT_CALLED[statement])


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
    files = fixed_files("OTP403", store(desk=desk))
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


# --- OTP406 -----------------------------------------------------------------------------------------------

CART = """
# file: lib/shop/cart.ex
defmodule Shop.Cart do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def delete(sku), do: GenServer.call(__MODULE__, {:delete_item, sku})

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
      def add, do: GenServer.cast(:cart, :add)
      def clear, do: GenServer.call(:cart, :clear)

      @impl true
      def init(opts), do: {:ok, opts}

      @impl true
      def handle_cast(:add, state), do: {:noreply, state}
    end
    """
    clause = "{:ok, opts}\n\n  @impl true\n  def handle_call(:clear, _from, state) do"
    check_becomes("OTP406", text, clause, "handle_cast")


UNMATCHED_REFUSED = {
    "GenServer.cast(Shop.Cart, {:take, sku, 1})": "would only hide that it is lost",
    "send(Shop.Cart, {:solds, sku})": "is a plain one",
    "GenServer.call(Shop.Cart, {@tag, sku})": "not written out in the call",
    "apply(GenServer, :call, [Shop.Cart, {:delete_items, sku}])": "not written out in the call",
}


@pytest.mark.parametrize("statement", UNMATCHED_REFUSED)
def test_unmatched_messages_that_are_left(statement: str) -> None:
    check_refused("OTP406", CART.replace("STATEMENT", statement), UNMATCHED_REFUSED[statement])


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
        files = fixed_files("OTP407", ticker(infos, f"  {directive}\n"))
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
