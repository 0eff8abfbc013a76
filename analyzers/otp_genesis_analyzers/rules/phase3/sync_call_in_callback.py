from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.across_modules.asks import Ask, asks
from otp_genesis_analyzers.facts.messages.shapes import taken
from otp_genesis_analyzers.facts.processes.kinds import Kind, kinds
from otp_genesis_analyzers.facts.waits.held_up import holds_up_callers
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, Rule
from otp_genesis_analyzers.supervision import forest

_WORK_IS_WAITING: frozenset[Kind] = frozenset({"GenStage"})
_DEFAULT_TIMEOUT_MS = 5_000


class SyncCallInCallback(Rule):
    """A server's callback calls another server and waits for its answer.

    ## What it does
    Reports calls of another server of the project in callbacks of a server that others call: a
    `GenServer.call` to a registered name, and client functions of other modules that make such a call, also
    where a facade hands on to them. `handle_call` and the call events of a state machine are judged always,
    `handle_cast` and `handle_info` where the server answers calls as well. It is **information** where there
    is one such server, by name, and a **hint** where the server is one of many, or where the exit of the call
    is caught.

    ## Why it matters on the BEAM
    A process takes one message at a time. While it waits for another server, all its own callers wait too, so
    the two servers are as slow as both together. A call whose server is dead, or doesn't answer in five
    seconds, exits: unless that is caught, the death of the one server is the death of the other.

    ## When it is legitimate
    In `init/1`, where a child relies on those that were started before it. In `terminate`. In a worker that
    nobody calls. In a task or a `fn` that runs in another process. Where the client function reads an ETS
    table and asks the server only when nothing is there. None of these is reported.

    ## Use instead
    ```elixir
    def handle_call(:checkout, from, state) do
      Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
        GenServer.reply(from, Shop.Stock.reserve(state.items))
      end)

      {:noreply, state}
    end
    ```
    Or let the client call both servers: `items |> Shop.Stock.reserve() |> Shop.Cart.checkout()`.

    ## Fix safety
    There is no mechanical fix: whether the answer may come later, or the client can ask both servers, is a
    decision. A model can propose it.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#call/3
    - `tests/beam/call_in_callback.exs`
    """

    code = "OTP305"
    name = "sync-call-in-callback"
    severity = Severity.INFORMATION
    project_wide = True
    anchors = (
        "handle_",
        ":call",
        "GenServer call",
        "GenStage call",
        "GenStateMachine call",
        "gen_server call",
        "gen_statem call",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              use GenServer
              alias Shop.Stock

              def init(opts), do: {:ok, opts}

              def handle_call(:checkout, _from, state), do: {:reply, Stock.reserve(state.items), state}
            #                                                        ^^^^^^^^^^^^^ information: `Shop.Stock`

              def handle_call(:peek, _from, state) do
                {:reply, peek(state), state}
              end

              defp peek(state), do: state.items |> Stock.count(2_000) |> Kernel.+(1)
            #                                      ^^^^^^^^^^^ information: up to 2000 ms
            end
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def reserve(items), do: GenServer.call(__MODULE__, {:reserve, items})
              def count(item, _timeout), do: GenServer.call(__MODULE__, {:count, item}, 2_000)

              def init(opts), do: {:ok, opts}

              def handle_call({:reserve, items}, _from, state), do: {:reply, items, state}
              def handle_call({:count, item}, _from, state), do: {:reply, item, state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:total, _from, state), do: {:reply, state.total, state}

              def handle_info({:rate, currency}, state) do
                rate = GenServer.call(:rates, {:rate, currency}, :infinity)
            #          ^^^^^^^^^^^^^^ information: however long that takes
                {:noreply, %{state | rate: rate}}
              end
            end

            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :rates)
              def init(opts), do: {:ok, opts}
              def handle_call({:rate, currency}, _from, rates), do: {:reply, rates[currency], rates}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/door.ex
            defmodule Shop.Door do
              @behaviour :gen_statem

              def callback_mode, do: :handle_event_function
              def init(opts), do: {:ok, :shut, opts}

              def handle_event({:call, from}, :open, :shut, data) do
                allowed = apply(Shop.Guard, :allows?, [data.key])
            #             ^^^^^ information: waits for `Shop.Guard`
                {:next_state, :open, data, [{:reply, from, allowed}]}
              end
            end

            defmodule Shop.Guard do
              use GenServer

              @name :guard

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: @name)
              def allows?(key), do: ask({:allows, key})
              def init(keys), do: {:ok, keys}
              def handle_call({:allows, key}, _from, keys), do: {:reply, key in keys, keys}

              defp ask(question), do: GenServer.call(@name, question)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/fleet.ex
            defmodule Shop.Fleet do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:where, id}, _from, cars) do
                {:reply, Shop.Car.place(cars[id]), cars}
            #            ^^^^^^^^^^^^^^ hint: waits for a `Shop.Car`
              end

              def handle_call({:sure, id}, _from, cars) do
                {:reply, sure(id), cars}
              end

              defp sure(id) do
                Shop.Map.find(id)
            #   ^^^^^^^^^^^^^ hint: waits for `Shop.Map`
              catch
                :exit, _ -> nil
              end
            end

            defmodule Shop.Car do
              use GenServer

              def place(car), do: GenServer.call(car, :place)
              def init(opts), do: {:ok, opts}
              def handle_call(:place, _from, car), do: {:reply, car.place, car}
            end

            defmodule Shop.Map do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def find(id), do: GenServer.call(__MODULE__, {:find, id})
              def init(opts), do: {:ok, opts}
              def handle_call({:find, id}, _from, map), do: {:reply, map[id], map}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/facade.ex
            defmodule Shop.Facade do
              defdelegate reserve(item), to: Shop.Stock
              def first(items), do: items |> hd() |> reserve()
              def try_first(items), do: if(items != [], do: first(items))
            end
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def reserve(item), do: GenServer.call(__MODULE__, {:reserve, item})
              def init(opts), do: {:ok, opts}
              def handle_call({:reserve, item}, _from, state), do: {:reply, item, state}
            end
            # file: lib/shop/account.ex
            defmodule Shop.Account do
              use GenServer

              def start_link(id), do: GenServer.start_link(__MODULE__, id, name: via(id))
              def balance(id), do: id |> via() |> GenServer.call(:balance)
              def init(id), do: {:ok, id}
              def handle_call(:balance, _from, state), do: {:reply, state, state}
              defp via(id), do: {:via, Registry, {Shop.Names, id}}
            end
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              use GenServer

              alias Shop.{Account, Facade, Stock}

              def init(opts), do: {:ok, opts}
              def handle_call({:add, item}, _from, state), do: {:reply, Facade.reserve(item), state}
            #                                                           ^^^^^^^^^^^^^^ information: `Shop.St
              def handle_call({:one, items}, _from, state), do: {:reply, Facade.first(items), state}
            #                                                            ^^^^^^^^^^^^ information: `Shop.St
              def handle_call({:try, items}, _from, state), do: {:reply, Facade.try_first(items), state}
              def handle_call({:all, items}, _from, _state) do
                {:reply, :ok, Enum.map(items, &Stock.reserve/1)}
            #                                 ^^^^^^^^^^^^^^^^ information
              end

              def handle_call({:pay, id}, _from, state), do: {:reply, Account.balance(id), state}
            #                                                         ^^^^^^^^^^^^^^^ hint
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def reserve(items), do: GenServer.call(__MODULE__, {:reserve, items})
              def free(items), do: GenServer.cast(__MODULE__, {:free, items})

              def init(opts), do: {:ok, opts}
              def handle_call({:reserve, items}, _from, state), do: {:reply, items, state}
              def handle_cast({:free, _items}, state), do: {:noreply, state}
            end
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              use GenServer
              alias Shop.Stock

              def checkout(cart, items) do
                Stock.reserve(items)
                GenServer.call(cart, :checkout)
              end

              def init(opts), do: {:ok, Stock.reserve(opts)}

              def handle_call(:checkout, from, state) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                  GenServer.reply(from, Stock.reserve(state.items))
                end)

                {:noreply, state}
              end

              def handle_call(:cancel, _from, state) do
                Stock.free(state.items)
                {:reply, :ok, %{state | later: &Stock.reserve/1, again: fn -> Stock.reserve([]) end}}
              end

              def terminate(_reason, state), do: Stock.reserve(state.items)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/sweeper.ex
            defmodule Shop.Sweeper do
              @moduledoc "A worker that nobody calls."
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, :first}}

              def handle_continue(:first, state), do: {:noreply, Shop.Stock.reserve(state)}
              def handle_info(:tick, state), do: {:noreply, Shop.Stock.reserve(state)}
            end

            defmodule Shop.Stock do
              use GenServer

              def reserve(items), do: GenServer.call(__MODULE__, {:reserve, items})
              def init(opts), do: {:ok, opts}
              def handle_call({:reserve, items}, _from, state), do: {:reply, items, state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/prices.ex
            defmodule Shop.Prices do
              @moduledoc "Reads a table; the server only fills it."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def price(sku) do
                case :ets.lookup(:prices, sku) do
                  [{^sku, price}] -> price
                  [] -> GenServer.call(__MODULE__, {:load, sku})
                end
              end

              def init(opts), do: {:ok, opts}
              def handle_call({:load, sku}, _from, state), do: {:reply, sku, state}
            end

            defmodule Shop.Cart do
              use GenServer

              def init(opts), do: {:ok, opts}
              def handle_call({:add, sku}, _from, cart), do: {:reply, Shop.Prices.price(sku), cart}
            end
            """
        ),
        Example(
            """
            # file: lib/shop_web/live/cart_live.ex
            defmodule ShopWeb.CartLive do
              @moduledoc "A page is the client of servers."
              use ShopWeb, :live_view

              def mount(_params, _session, socket), do: {:ok, assign(socket, :items, Shop.Stock.items())}
              def handle_event("add", %{"sku" => sku}, socket), do: {:noreply, Shop.Stock.add(socket, sku)}
            end

            defmodule Shop.Stock do
              use GenServer

              def items, do: GenServer.call(__MODULE__, :items)
              def add(_socket, sku), do: GenServer.call(__MODULE__, {:add, sku})
              def init(opts), do: {:ok, opts}
              def handle_call(:items, _from, items), do: {:reply, items, items}
              def handle_call({:add, sku}, _from, items), do: {:reply, :ok, [sku | items]}
            end
            # file: test/support/fake_cart.ex
            defmodule Shop.FakeCart do
              use GenServer

              def init(opts), do: {:ok, opts}
              def handle_call(:items, _from, state), do: {:reply, Shop.Stock.items(), state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/board.ex
            defmodule Shop.Board do
              @moduledoc "Functions of the same name, of modules that are no servers."
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:show, _from, state) do
                {:reply, {Shop.Text.reserve(state), Shop.Stock.label(state), call(state)}, state}
              end

              defp call(state), do: Map.get(state, :call)
            end

            defmodule Shop.Text do
              def reserve(text), do: String.pad_trailing(text, 10)
            end

            defmodule Shop.Stock do
              use GenServer

              def reserve(items), do: GenServer.call(__MODULE__, {:reserve, items})
              def label(item), do: "item: " <> item
              def init(opts), do: {:ok, opts}
              def handle_call({:reserve, items}, _from, state), do: {:reply, items, state}
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        seen: set[tuple[str, int]] = set()
        for ask in asks(project):
            place = ask.entry.path, ask.site.call.head.start
            module = ask.entry.module
            if place in seen or kinds(module) & _WORK_IS_WAITING:
                continue
            if holds_up_callers(module, ask.callback, ask.clause):
                seen.add(place)
                yield self._finding(project, ask)

    def _finding(self, project: Project, ask: Ask) -> Finding:
        asked, asking = ask.server.module.name, ask.entry.module.name
        caught = ask.site.call.guarded_by_rescue or ask.request.call.guarded_by_rescue
        who = f"`{asked}`" if ask.by_name else f"a `{asked}`"
        branch = ", of another branch of the tree," if _in_other_branch(project, asking, asked) else ""
        through = "" if ask.direct else f" in `{ask.site.call.target}`"
        crash = "" if caught else ", and it crashes when no answer comes"
        related = [] if ask.direct else [Related(ask.request_path, ask.request.call.head, "waits here")]
        related += [
            Related(ask.server.path, clause.clause.name_span, "has to answer")
            for clause in taken(ask.server.module)
            if clause.way == "call"
        ][:1]
        return self.report(
            ask.entry.path,
            ask.site.call.head,
            f"`{ask.callback.id}` waits for {who}{branch}{through}, {_how_long(ask)}: "
            f"every caller of `{asking}` waits too{crash}",
            snippet=ask.site.call.target,
            scope=ask.site.scope,
            severity=Severity.HINT if caught or not ask.by_name else Severity.INFORMATION,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=tuple(related),
        )


def _how_long(ask: Ask) -> str:
    arguments = ask.request.call.args
    timeout = arguments[2] if len(arguments) > 2 else None
    if timeout is None:
        return f"up to {_DEFAULT_TIMEOUT_MS} ms"
    if timeout.is_atom("infinity"):
        return "however long that takes"
    return f"up to {timeout.value} ms" if timeout.kind == "int" else "until the timeout that it is given"


def _in_other_branch(project: Project, asking: str, asked: str) -> bool:
    """Both have supervisors that are known, and none of these has both."""
    started = forest(project).started
    here = {node.module.name for node, _ in started.get(asking, ())}
    there = {node.module.name for node, _ in started.get(asked, ())}
    return bool(here) and bool(there) and here.isdisjoint(there)
