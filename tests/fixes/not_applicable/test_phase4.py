"""OTP401 to OTP407: where messages, their senders and their handlers stay as they are."""

from __future__ import annotations

import pytest

from tests.fixes.not_applicable.saying_why import (
    Case,
    application,
    check_reason,
    files,
    in_test,
    server,
)

START = "def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)\n"
MAILER = server(START + "def handle_info({:deliver, mail}, opts), do: {:noreply, [mail | opts]}")


def sending(orders: str, mailer: str = MAILER, more: str = "") -> str:
    return files(mailer=mailer, orders=orders) + more + application("[Shop.Mailer]")


PLACE = "def place(mail) do\n  send(Shop.Mailer, {:deliver, mail})\n  :ok\nend\n"
PLAIN: list[Case] = [
    (
        "OTP401",
        sending(PLACE, more=files(b="def handle_info(it, opts), do: Shop.Mailer.handle_info(it, opts)")),
        "`Shop.Mailer.handle_info/2` is called as a function at lib/shop/b.ex:2",
    ),
    (
        "OTP401",
        sending(
            PLACE,
            """
            @behaviour :gen_statem

            def start_link(opts), do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, opts, [])
            def callback_mode, do: :handle_event_function
            def init(opts), do: {:ok, :idle, opts}
            def handle_event(:info, {:deliver, mail}, _state, opts), do: {:keep_state, [mail | opts]}
            """,
        ),
        "takes the message in `handle_event/4` at lib/shop/mailer.ex:7",
    ),
    (
        "OTP401",
        sending(
            server(
                """
                def handle_cast({:place, mail}, opts) do
                  place(mail)
                  {:noreply, opts}
                end

                defp place(mail), do: send(Shop.Mailer, {:deliver, mail})
                """
            )
        ),
        "lib/shop/orders.ex:9 runs in the callback `handle_cast/2`",
    ),
    (
        "OTP401",
        sending(
            "def place(mail), do: send(Shop.Mailer, {:deliver, mail})",
            more=files(web="def create(mail) do\n  {:deliver, sent} = Shop.Orders.place(mail)\n  sent\nend"),
        ),
        "`Shop.Orders.place/1` gives the message, which lib/shop/web.ex:3 uses",
    ),
    (
        "OTP401",
        sending(PLACE + 'def all(mail), do: Phoenix.PubSub.broadcast(Shop.PubSub, "mail", {:deliver, mail})'),
        "may come to Shop.Mailer by a timer, a broadcast or a test as well",
    ),
    (
        "OTP401",
        sending(PLACE + "def later(mail), do: :timer.send_after(100, Shop.Mailer, {:deliver, mail})"),
        "keep the clause, and give the server another message",
    ),
    (
        "OTP401",
        sending(PLACE, more=in_test('test "keeps it" do\n  send(Shop.Mailer, {:deliver, 1})\nend')),
        "and those can't call",
    ),
    (
        "OTP401",
        sending(
            PLACE, MAILER + "\ndef handle_info({:deliver, mail, _}, opts), do: {:noreply, [mail | opts]}"
        ).replace("{:deliver, mail, _}, opts)", "{:deliver, _mail}, opts) when opts == []"),
        "several clauses of `handle_info/2` in `Shop.Mailer` take `:deliver`",
    ),
    (
        "OTP401",
        sending(PLACE, MAILER + "\ndef handle_call(_any, _from, opts), do: {:reply, :what, opts}"),
        "takes such a message already, and the moved one would never run",
    ),
    (
        "OTP401",
        sending("def place(mail) do\n  Shop.Mailer |> send({:deliver, mail})\n  :ok\nend"),
        "the server is piped into the `send`",
    ),
    (
        "OTP401",
        sending("def place(mail) do\n  send(Process.whereis(Shop.Mailer), {:deliver, mail})\n  :ok\nend"),
        "goes to a pid that is looked up by name",
    ),
    (
        "OTP401",
        sending(
            PLACE.replace("(Shop.Mailer, {", "(\n    Shop.Mailer,\n    # soon\n    {").replace(
                "mail})", "mail}\n  )"
            )
        ),
        "a comment stands among the arguments at lib/shop/orders.ex:5",
    ),
]

