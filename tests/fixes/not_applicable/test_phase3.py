"""OTP303 to OTP311: where a server, its callers and its supervisor stay as they are."""

from __future__ import annotations

import pytest

from tests.fixes.not_applicable.saying_why import Case, application, check_reason, files, in_test, server


def init(body: str, rest: str = "") -> str:
    """A server whose `init/1` has these statements, from the fourth line on."""
    lines = "".join(f"  {line}\n" for line in body.splitlines())
    return f"use GenServer\ndef init(opts) do\n{lines}end\n{rest}"


LOAD = "body = Req.get!(opts[:url]).body"
INITS: list[Case] = [
    (
        "OTP303",
        files(a=init(f"{LOAD}\n{{:ok, body}}"), b="def read(opts), do: elem(Shop.A.init(opts), 1)"),
        "`Shop.A.init/1` is called as a function at lib/shop/b.ex:2",
    ),
    (
        "OTP303",
        init(
            f"{LOAD}\n{{:ok, body}}",
            "def handle_continue(message, opts), do: {:noreply, [message | opts]}",
        ),
        "the `handle_continue/2` of Shop.A takes any message",
    ),
    (
        "OTP303",
        init(f"require Logger\n{LOAD}\nLogger.info(body)\n{{:ok, body}}"),
        "the `require` at lib/example.ex:4 holds in `init/1` alone: move it up into the module first",
    ),
    (
        "OTP303",
        init(f"alias Shop.Page, as: P\n{LOAD}\n{{:ok, P.read(body)}}"),
        "the `alias` at lib/example.ex:4 holds in `init/1` alone",
    ),
    ("OTP303", init(f"{LOAD}\nif body == [], do: throw({{:stop, :empty}})\n{{:ok, body}}"), "the `throw` at"),
    (
        "OTP303",
        init(f"{LOAD}\n{{:ok, body}}").replace("}\nend", "}\nrescue\n  _ -> :ignore\nend"),
        "`init/1` at lib/example.ex:3 rescues what fails at lib/example.ex:4",
    ),
    ("OTP303", init(f"{LOAD}\n{{:ok, body, 1_000}}"), "returns `1_000` as a third element already"),
    (
        "OTP303",
        init("with {:ok, page} <- Req.get(opts[:url]), do: {:ok, page.body}"),
        "`init/1` at lib/example.ex:3 returns what `with` gives",
    ),
    (
        "OTP303",
        init("load(opts)", "defp load(opts), do: {:ok, Req.get!(opts[:url]).body}"),
        "returns what `load(opts)` gives",
    ),
    (
        "OTP303",
        f"use GenStage\ndef init(opts) do\n  {LOAD}\n  {{:producer, body}}\nend",
        "starts no GenServer, but what returns in a form of its own",
    ),
]


def answering(answer: str, more: str = "", head: str = "{:get, url}, _from, opts") -> str:
    return server(f"def handle_call({head}) do\n  {answer}\nend\n{more}")


CHANGED = "def handle_cast({:at, at}, opts), do: {:noreply, %{opts | at: at}}"
CALLBACKS: list[Case] = [
    (
        "OTP304",
        files(a=answering("{:reply, Req.get!(url), opts}"))
        + in_test('test "gets" do\n  {:reply, _, []} = Shop.A.handle_call({:get, "/"}, self(), [])\nend'),
        "`Shop.A.handle_call/3` is called as a function at test/shop/a_test.exs:5, and would return",
    ),
    (
        "OTP304",
        answering("{:reply, {Logger.metadata(), Req.get!(url)}, opts}"),
        "`Logger.metadata/0` at lib/exam",
    ),
    (
        "OTP304",
        answering("{:reply, {Port.command(opts.port, url), Req.get!(url)}, opts}"),
        "works with what is the server's own, one call after the other",
    ),
    ("OTP304", answering("{:reply, :ets.insert(:pages, {url, Req.get!(url)}), opts}"), "`:ets.insert/2` at"),
    (
        "OTP304",
        answering("{:reply, fetch(url), opts}", "defp fetch(url), do: Req.get!(url, into: self())"),
        "runs `Kernel.self/0`, which means the server's own process",
    ),
    ("OTP304", answering("{:reply, Req.get!(url, opts), opts}", CHANGED), "uses the state as a whole"),
    ("OTP304", answering("{:reply, Req.get!(url, opts.at), opts}", CHANGED), "that other messages change"),
    (
        "OTP304",
        answering("{:reply, {pid, Req.get!(url)}, opts}", head="{:get, url}, {pid, _tag}, opts"),
        "takes its caller apart",
    ),
    ("OTP304", answering("{:reply, Req.get!(url), opts, 5_000}"), "gives `5_000` besides the answer"),
    (
        "OTP304",
        answering("page = Req.get!(url)\n  {:reply, page, opts}"),
        "has 2 statements, and not one answer",
    ),
    ("OTP304", answering("{:reply, Req.get!(url), [url | opts]}"), "changes the state with its answer"),
]

STOCK = """
use GenServer

def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
{client}
def init(opts), do: {{:ok, opts}}
def handle_call({{:find, item}}, _from, opts), do: {{:reply, opts[item], opts}}
{more}
"""


def asking(call: str, client: str = "", more: str = "") -> str:
    stock = STOCK.format(client=client, more=more)
    return files(desk=f"def look(item) do\n  {call}\nend", stock=stock) + application("[Shop.Stock]")


