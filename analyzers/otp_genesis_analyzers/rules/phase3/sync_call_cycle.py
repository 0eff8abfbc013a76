from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.across_modules.call_cycles import Cycle, call_cycles
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, Rule


class SyncCallCycle(Rule):
    """Servers wait for each other: each calls the next one in a callback, the last one the first.

    ## What it does
    Follows the calls that callbacks make to other servers of the project, by `GenServer.call` to a registered
    name and through client functions, and reports each hop of a circle. It is a **warning** where every hop
    goes to a registered name. Where one goes to a pid, it may be another process of the same module at each
    turn, and it is **information**.

    ## Why it matters on the BEAM
    When both are in such a callback at the same time, each waits for an answer that the other can't give
    before it has its own. After five seconds both calls exit, and unless that is caught both servers crash;
    with `:infinity` they stand still for ever. From `init/1` it is certain: the server that is called calls
    one that has not started.

    ## When it is legitimate
    Hardly ever: where one direction runs in a task, or is a cast, there is no circle, and nothing is
    reported. A circle that the state of the servers rules out can be suppressed with that reason.

    ## Use instead
    ```elixir
    # in Shop.Cart: hand over what the other server would ask for
    def handle_call(:checkout, _from, state), do: {:reply, Shop.Stock.take(state.items), state}

    # in Shop.Stock
    def handle_call({:take, items}, _from, state), do: {:reply, :ok, state -- items}
    ```

    ## Fix safety
    There is no mechanical fix: one direction has to go, by data in the message, or by a cast and a message
    back. A model can propose it.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#call/3
    - `tests/beam/call_cycle.exs`
    """

    code = "OTP306"
    name = "sync-call-cycle"
    severity = Severity.WARNING
    project_wide = True
    anchors = (
        "handle_",
        "init(",
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

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def items, do: GenServer.call(__MODULE__, :items)

              def init(opts), do: {:ok, opts}

              def handle_call(:checkout, _from, items), do: {:reply, Shop.Stock.take(), items}
            #                                                        ^^^^^^^^^^^^^^^ warning: `Shop.Stock`
              def handle_call(:items, _from, items), do: {:reply, items, items}
            end
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer
              alias Shop.Cart

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def take, do: GenServer.call(__MODULE__, :take)

              def init(opts), do: {:ok, opts}
              def handle_call(:take, _from, stock), do: {:reply, :ok, stock -- taken()}

              defp taken, do: Cart.items()
            #                 ^^^^^^^^^^ warning: waits for `Shop.Cart`, which waits for `Shop.Stock`
            end
            """
        ),
        Example(
            """
            # file: lib/shop/ring.ex
            defmodule Shop.Orders do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :orders)
              def init(opts), do: {:ok, opts}

              def handle_call(:place, _from, state) do
                {:reply, GenServer.call(:payments, :pay), state}
            #            ^^^^^^^^^^^^^^ warning: which waits for `Shop.Mails`, which waits
              end
            end

            defmodule Shop.Payments do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :payments)
              def init(opts), do: {:ok, opts}

              def handle_call(:pay, _from, state) do
                :mails |> GenServer.call(:receipt)
            #             ^^^^^^^^^^^^^^ warning: `Shop.Payments` waits for
                {:reply, :ok, state}
              end
            end

            defmodule Shop.Mails do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :mails)
              def init(opts), do: {:ok, opts}

              def handle_info(:flush, state), do: {:noreply, state}

              def handle_call(:receipt, _from, state) do
                order = GenServer.call(:orders, :last, :infinity)
            #           ^^^^^^^^^^^^^^ warning: `Shop.Mails` waits for
                {:reply, order, state}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/boot.ex
            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def rate(currency), do: GenServer.call(__MODULE__, {:rate, currency})

              def init(opts), do: {:ok, Shop.Prices.all(opts)}
            #                           ^^^^^^^^^^^^^^^ warning: and `init/1` runs before anybody can call it
              def handle_call({:rate, currency}, _from, rates), do: {:reply, rates[currency], rates}
            end

            defmodule Shop.Prices do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def all(opts), do: GenServer.call(__MODULE__, {:all, opts})

              def init(opts), do: {:ok, opts}

              def handle_call({:all, _opts}, _from, prices) do
                {:reply, Enum.map(prices, fn price -> price * Shop.Rates.rate(:eur) end), prices}
            #                                                 ^^^^^^^^^^^^^^^ warning: waits for `Shop.Rates`
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/room.ex
            defmodule Shop.Room do
              use GenServer

              def size(room), do: GenServer.call(room, :size)
              def init(opts), do: {:ok, opts}
              def handle_call(:size, _from, room), do: {:reply, room.size, room}

              def handle_info(:closing, room) do
                Shop.House.leave(room.id)
            #   ^^^^^^^^^^^^^^^^ information: perhaps not the same process
                {:noreply, room}
              end
            end

            defmodule Shop.House do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def leave(id), do: GenServer.call(__MODULE__, {:leave, id})
              def init(opts), do: {:ok, opts}

              def handle_call({:leave, id}, _from, rooms) do
                {:reply, Shop.Room.size(rooms[id]), rooms}
            #            ^^^^^^^^^^^^^^ information: which waits for `Shop.House`
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              @moduledoc "One direction is a cast."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def taken(items), do: GenServer.cast(__MODULE__, {:taken, items})
              def init(opts), do: {:ok, opts}
              def handle_call(:checkout, _from, items), do: {:reply, Shop.Stock.take(items), items}
              def handle_cast({:taken, items}, all), do: {:noreply, all -- items}
            end

            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def take(items), do: GenServer.call(__MODULE__, {:take, items})
              def init(opts), do: {:ok, opts}

              def handle_call({:take, items}, _from, stock) do
                Shop.Cart.taken(items)
                {:reply, :ok, stock -- items}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              @moduledoc "One direction runs in a task."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def items, do: GenServer.call(__MODULE__, :items)
              def init(opts), do: {:ok, opts}

              def handle_call(:items, _from, items), do: {:reply, items, items}

              def handle_call(:checkout, from, items) do
                work = fn -> GenServer.reply(from, Shop.Stock.take()) end
                Task.Supervisor.start_child(Shop.TaskSupervisor, work)
                {:noreply, items}
              end
            end

            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def take, do: GenServer.call(__MODULE__, :take)
              def init(opts), do: {:ok, opts}
              def handle_call(:take, _from, stock), do: {:reply, :ok, stock -- Shop.Cart.items()}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/line.ex
            defmodule Shop.Cart do
              @moduledoc "A line, not a circle; the clients of both are in no server."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def checkout, do: {GenServer.call(__MODULE__, :checkout), Shop.Stock.count()}
              def init(opts), do: {:ok, opts}
              def handle_call(:checkout, _from, items), do: {:reply, Shop.Stock.take(items), items}
            end

            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def take(items), do: GenServer.call(__MODULE__, {:take, items})
              def count, do: GenServer.call(__MODULE__, :count)
              def checkout(cart), do: Shop.Cart.checkout() ++ cart
              def init(opts), do: {:ok, opts}
              def handle_call({:take, items}, _from, stock), do: {:reply, :ok, stock -- items}
              def handle_call(:count, _from, stock), do: {:reply, length(stock), stock}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/shutdown.ex
            defmodule Shop.House do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def rooms, do: GenServer.call(__MODULE__, :rooms)
              def init(opts), do: {:ok, opts}
              def handle_call(:rooms, _from, rooms), do: {:reply, rooms, rooms}
              def terminate(_reason, _rooms), do: Shop.Guard.leave()
            end

            defmodule Shop.Guard do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def leave, do: GenServer.call(__MODULE__, :leave)
              def init(opts), do: {:ok, opts}
              def handle_call(:leave, _from, state), do: {:reply, Shop.House.rooms(), state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/tree.ex
            defmodule Shop.Node do
              @moduledoc "Asks other processes of its own module, which OTP111 judges."
              use GenServer

              def size(node), do: GenServer.call(node, :size)
              def init(opts), do: {:ok, opts}
              def handle_call(:size, _from, nodes), do: {:reply, Enum.sum(Enum.map(nodes, &size/1)), nodes}
            end

            defmodule Shop.Forest do
              def plant, do: Shop.Node.size(self())
              def handle(:size), do: plant()
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        for cycle in call_cycles(project):
            yield self._finding(cycle)

    def _finding(self, cycle: Cycle) -> Finding:
        first, *others = cycle
        sure = all(hop.by_name for hop in cycle)
        circle = ", which".join(f" waits for `{hop.server.module.name}`" for hop in cycle)
        boot = ", and `init/1` runs before anybody can call it" if first.callback.id == "init/1" else ""
        doubt = "" if sure else " (perhaps not the same process)"
        related = [
            Related(
                hop.entry.path,
                hop.site.call.head,
                f"`{hop.entry.module.name}` waits for `{hop.server.module.name}` in `{hop.callback.id}`",
            )
            for hop in others
        ]
        return self.report(
            first.entry.path,
            first.site.call.head,
            f"`{first.entry.module.name}`{circle}{doubt}: in the middle of such calls none can answer{boot}",
            snippet=first.site.call.target,
            scope=first.site.scope,
            severity=Severity.WARNING if sure else Severity.INFORMATION,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=tuple(related),
        )
