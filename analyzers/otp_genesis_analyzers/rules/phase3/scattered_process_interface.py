from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.across_modules.process_interfaces import Bypass, bypasses
from otp_genesis_analyzers.facts.messages.shapes import sent_by
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, Rule


class ScatteredProcessInterface(Rule):
    """A module talks to the process of another one directly, past that module's functions.

    ## What it does
    Reports `GenServer.call`, `GenServer.cast` and the functions of `Agent` with the registered name of a
    server or agent of the project, in modules outside the one whose process it is.

    ## Why it matters on the BEAM
    The messages of a server are its inner affair: their form, whether they are called or cast, how long to
    wait. Written out in many modules, no compiler knows them. A message that has no clause any more ends the
    server, and the state of an agent that many modules reach into can be broken by any of them.

    ## When it is legitimate
    In the module of the server itself, in those of its own namespace, one of which may be its face, and in
    tests. On another node. In an application of an umbrella that doesn't depend on that of the server, and
    so can't name its functions. Processes of dependencies are theirs. None of these is reported.

    ## Use instead
    ```elixir
    Shop.Cart.add(sku)

    # in Shop.Cart
    def add(sku), do: GenServer.call(__MODULE__, {:add, sku})
    ```

    ## Fix safety
    Unsafe: the server's module becomes the place that decides how it is asked. Where it has a function that
    sends just this message, that is called; else it gets one, named after the message. Refused where the
    call has a timeout of its own, and where the server takes the message apart in the head of its clause.

    ## References
    - https://hexdocs.pm/elixir/process-anti-patterns.html#scattered-process-interfaces
    - `tests/beam/unmatched_message.exs`
    """

    code = "OTP307"
    name = "scattered-process-interface"
    severity = Severity.INFORMATION
    project_wide = True
    anchors = (
        "GenServer call",
        "GenServer cast",
        "gen_server call",
        "gen_server cast",
        "Agent get",
        "Agent cast",
        "Agent update",
        "Agent get_and_update",
        "Agent start_link",
        "handle_",
    )
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args), do: Supervisor.start_link([Shop.Cart], strategy: :one_for_one)
            end
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:add, sku, count}, _from, state), do: {:reply, :ok, Map.put(state, sku, count)}
            end
            # file: lib/shop_web/live/cart_live.ex
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              alias Shop.Cart

              def handle_event("add", %{"sku" => sku}, socket) do
                GenServer.call(Cart, {:add, sku, 1})
            #   ^^^^^^^^^^^^^^ information: `Shop.Cart` is called past its own functions
                {:noreply, socket}
              end
            end
            """,
            fixed="""
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def add(sku, count), do: GenServer.call(__MODULE__, {:add, sku, count})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:add, sku, count}, _from, state), do: {:reply, :ok, Map.put(state, sku, count)}
            end
            # file: lib/shop_web/live/cart_live.ex
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              alias Shop.Cart

              def handle_event("add", %{"sku" => sku}, socket) do
                Cart.add(sku, 1)
                {:noreply, socket}
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args), do: Supervisor.start_link([Shop.Stock], strategy: :one_for_one)
            end
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              @name :stock

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: @name)
              def free(count, item), do: GenServer.cast(@name, {:free, item, count})
              def init(opts), do: {:ok, opts}
              def handle_cast({:free, item, count}, state), do: {:noreply, Map.put(state, item, count)}
            end
            # file: lib/shop/orders.ex
            defmodule Shop.Orders do
              def cancel(order) do
                GenServer.cast(:stock, {:free, order.item, length(order.parts)})
            #   ^^^^^^^^^^^^^^ information: cast past its own functions
              end
            end
            """,
            fixed="""
            # file: lib/shop/orders.ex
            defmodule Shop.Orders do
              def cancel(order) do
                Shop.Stock.free(length(order.parts), order.item)
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/coupons.ex
            defmodule Shop.Coupons do
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
            end
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              def discount(code), do: Agent.get(Shop.Coupons, &Map.get(&1, code, 0))
            #                         ^^^^^^^^^ information: the agent of `Shop.Coupons` is used

              def forget(code) do
                Shop.Coupons |> Agent.update(&Map.delete(&1, code))
            #                   ^^^^^^^^^^^^ information
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/printer.ex
            defmodule Shop.Printer do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def print(page), do: GenServer.call(__MODULE__, {:print, page})
              def init(opts), do: {:ok, opts}
              def handle_call({:print, page}, _from, state), do: {:reply, page, state}
            end
            # file: lib/shop/desk.ex
            defmodule Shop.Desk do
              def print(page), do: GenServer.call(Shop.Printer, {:print, page}, 60_000)
            #                      ^^^^^^^^^^^^^^ information
              def again(page), do: apply(GenServer, :call, [Shop.Printer, {:print, page}])
            #                      ^^^^^ information
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              @moduledoc "The face of a server."

              defdelegate start_link(opts), to: Shop.Cart.Server
              def add(sku), do: GenServer.call(Shop.Cart.Server, {:add, sku})
            end

            defmodule Shop.Cart.Server do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def clear, do: GenServer.cast(__MODULE__, :clear)
              def init(opts), do: {:ok, opts}
              def handle_call({:add, sku}, _from, state), do: {:reply, :ok, [sku | state]}
              def handle_cast(:clear, _state), do: {:noreply, []}

              defmodule Sweeper do
                def sweep, do: GenServer.cast(Shop.Cart.Server, :clear)
              end
            end

            defmodule Shop.Cart.Client do
              def clear, do: GenServer.cast(Shop.Cart.Server, :clear)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/orders.ex
            defmodule Shop.Orders do
              def place(order, worker) do
                Shop.Stock.reserve(order)
                GenServer.call(worker, {:place, order})
                GenServer.call({:via, Registry, {Shop.Names, order}}, :place)
                GenServer.call(Other.Server, {:place, order})
                :sys.get_state(Shop.Stock)
                GenServer.call({Shop.Stock, :"stock@far"}, {:reserve, order})
                Agent.get(worker, & &1)
              end
            end

            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def reserve(order), do: GenServer.call(__MODULE__, {:reserve, order})
              def init(opts), do: {:ok, opts}
              def handle_call({:reserve, order}, _from, state), do: {:reply, order, state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_call(:items, _from, items), do: {:reply, items, items}
            end
            # file: test/shop/stock_test.exs
            defmodule Shop.StockTest do
              use ExUnit.Case

              test "knows its items" do
                assert GenServer.call(Shop.Stock, :items) == []
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/coupons.ex
            defmodule Shop.Coupons do
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: :coupons)
              def discount(code), do: Agent.get(:coupons, &Map.get(&1, code, 0))
              def stop, do: Agent.stop(:coupons)
            end

            defmodule Shop.Till do
              def discount(code), do: Shop.Coupons.discount(code)
              def other(code), do: Agent.get(:others, &Map.get(&1, code, 0))
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Shops.MixProject do
              use Mix.Project
              def project, do: [apps_path: "apps"]
            end
            # file: apps/explorer/mix.exs
            defmodule Explorer.MixProject do
              use Mix.Project
              def project, do: [app: :explorer]
              def application, do: [extra_applications: [:logger]]
            end
            # file: apps/explorer/lib/explorer.ex
            defmodule Explorer do
              def lost(block), do: GenServer.cast(Indexer.Blocks, {:lost, block})
            end
            # file: apps/indexer/mix.exs
            defmodule Indexer.MixProject do
              use Mix.Project
              def project, do: [app: :indexer, deps: [{:explorer, in_umbrella: true}]]
              def application, do: [extra_applications: [:logger]]
            end
            # file: apps/indexer/lib/indexer/blocks.ex
            defmodule Indexer.Blocks do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_cast({:lost, block}, state), do: {:noreply, [block | state]}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/room.ex
            defmodule Shop.Room do
              @moduledoc "Two servers in one file, and a message to oneself."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def enter(user), do: GenServer.call(__MODULE__, {:enter, user})
              def init(opts), do: {:ok, opts}

              def handle_call({:enter, user}, _from, state) do
                GenServer.cast(self(), {:entered, user})
                {:reply, Shop.Door.open(), state}
              end

              def handle_cast({:entered, _user}, state), do: {:noreply, state}
            end

            defmodule Shop.Door do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def open, do: GenServer.call(__MODULE__, :open)
              def init(opts), do: {:ok, opts}
              def handle_call(:open, _from, state), do: {:reply, :ok, state}
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        for bypass in bypasses(project):
            yield self._finding(bypass)

    def _finding(self, bypass: Bypass) -> Finding:
        site, server = bypass.site, bypass.server
        name = server.module.name
        if site.call.module == "Agent":
            words, kind = f"the agent of `{name}` is used", FixKind.LLM
        else:
            message = sent_by(site.call)
            words = f"`{name}` is {'cast' if message is not None and message[0] == 'cast' else 'called'}"
            kind = FixKind.UNSAFE if site.call.form == "call" else FixKind.LLM
        return self.report(
            bypass.path,
            site.call.head,
            f"{words} past its own functions, so its module can't change what it takes",
            snippet=f"{site.call.target} {name}",
            scope=site.scope,
            confidence=Confidence.STRONG,
            fix=kind,
            related=(Related(server.path, server.module.name_span, "this module should offer a function"),),
        )
