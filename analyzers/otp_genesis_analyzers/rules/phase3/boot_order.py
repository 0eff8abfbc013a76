from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.across_modules.child_places import first_line_of
from otp_genesis_analyzers.across_modules.start_order import Need, user_and_giver
from otp_genesis_analyzers.facts.model import Child
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, Rule
from otp_genesis_analyzers.supervision import SupervisorNode, forest


class BootOrder(Rule):
    """A child uses another one in its `init/1` that its supervisor starts after it.

    ## What it does
    Goes through the lists of children that can be read to their last entry, and looks for what the `init/1`
    of each child uses by name: servers and agents that it calls, registries, supervisors that it adds
    children to, PubSub, repositories, named ETS tables; in the functions of its module and in those of other
    modules that it calls. Reports the child where only a later one of the list gives that name. It is a
    **warning** where the use is certain, and **information** where it stands in a branch.

    ## Why it matters on the BEAM
    A supervisor starts its children from first to last, and waits for `init/1` of each. What is started later
    has no name yet: a call of it exits with `:noproc`, a registry or a table that is not there raises. The
    start fails, at the first boot as at every later one.

    ## When it is legitimate
    In `handle_continue/2`, in a task, in a message to oneself: these run when the start of the child is over.
    Where the failure is caught. A cast, which is only lost. None of these is reported, nor are lists of which
    a part is only known at run time, nor children that are started in some configurations only.

    ## Use instead
    ```elixir
    children = [
      Shop.Repo,
      Shop.Rates
    ]
    ```

    ## Fix safety
    Unsafe: the order of start and of shutdown changes. The child that is used goes in front of its user, with
    its comments; where it needs something in between itself, the user goes behind it. Refused where both
    would be wrong, and where the list is not one literal.

    ## References
    - https://hexdocs.pm/elixir/Supervisor.html#module-start-and-shutdown
    - `tests/beam/boot_order.exs`
    """

    code = "OTP309"
    name = "boot-order"
    severity = Severity.WARNING
    project_wide = True
    anchors = ("init(", "Supervisor start_link", "Supervisor init", "Agent start_link", "start_link")
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  # Rates change every hour.
                  Shop.Rates,
            #     ^^^^^^^^^^ warning: `Shop.Rates` is started before `Shop.Repo`, which its `init/1` uses
                  Shop.Mailer,
                  {Shop.Repo, pool_size: 5}
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              use GenServer
              alias Shop.{Rate, Repo}

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts), do: {:ok, load()}

              defp load, do: Repo.all(Rate)
            end
            # file: lib/shop/mailer.ex
            defmodule Shop.Mailer do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
            end
            # file: lib/shop/repo.ex
            defmodule Shop.Repo do
              use Ecto.Repo, otp_app: :shop, adapter: Ecto.Adapters.Postgres
            end
            """,
            fixed="""
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  {Shop.Repo, pool_size: 5},
                  # Rates change every hour.
                  Shop.Rates,
                  Shop.Mailer
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/workers.ex
            defmodule Shop.Workers do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts) do
                Supervisor.init([Shop.Cart, Shop.Stock, {Registry, name: Shop.Names}], strategy: :one_for_all)
            #                    ^^^^^^^^^ warning: before `Shop.Stock`
              end
            end

            defmodule Shop.Cart do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(_opts), do: {:ok, Shop.Stock.items()}
              def handle_call(:items, _from, items), do: {:reply, items, items}
            end

            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :stock)
              def items, do: GenServer.call(:stock, :items)
              def init(opts), do: {:ok, opts}
              def handle_call(:items, _from, items), do: {:reply, items, items}
            end
            """,
            fixed="""
            # file: lib/shop/workers.ex
            defmodule Shop.Workers do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts) do
                Supervisor.init([Shop.Stock, Shop.Cart, {Registry, name: Shop.Names}], strategy: :one_for_all)
              end
            end

            defmodule Shop.Cart do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(_opts), do: {:ok, Shop.Stock.items()}
              def handle_call(:items, _from, items), do: {:reply, items, items}
            end

            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :stock)
              def items, do: GenServer.call(:stock, :items)
              def init(opts), do: {:ok, opts}
              def handle_call(:items, _from, items), do: {:reply, items, items}
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [
                  {Shop.Ticker,
            #     ^^^^^^^^^^^^^ warning: before `Phoenix.PubSub`, which its `init/1` uses as `Shop.PubSub`
                   every: 1_000},
                  Shop.Prices,
            #     ^^^^^^^^^^^ information: before `Shop.Table`, which its `init/1` may use as `table :prices`
                  Shop.Table,
                  Shop.Desk,
            #     ^^^^^^^^^ warning: which its `start_link/1` uses as `Shop.Names`
                  {Registry, keys: :unique, name: Shop.Names},
                  {Phoenix.PubSub, name: Shop.PubSub}
                ]

                Supervisor.start_link(children, strategy: :rest_for_one)
              end
            end
            # file: lib/shop/servers.ex
            defmodule Shop.Ticker do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(opts) do
                Shop.News.subscribe()
                {:ok, opts}
              end
            end

            defmodule Shop.Prices do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(opts) do
                if opts[:warm], do: :ets.tab2list(:prices)
                {:ok, opts}
              end
            end

            defmodule Shop.Table do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
              def init(opts), do: {:ok, {:ets.new(:prices, [:named_table, :public]), opts}}
            end

            defmodule Shop.Desk do
              use GenServer

              def start_link(opts) do
                GenServer.start_link(__MODULE__, opts, name: {:via, Registry, {Shop.Names, :desk}})
              end

              def init(opts), do: {:ok, opts}
            end
            # file: lib/shop/news.ex
            defmodule Shop.News do
              def subscribe, do: Phoenix.PubSub.subscribe(Shop.PubSub, "news")
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                Supervisor.start_link([Shop.Web, Shop.Runs, Shop.Coupons, Shop.Repo], strategy: :one_for_one)
            #                          ^^^^^^^^ warning: `Shop.Web` is started before `Shop.Runs`
            #                                               ^^^^^^^^^^^^ warning: before `Shop.Repo`
              end
            end
            # file: lib/shop/web.ex
            defmodule Shop.Web do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)
              def init(_opts), do: Supervisor.init([Shop.Web.Starter], strategy: :one_for_one)
            end

            defmodule Shop.Web.Starter do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(opts) do
                {:ok, pid} = DynamicSupervisor.start_child(Shop.Runs, {Shop.Run, opts})
                {:ok, pid}
              end
            end

            defmodule Shop.Runs do
              use DynamicSupervisor

              def start_link(opts), do: DynamicSupervisor.start_link(__MODULE__, opts, name: __MODULE__)
              def init(_opts), do: DynamicSupervisor.init(strategy: :one_for_one)
            end

            defmodule Shop.Coupons do
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> Shop.Repo.all(Shop.Coupon) end)
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [Shop.Late, Shop.Repo, Shop.Rates]
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/servers.ex
            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def all, do: GenServer.call(__MODULE__, :all)
              def add(rate), do: GenServer.cast(__MODULE__, {:add, rate})
              def init(_opts), do: {:ok, Shop.Repo.all(Shop.Rate)}
              def handle_call(:all, _from, rates), do: {:reply, rates, rates}
              def handle_cast({:add, rate}, rates), do: {:noreply, [rate | rates]}
            end

            defmodule Shop.Late do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def init(opts) do
                task = Task.async(fn -> Shop.Repo.all(Shop.Rate) end)
                send(self(), :load)
                Shop.Rates.add(1)
                {:ok, {opts, task, &Shop.Repo.all/1}, {:continue, :load}}
              end

              def handle_continue(:load, _state), do: {:noreply, Shop.Rates.all()}
              def handle_info(:load, state), do: {:noreply, {state, Shop.Repo.all(Shop.Rate)}}
              def handle_info({ref, _rates}, state) when is_reference(ref), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [Shop.Rates] ++ extra()
                Supervisor.start_link(children, strategy: :one_for_one)
              end

              defp extra, do: Application.get_env(:shop, :children, [Shop.Repo])
            end
            # file: lib/shop/workers.ex
            defmodule Shop.Workers do
              use Supervisor

              def init(opts) do
                children = [Shop.Rates, if(opts[:repo], do: Shop.Repo)]
                Supervisor.init(Enum.reject(children, &is_nil/1), strategy: :one_for_one)
              end
            end

            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(_opts), do: {:ok, Shop.Repo.all(Shop.Rate)}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [Shop.Careful, Shop.Tables, Shop.Own, Shop.Loader, Shop.Repo, Shop.Prices]
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/servers.ex
            defmodule Shop.Careful do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
              def init(_opts), do: {:ok, load()}

              defp load do
                Shop.Repo.all(Shop.Rate)
              rescue
                _error -> []
              end
            end

            defmodule Shop.Tables do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(opts) do
                :ets.new(:prices, [:named_table])
                :ets.insert(:prices, {:apple, 1})
                if Process.whereis(:own), do: GenServer.call(:own, :all)
                {:ok, opts}
              end
            end

            defmodule Shop.Prices do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(opts) do
                if :ets.whereis(:prices) == :undefined, do: :ets.new(:prices, [:named_table])
                {:ok, opts}
              end
            end

            defmodule Shop.Own do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :own)
              def handle_call(:all, _from, state), do: {:reply, Shop.Repo.all(Shop.Rate), state}
              def init(opts), do: {:ok, opts}
            end

            defmodule Shop.Loader do
              use Task

              def start_link(opts), do: Task.start_link(__MODULE__, :run, [opts])
              def run(_opts), do: Shop.Repo.all(Shop.Rate)
              def init(_opts), do: Shop.Repo.all(Shop.Rate)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              @moduledoc "Two trees: what one needs is no child of the same list."
              use Application

              def start(_type, _args) do
                Supervisor.start_link([Shop.Data, Shop.Rates], strategy: :one_for_one)
              end
            end
            # file: lib/shop/data.ex
            defmodule Shop.Data do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)
              def init(_opts), do: Supervisor.init([Shop.Repo, Shop.Cache], strategy: :one_for_one)
            end

            defmodule Shop.Cache do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :cache)
              def get(key), do: GenServer.call(:cache, {:get, key})
              def init(_opts), do: {:ok, Shop.Repo.all(Shop.Rate)}
              def handle_call({:get, key}, _from, state), do: {:reply, state[key], state}
            end

            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
              def init(_opts), do: {:ok, {Shop.Cache.get(:all), Other.Repo.all(1), GenServer.call(:else, 1)}}
            end
            """
        ),
        Example(
            """
            # file: test/shop/rates_test.exs
            defmodule Shop.RatesTest do
              use ExUnit.Case

              setup do
                {:ok, _pid} = Supervisor.start_link([Shop.Rates, Shop.Repo], strategy: :one_for_one)
                :ok
              end
            end
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
              def init(_opts), do: {:ok, Shop.Repo.all(Shop.Rate)}
            end

            defmodule Shop.Backwards do
              use Supervisor

              def init(_opts) do
                [Shop.Rates, Shop.Repo]
                |> Enum.reverse()
                |> Supervisor.init(strategy: :one_for_one)
              end
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        for node in forest(project).nodes:
            children = node.children
            is_whole = children.complete and node.module.complete
            if children.kind != "static" or not is_whole or len(children.children) < 2:
                continue
            for user, giver, need in user_and_giver(project, children.children):
                if not _is_turned_round(node):
                    yield self._finding(
                        project, node, children.children[user], children.children[giver], need
                    )

    def _finding(
        self, project: Project, node: SupervisorNode, user: Child, giver: Child, need: Need
    ) -> Finding:
        early, late = user.module or user.name, giver.module or giver.name
        uses = "uses" if need.certain else "may use"
        own = need.module == early
        its = f"its `{need.during}`" if own else f"the `{need.during}` of `{need.module}`"
        known_as = "" if need.name == late else f" as `{need.name}`"
        return self.report(
            node.path,
            first_line_of(project, node.path, user),
            f"`{early}` is started before `{late}`, which {its} {uses}{known_as}: its start fails",
            snippet=f"{early} {late}",
            scope=f"{node.module.name}.{node.children.function}",
            severity=Severity.WARNING if need.certain else Severity.INFORMATION,
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE,
            related=(
                Related(need.path, need.head, "uses it here"),
                Related(node.path, first_line_of(project, node.path, giver), "started after it"),
            ),
        )


def _is_turned_round(node: SupervisorNode) -> bool:
    """The list is reversed somewhere on its way to the supervisor."""
    calls = (
        call for function in node.module.functions for clause in function.clauses for call in clause.calls
    )
    return any(call.is_to("Enum", "reverse") or call.is_to(":lists", "reverse") for call in calls)