STORE = server(
    START + "def save(item), do: GenServer.cast(__MODULE__, {:save, item})\n"
    "def handle_cast({:save, item}, opts), do: {:noreply, [item | opts]}"
)


def storing(store: str = STORE, **others: str) -> str:
    return files(store=store, **others) + application("[Shop.Store]")


CASTS: list[Case] = [
    (
        "OTP403",
        storing(more="use GenServer\ndefdelegate handle_cast(it, opts), to: Shop.Store"),
        "would find no clause for `:save` from now on",
    ),
    (
        "OTP403",
        storing() + in_test('test "keeps" do\n  GenServer.cast(Shop.Store, {:save, 1})\nend'),
        "let them call the client function first",
    ),
    (
        "OTP403",
        files(
            ledger="@behaviour GenServer\n\n"
            + START
            + "def commit, do: :gen_server.cast(__MODULE__, :commit)\n"
            "def init(opts), do: {:ok, opts}\ndef handle_cast(:commit, opts), do: {:noreply, opts}"
        ),
        "would answer calls and keep nothing",
    ),
    (
        "OTP403",
        storing(
            desk=server(
                "def handle_cast({:sell, item}, opts) do\n  Shop.Store.save(item)\n  {:noreply, opts}\nend"
            )
        ),
        "`Shop.Store.save/1` is called at lib/shop/desk.ex:5, in a callback of `Shop.Desk`",
    ),
    (
        "OTP403",
        storing(desk="def sell(store, item), do: GenServer.cast(store, {:save, item})"),
        "the cast at lib/shop/desk.ex:2 may be one of `:save` to `Shop.Store`",
    ),
    (
        "OTP403",
        storing(STORE + "\ndef tell(message), do: GenServer.cast(__MODULE__, message)"),
        "name the server and the message there first",
    ),
    (
        "OTP403",
        storing(desk="def sell(item), do: GenServer.abcast(Shop.Store, {:save, item})"),
        "may come to `Shop.Store` by a broadcast or a test as well",
    ),
    (
        "OTP403",
        storing()
        + in_test('test "keeps" do\n  assert {:noreply, [1]} = Shop.Store.handle_cast({:save, 1}, [])\nend'),
        "`Shop.Store.handle_cast/2` is called as a function at test/shop/a_test.exs:5",
    ),
    (
        "OTP403",
        storing(STORE + "\ndef handle_call({:save, item}, _from, opts), do: {:reply, item, opts}"),
        "the clause of `handle_call/3` at lib/shop/store.ex:7 takes such a message already",
    ),
]


def rescued(handlers: str, call: str = "GenServer.call(pid, :ask)") -> str:
    lines = "".join(f"  {line}\n" for line in handlers.splitlines())
    return f"def ask(pid) do\n  try do\n    {call}\n{lines}  end\nend"


HANDLERS: list[Case] = [
    ("OTP402", rescued("catch\n  _, _ -> GenServer.cast(pid, :ask)"), "tells failures apart"),
    (
        "OTP402",
        rescued("catch\n  :exit, _ -> if pid, do: GenServer.cast(pid, :ask)"),
        "does more than send and log",
    ),
    (
        "OTP405",
        rescued("rescue\n  e ->\n    case e do\n      %RuntimeError{} -> nil\n    end"),
        "`case e do` at lib/example.ex:7 is taken for an exception",
    ),
    ("OTP405", rescued("rescue\n  e -> match?(%RuntimeError{}, e)"), "`match?(%RuntimeError{}, e)` at"),
    ("OTP405", rescued("rescue\n  e -> {:error, failed(e)}"), "`failed(e)` at lib/example.ex:6 is taken for"),
    ("OTP405", rescued('rescue\n  e -> {:error, "#{e}"}'), "`#{e}` at lib/example.ex:6"),
    ("OTP405", rescued("rescue\n  e -> {:error, Map.get(e, :message)}"), "`Map.get(e, :message)`"),
    (
        "OTP405",
        rescued("rescue\n  e -> {:error, Sentry.capture_exception(e)}"),
        "which an exit reason is not",
    ),
    ("OTP405", rescued('rescue\n  _ -> raise "the store is down"'), '`raise "the store is down"`'),
    ("OTP405", rescued("rescue\n  e -> {:error, e.message}"), "`e.message` at lib/example.ex:6"),
    ("OTP405", rescued("catch\n  :error, reason -> reason"), "takes `:error, reason`, which an exit is not"),
]