FIND = "GenServer.call(Shop.Stock, {:find, item})"
INTERFACES: list[Case] = [
    (
        "OTP307",
        asking(FIND, "def find(item) when is_atom(item), do: GenServer.call(__MODULE__, {:find, item})"),
        "can't have a new function `find/1`, since it has one that does something else",
    ),
    (
        "OTP307",
        asking(FIND, "def find(item) do\n  {:ok, it} = GenServer.call(__MODULE__, {:find, item})\n  it\nend"),
        "one that does something else",
    ),
    (
        "OTP307",
        asking(FIND, "def find(item), do: GenServer.call(:other_stock, {:find, item})"),
        "add one of another name",
    ),
    (
        "OTP307",
        asking("GenServer.call(\n    Shop.Stock,\n    # by its name\n    {:find, item}\n  )"),
        "a comment stands among the arguments at lib/shop/desk.ex:5",
    ),
    (
        "OTP307",
        asking(
            "GenServer.call(Shop.Stock, {:length, item})",
            more="def handle_call({:length, item}, _from, opts), do: {:reply, length(opts[item]), opts}",
        ),
        "a function `length/1` in `Shop.Stock` would stand in the way of the one of Kernel",
    ),
    ("OTP307", asking("apply(GenServer, :call, [Shop.Stock, {:find, item}])"), "is made through `apply`"),
    ("OTP307", asking('GenServer.call(Shop.Stock, {:"find-it", item})'), "no plain atom as its tag"),
    (
        "OTP307",
        files(
            desk="def look(item), do: Agent.get(Shop.Stock, & &1[item])",
            stock="use Agent\n\ndef start_link(opts), do: Agent.start_link(fn -> opts end, name: __MODULE__)",
        ),
        "is not a call or cast of a server",
    ),
]

USER = files(
    user="""
    use GenServer

    def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
    def init(opts), do: {:ok, {opts, Shop.Used.get()}}
    """,
    used="""
    use GenServer

    def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
    def get, do: GenServer.call(__MODULE__, :get)
    def init(opts), do: {:ok, opts}
    def handle_call(:get, _from, opts), do: {:reply, opts, opts}
    """,
)
ORDER: list[Case] = [
    ("OTP309", USER + application("[Shop.User] ++ [Shop.Used]"), "the children are more than the list"),
    (
        "OTP309",
        USER + application("[Shop.User, Shop.Used] |> Enum.filter(& &1)"),
        "its children are not one literal list",
    ),
    (
        "OTP309",
        USER + application("[\n    Shop.User, Shop.Used,\n    Shop.Last\n  ]"),
        "has lines with several items",
    ),
]

ROOM = files(
    room="""
    use GenServer

    def start_link(id), do: GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Shop.Names, id}})
    def open(id), do: DynamicSupervisor.start_child(Shop.Rooms, {Shop.Room, id})
    def init(id), do: {:ok, id}
    """
)
NAMES, ROOMS = "{Registry, keys: :unique, name: Shop.Names}", "{DynamicSupervisor, name: Shop.Rooms}"
STRATEGIES: list[Case] = [
    (
        "OTP310",
        ROOM
        + application(
            f"[{NAMES}, {ROOMS}]",
            "opts = [strategy: :one_for_one]\n  {:ok, _} = Supervisor.start_link([Shop.Other], opts)\n"
            "  Supervisor.start_link(children, opts)",
        ),
        "`opts`, which holds the strategy, is used at lib/shop/application.ex:7 too",
    ),
    (
        "OTP310",
        ROOM
        + application(f"[{NAMES}, {ROOMS}]", "Supervisor.start_link(children, @opts)").replace(
            "use Application\n", "use Application\n  @opts [strategy: :one_for_one]\n"
        ),
        "is not written out beside it: change it to `:rest_for_one` by hand",
    ),
    ("OTP310", ROOM + application(f"[{ROOMS}, {NAMES}]"), "stands behind those that rely on it"),
]


def handing(statements: str, head: str = "%Plug.Conn{} = conn") -> str:
    lines = "".join(f"  {line}\n" for line in statements.splitlines())
    return f"def go({head}) do\n{lines}end"


TASK = "Task.start(fn -> log(conn.host) end)"
PAYLOADS: list[Case] = [
    (
        "OTP311",
        handing(f"conn\n|> check()\n|> case do\n  :ok -> {TASK}\nend"),
        "the call at lib/example.ex:6 has no line of its own",
    ),
    (
        "OTP311",
        handing(f"cond do\n  conn.host -> {TASK}\n  true -> :ok\nend"),
        "at lib/example.ex:4 has no line",
    ),
    ("OTP311", handing(f"case check() do\n  :ok -> {TASK}\nend"), "has no line of its own: bind the fields"),
    ("OTP311", handing(f"log(); {TASK}"), "has no line of its own"),
    ("OTP311", f"def go(%Plug.Conn{{}} = conn), do: (log(); {TASK})", "has no line of its own"),
    (
        "OTP311",
        f"def go(%Plug.Conn{{}} = conn), do: {TASK}, rescue: (_ -> :no)",
        "has no `do` block: write it with one",
    ),
    (
        "OTP311",
        handing("with %Plug.Conn{} = conn <- check(conn),\n     {:ok, _} <- " + TASK + " do\n  :ok\nend"),
        "binds `conn` itself: bind the fields by hand",
    ),
    (
        "OTP311",
        server("def seen(%Plug.Conn{} = conn), do: GenServer.cast(__MODULE__, {:seen, conn})"),
        "needs a decision: send the fields that its receiver needs",
    ),
]


@pytest.mark.parametrize(
    ("code", "text", "reason"), [*INITS, *CALLBACKS, *INTERFACES, *ORDER, *STRATEGIES, *PAYLOADS]
)
def test_it_says_why_it_does_not_apply(code: str, text: str, reason: str) -> None:
    check_reason(code, text, reason)
