from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.across_modules.process_owners import is_in_tree
from otp_genesis_analyzers.facts.calls.sites import production_modules, sites
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.childlike import has_child_spec, needs_no_argument
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, Kind, kinds
from otp_genesis_analyzers.facts.processes.starts import is_start_function, start_of
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import MixApp, ModuleEntry, Project
from otp_genesis_analyzers.rules.contract import Example, Rule
from otp_genesis_analyzers.supervision import Forest, forest

_CHILD_KINDS = SERVERS | frozenset[Kind](("Agent", "Supervisor"))


class ChildNotInTree(Rule):
    """A server registers a name, and no supervisor of the application starts it.

    ## What it does
    Reports a server, agent or supervisor whose `start_link` registers a constant name, where no child list
    and no `start_child` of the project starts it and nothing else names it as a value or starts it. It is a
    **warning** where other code of the application calls it, and **information** where nothing does, where
    its start comes from a macro of the project, or where it is part of a published package, whose user may
    be the one to start it.

    It speaks only when the whole tree is known: no file of the application is broken, and every child list
    can be read to its last entry.

    ## Why it matters on the BEAM
    The module looks like a part of the application, but its process does not exist. A call to its name
    exits with `:noproc`, a cast is lost without a word.

    ## When it is legitimate
    In a library without `mod:`, whose user starts the process, and in a published package that does not use
    the process itself. Where configuration, `apply` or a
    `{module, function, arguments}` tuple names the module. In a module that implements a behaviour of the
    project and may be picked at run time. None of these is reported.

    ## Use instead
    ```elixir
    children = [
      Shop.Repo,
      Shop.Coupons,
      ShopWeb.Endpoint
    ]
    ```

    ## Fix safety
    Unsafe: a module that other code calls and that needs no argument becomes a child of the application's
    supervisor, in front of the first child that uses it; its start now belongs to that of the application.
    Where it needs an argument, or a test starts it itself, somebody has to decide; a model can propose it.

    ## References
    - https://hexdocs.pm/elixir/supervisor-and-application.html
    - https://hexdocs.pm/elixir/Supervisor.html#module-child-specification
    - Shown by `tests/beam/send_and_cast.exs` and `tests/beam/child_of_the_application.exs`
    """

    code = "OTP106"
    name = "child-not-in-tree"
    severity = Severity.WARNING
    project_wide = True
    anchors = ("start_link", "handle_call", "handle_cast")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  Shop.Repo,
                  # Answers the customers.
                  ShopWeb.Endpoint
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/prices.ex
            defmodule Shop.Prices do
            #         ^^^^^^^^^^^ warning: `Shop.Basket.sum/1` calls it
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def of(item), do: GenServer.call(__MODULE__, {:of, item})

              @impl true
              def init(_opts), do: {:ok, %{}}

              @impl true
              def handle_call({:of, item}, _from, prices), do: {:reply, prices[item], prices}
            end
            # file: lib/shop/basket.ex
            defmodule Shop.Basket do
              alias Shop.Prices

              def sum(items), do: items |> Enum.map(&Prices.of/1) |> Enum.sum()
            end
            """,
            fixed="""
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  Shop.Repo,
                  Shop.Prices,
                  # Answers the customers.
                  ShopWeb.Endpoint
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/coupons.ex
            defmodule Shop.Coupons do
            #         ^^^^^^^^^^^^ warning: `Shop.Checkout.price/2` calls it
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def discount(code), do: Agent.get(__MODULE__, &Map.get(&1, code, 0))
            end
            # file: lib/shop/checkout.ex
            defmodule Shop.Checkout do
              def price(price, code), do: price - Shop.Coupons.discount(code)
            end
            # file: test/shop/coupons_test.exs
            defmodule Shop.CouponsTest do
              use ExUnit.Case

              setup do
                start_supervised!(Shop.Coupons)
                :ok
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [Shop.Repo, {Shop.Cache, size: 10}]
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/cache.ex
            defmodule Shop.Cache do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
            end

            defmodule Shop.Cache.Sweeper do
            #         ^^^^^^^^^^^^^^^^^^ information: nothing in the application calls it
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :sweeper)
              def init(opts), do: {:ok, opts}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/doors.ex
            defmodule Shop.Doors do
            #         ^^^^^^^^^^ warning: so nothing registers `Shop.Doors`
              @behaviour :gen_statem

              def start_link(opts), do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, opts, [])
              def open, do: :gen_statem.call(__MODULE__, :open)
              def callback_mode, do: :handle_event_function
              def init(opts), do: {:ok, :closed, opts}
            end

            defmodule Shop.Guard do
              def enter, do: Shop.Doors.open()
            end

            defmodule Shop.Workers do
            #         ^^^^^^^^^^^^ information
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)
              def init(_opts), do: Supervisor.init([Shop.Worker], strategy: :one_for_one)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/tools.ex
            defmodule Shop.Tools do
            #         ^^^^^^^^^^ warning: so nothing registers `:shop_tools`
              def start_link, do: Agent.start_link(fn -> %{} end, name: :shop_tools)
              def get(name), do: Agent.get(:shop_tools, &Map.get(&1, name))
            end

            defmodule Shop.Workbench do
              def run(name), do: Shop.Tools.get(name).()
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Ring.MixProject do
              use Mix.Project
              def project, do: [app: :ring, version: "1.0.0", package: [licenses: ["MIT"]]]
              def application, do: [mod: {Ring.Application, []}]
            end
            # file: lib/ring/application.ex
            defmodule Ring.Application do
              use Application
              def start(_type, _args), do: Supervisor.start_link([Ring.Sweeper], strategy: :one_for_one)
            end
            # file: lib/ring.ex
            defmodule Ring do
            #         ^^^^ information: `Ring.Client.size/0` calls it
              use GenServer
              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def size, do: GenServer.call(__MODULE__, :size)
            end

            defmodule Ring.Client do
              def size, do: Ring.size()
            end
            """
        ),
        Example(
            """
            # file: lib/shop/server.ex
            defmodule Shop.Server do
              defmacro __using__(_opts) do
                quote do
                  use GenServer
                  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
                end
              end
            end
            # file: lib/shop/lamps.ex
            defmodule Shop.Lamps do
            #         ^^^^^^^^^^ information: `Shop.Evening.come/0` calls it
              use Shop.Server

              def on, do: GenServer.call(__MODULE__, :on)

              def init(opts), do: {:ok, opts}
              def handle_call(:on, _from, lamps), do: {:reply, :ok, lamps}
            end
            # file: lib/shop/bell.ex
            defmodule Shop.Bell do
            #         ^^^^^^^^^ warning: `Shop.Evening.ring/0` calls it
              use GenServer

              def start_link({_pitch, _times} = opts), do: GenServer.start_link(__MODULE__, opts, name: :bell)
              def init(bell), do: {:ok, bell}
              def handle_cast(:ring, bell), do: {:noreply, bell}
            end
            # file: lib/shop/evening.ex
            defmodule Shop.Evening do
              def come, do: Shop.Lamps.on()
              def ring, do: GenServer.cast(:bell, :ring)
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

              @impl true
              def start(_type, _args), do: Supervisor.start_link([Shop.Lamps], strategy: :one_for_one)
            end
            # file: lib/shop/server.ex
            defmodule Shop.Server do
              defmacro __using__(_opts) do
                quote do
                  use GenServer
                  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
                end
              end
            end
            # file: lib/shop/lamps.ex
            defmodule Shop.Lamps do
              use Shop.Server

              def on, do: GenServer.call(__MODULE__, :on)
              def init(opts), do: {:ok, opts}
              def handle_call(:on, _from, lamps), do: {:reply, :ok, lamps}
            end
            # file: lib/shop/lamp.ex
            defmodule Shop.Lamp do
              @moduledoc "Asked by its pid alone."
              use Shop.Server

              def on(lamp), do: GenServer.call(lamp, :on)
              def init(opts), do: {:ok, opts}
              def handle_call(:on, _from, lamp), do: {:reply, :ok, lamp}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [Shop.Cache, Shop.Workers] ++ web()
                Supervisor.start_link(children, strategy: :one_for_one)
              end

              defp web, do: [{Shop.Sessions, []}]
            end
            # file: lib/shop/workers.ex
            defmodule Shop.Workers do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)
              def add, do: DynamicSupervisor.start_child(Shop.Runs, {Shop.Run, []})

              def init(_opts) do
                children = [%{id: :sweeper, start: {Shop.Cache.Sweeper, :start_link, [[]]}}]
                Supervisor.init(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/servers.ex
            defmodule Shop.Cache do
              use GenServer
              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              defmodule Sweeper do
                use GenServer
                def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
                end
            end

            defmodule Shop.Sessions do
              use Agent
              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
            end

            defmodule Shop.Run do
              use GenServer
              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [Shop.Repo] ++ Application.get_env(:shop, :children, [])
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/coupons.ex
            defmodule Shop.Coupons do
              use Agent
              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def discount(code), do: Agent.get(__MODULE__, &Map.get(&1, code, 0))
            end

            defmodule Shop.Checkout do
              def price(price, code), do: price - Shop.Coupons.discount(code)
            end
            """
        ),
        Example(
            """
            # file: config/config.exs
            import Config
            config :shop, mailer: Shop.Mailer.Local
            # file: lib/shop/servers.ex
            defmodule Shop.Mailer do
              @callback deliver(map) :: :ok
            end

            defmodule Shop.Mailer.Local do
              use GenServer
              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
            end

            defmodule Shop.Mailer.Remote do
              use GenServer
              @behaviour Shop.Mailer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
            end

            defmodule Shop.Rates do
              use GenServer
              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
            end

            defmodule Shop.Coupons do
              use Agent
              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
            end

            defmodule Shop.Run do
              use GenServer
              def start_link(order), do: GenServer.start_link(__MODULE__, order)
            end

            defmodule Shop.Boot do
              def rates, do: apply(Shop.Rates, :start_link, [[]])
              def coupons, do: {Shop.Coupons, :start_link, [[]]}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [Shop.Repo, {Shop.Mailer, from: "shop@example.org]
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/coupons.ex
            defmodule Shop.Coupons do
              use Agent
              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Ring.MixProject do
              use Mix.Project
              def project, do: [app: :ring, version: "1.0.0"]
              def application, do: [extra_applications: [:logger]]
            end
            # file: lib/ring.ex
            defmodule Ring do
              use GenServer
              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
            end

            defmodule Ring.Client do
              def size, do: Ring.size()
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Ring.MixProject do
              use Mix.Project
              def project, do: [app: :ring, version: "1.0.0", package: [licenses: ["MIT"]]]
              def application, do: [mod: {Ring.Application, []}]
            end
            # file: lib/ring/application.ex
            defmodule Ring.Application do
              use Application
              def start(_type, _args), do: Supervisor.start_link([Ring.Sweeper], strategy: :one_for_one)
            end
            # file: lib/ring/healer.ex
            defmodule Ring.Healer do
              @moduledoc "Put it among the children of your application."
              use GenServer
              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        trees = forest(project)
        for app, entry, registered in _orphans(project, trees):
            for_users = app.packaged and _first_user(project, entry.module.name, registered) is None
            if not for_users and not _mentioned(project, entry.module.name):
                yield self._finding(project, trees, app, entry, registered)

    def _finding(
        self, project: Project, trees: Forest, app: MixApp, entry: ModuleEntry, registered: str
    ) -> Finding:
        name = entry.module.name
        user = _first_user(project, name, registered)
        is_sure = user is not None and not app.packaged and not entry.module.wrapped
        used = f"`{user[0]}` calls it" if user is not None else "nothing in the application calls it"
        related = [Related(user[1], user[2].head, "calls it here")] if user is not None else []
        root = next((node for node in trees.of_app(app) if node.module.name == app.application), None)
        if root is not None:
            related.append(Related(root.path, root.children.span, "not among these children"))
        return self.report(
            entry.path,
            entry.module.name_span,
            f"no supervisor of `{app.name}` starts `{name}`, so nothing registers `{registered}`; {used}",
            snippet=name,
            scope=name,
            severity=Severity.WARNING if is_sure else Severity.INFORMATION,
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if user is not None and _starts_alone(entry.module) else FixKind.LLM,
            related=tuple(related),
        )


def _orphans(project: Project, trees: Forest) -> Iterator[tuple[MixApp, ModuleEntry, str]]:
    """The modules that could be children and are not, with the one name that their start registers."""
    for entry in project.application_modules.values():
        module, app = entry.module, project.app_of(entry.path)
        registered = _registered_by_start(module)
        if app is None or not app.application or not registered or not _is_process(module):
            continue
        if _may_be_chosen(project, module):
            continue
        if is_in_tree(project, trees, app, module.name) == "no":
            yield app, entry, registered


def _is_process(module: Module) -> bool:
    """It uses or implements what makes one of it; an Agent needs neither."""
    if kinds(module) & _CHILD_KINDS:
        return True
    starts = (start_of(site.call) for site in sites(module) if site.function.name == "start_link")
    return any(start is not None and start.behaviour == "Agent" for start in starts)


def _starts_alone(module: Module) -> bool:
    return has_child_spec(module) and needs_no_argument(module)


def _registered_by_start(module: Module) -> str:
    starts = [function for function in module.functions if function.name == "start_link" and function.public]
    for function in starts:
        for clause in function.clauses:
            for call in clause.calls:
                start = start_of(call)
                if start is not None and start.constant_name:
                    return start.constant_name
    # A wrapper may bring the start; by the name that the module itself asks, it registers that.
    brought = any(part == "?" or part.startswith("start_link/") for part in module.wrapped)
    asked = any(_addresses(site.call, module.name) for site in sites(module))
    return module.name if brought and not starts and asked else ""


def _may_be_chosen(project: Project, module: Module) -> bool:
    """Implements a behaviour of the project, by which it may be picked at run time."""
    return any(project.module(behaviour) is not None for behaviour in module.behaviours)


def _mentioned(project: Project, name: str) -> bool:
    """Code or configuration names the module as a value, or starts it by hand; a torn file may do so."""
    return any(
        facts.broken
        or name in facts.mentions
        or any(name in _started_by_hand(module) for module in facts.modules)
        for facts in project.naming(name)
        if not project.role_of(facts.path).is_test
    )


def _started_by_hand(module: Module) -> Iterator[str]:
    for site in sites(module):
        if site.call.name in ("start", "start_link"):
            own = site.call.module in ("", module.name)
            if not own:
                yield site.call.module
            elif not is_start_function(site.function):
                yield module.name


def _first_user(project: Project, name: str, registered: str) -> tuple[str, str, Call] | None:
    """Scope, path and call of some code of the application, outside the module, that asks its server."""
    for sought in dict.fromkeys((name, registered.removeprefix(":"))):
        for facts in project.naming(sought, in_application=True):
            for module in production_modules(facts, project.role_of(facts.path)):
                for site in sites(module) if module.name != name else ():
                    if site.call.module == name or _addresses(site.call, registered):
                        return site.scope, facts.path, site.call
    return None


def _addresses(call: Call, registered: str) -> bool:
    """`GenServer.cast(:cart, :clear)`."""
    asks = call.module in ("GenServer", "GenStage", "Agent") and call.name not in ("start", "start_link")
    told = (asks or call.is_to("Kernel", "send")) and bool(call.args)
    return told and constant_name(call.args[0]) == registered