CART = """
use GenServer

def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
def delete(item), do: GenServer.call(__MODULE__, {:delete, item})
def init(opts), do: {:ok, opts}
def handle_call({:delete, item}, _from, opts), do: {:reply, :ok, List.delete(opts, item)}
"""


def carting(statement: str, cart: str = CART) -> str:
    return files(desk=f"@tag :deleet\ndef go(item), do: {statement}", cart=cart) + application("[Shop.Cart]")


UNMATCHED: list[Case] = [
    (
        "OTP406",
        carting('GenServer.call(Shop.Cart, {:"add now", item})'),
        "the message has no plain atom as its tag",
    ),
    (
        "OTP406",
        carting('GenServer.call(Shop.Cart, "everything")'),
        "in `Shop.Cart` (lib/shop/cart.ex:1) by hand",
    ),
    (
        "OTP406",
        carting(f"GenServer.call(Shop.Cart, {{:restock, {', '.join(['item'] * 12)}}})"),
        "has more parts than a line of lib/shop/cart.ex has room for",
    ),
    (
        "OTP406",
        carting("GenServer.call(Shop.Cart, {:stock, item})", CART.partition("def delete")[0]),
        "has no callback beside which a `handle_call/3` could stand",
    ),
    (
        "OTP406",
        carting("item", CART + "def handle_call(:none, _from, opts), do: {:reply, [], opts}"),
        "nothing of the project sends what the clause at lib/shop/cart.ex:8 takes",
    ),
    ("OTP406", carting("GenServer.call(Shop.Cart, {@tag, item})"), "change it to `:delete` by hand"),
    ("OTP406", carting("GenServer.cast(Shop.Cart, {:stock, item})"), "would only hide that it is lost"),
]

TICK = "def handle_info(:tick, opts), do: {:noreply, opts}\n"
SILENT = TICK + "def handle_info(_stray, opts), do: {:noreply, opts}"
STRAY: list[Case] = [
    (
        "OTP407",
        server(TICK + "def handle_info(_, message), do: {:noreply, message}"),
        "has a `message` already, and the message it drops needs that name",
    ),
    (
        "OTP407",
        server(START + TICK).replace("opts), do: {:noreply, opts}", "message), do: {:noreply, message}"),
        "call their state `message`: call it otherwise first",
    ),
    (
        "OTP407",
        server(SILENT.replace("def handle_info(_stray, opts),", "def(handle_info(_stray, opts),") + ")"),
        "no `do`",
    ),
    ("OTP407", "alias Shop.Logger\n" + server(SILENT), "`Logger` means another module at lib/example.ex:6"),
    ("OTP407", "alias Shop.Log, as: Logger\n" + server(START + TICK), "write the log line by hand"),
    (
        "OTP407",
        server(SILENT).replace("use", "@behaviour"),
        "nothing behind which `require Logger` could stand",
    ),
    ("OTP407", server(START + TICK).replace("use", "@behaviour"), "`Shop.A` uses nothing behind which"),
]


@pytest.mark.parametrize(("code", "text", "reason"), [*PLAIN, *CASTS, *HANDLERS, *UNMATCHED, *STRAY])
def test_it_says_why_it_does_not_apply(code: str, text: str, reason: str) -> None:
    check_reason(code, text, reason)
