from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.facts.state.plain_store import agent_requests, is_plain_agent, is_plain_server
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, Rule
from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.terms import Term

_LIFECYCLE = frozenset({"start_link", "start", "child_spec", "stop", "init"})
_SERVERS = frozenset({"Agent", "GenServer"})
_REQUESTS = frozenset({"get", "update", "get_and_update", "call", "cast"})
_SHOWN = 4
"""How many of the modules that use a store are named."""


class _Store(NamedTuple):
    """`owner` is the module around the process; empty where it has none but its name."""

    path: str
    module: Module
    name: Term
    owner: str
    span: Span


class _User(NamedTuple):
    path: str
    module: str
    span: Span


class AgentAsGlobalStore(Rule):
    """One process keeps a map for the whole application, and every reader waits for every other.

    ## What it does
    Reports an agent or a GenServer with a fixed name that does nothing but put values into a collection and
    get them out, and that three or more other modules of the application use. The message names them. Always
    **information**; `[rules.OTP206] users` sets from how many modules on.

    ## Why it matters on the BEAM
    A process handles one message at a time, so that reads, which could run side by side, stand in one queue.
    Each answer is copied, and a caller that waits longer than five seconds exits. An ETS table is read by any
    number of processes at once, and `:persistent_term` without copying.

    ## When it is legitimate
    Where reads are rare, or where each change depends on what is there and must be made by one process.
    Processes that do more (timers, monitors, a file, other servers), that have no fixed name or fewer users,
    and tests are not reported.

    ## Use instead
    ```elixir
    def init(_opts) do
      {:ok, :ets.new(__MODULE__, [:named_table, :protected, read_concurrency: true])}
    end

    def get(key), do: :ets.lookup_element(__MODULE__, key, 2)

    def handle_call({:put, key, value}, _from, table) do
      :ets.insert(table, {key, value})
      {:reply, :ok, table}
    end
    ```
    What hardly ever changes can be kept with `:persistent_term.put/2`: each change of it is dear.

    ## Fix safety
    No deterministic fix: which reads may go past the process is a decision.

    ## References
    - https://hexdocs.pm/elixir/process-anti-patterns.html
    - https://www.erlang.org/doc/apps/erts/persistent_term.html
    - tests/beam/table_is_read_past_its_owner.exs
    """

    code = "OTP206"
    name = "agent-as-global-store"
    severity = Severity.INFORMATION
    project_wide = True
    anchors = ("Agent start_link", "Agent start", "GenServer start_link", "GenServer start")
    fixes = (FixKind.LLM,)
    thresholds: ClassVar = {"users": 3}

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/tools.ex
            defmodule Shop.Tools do
            #         ^^^^^^^^^^ information: 3 modules use it: `Shop.Cart`, `Shop.Desk`, `Shop.Till`
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def put(name, tool), do: Agent.update(__MODULE__, &Map.put(&1, name, tool))
              def get(name), do: Agent.get(__MODULE__, fn tools -> Map.get(tools, name) end)
              def all, do: Agent.get(__MODULE__, & &1)
            end
            # file: lib/shop/users.ex
            defmodule Shop.Cart do
              def run, do: Shop.Tools.get(:cart)
            end

            defmodule Shop.Desk do
              alias Shop.Tools
              def run(tool), do: Tools.put(:desk, tool)
            end

            defmodule Shop.Till do
              import Shop.Tools, only: [all: 0]
              def run, do: Enum.map(all(), & &1)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/flags.ex
            defmodule Shop.Flags do
            #         ^^^^^^^^^^ information: keeps a collection and does nothing else
              use GenServer

              @name :shop_flags

              def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}, name: @name)
              def on?(flag), do: GenServer.call(@name, {:get, flag})
              def set(flag, value), do: GenServer.cast(@name, {:set, flag, value})

              @impl true
              def init(flags), do: {:ok, flags}

              @impl true
              def handle_call({:get, flag}, _from, flags), do: {:reply, Map.get(flags, flag, false), flags}

              @impl true
              def handle_cast({:set, flag, value}, flags), do: {:noreply, put(flags, flag, value)}

              defp put(flags, flag, value), do: Map.put(flags, flag, value)
            end
            # file: lib/shop/users.ex
            defmodule Shop.Cart do
              def run, do: Shop.Flags.on?(:cart)
            end

            defmodule Shop.Desk do
              def run, do: if(Shop.Flags.on?(:desk), do: :ok)
            end

            defmodule Shop.Till do
              def run, do: Enum.filter([:a, :b], &Shop.Flags.on?/1)
            end

            defmodule Shop.Admin do
              def run(flag), do: Shop.Flags.set(flag, true)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/boot.ex
            defmodule Shop.Boot do
              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: :shop_tools)
            #                            ^^^^^^^^^^^^^^^^ information: every read waits for all others
            end
            # file: lib/shop/users.ex
            defmodule Shop.Cart do
              def run, do: Agent.get(:shop_tools, &Map.fetch!(&1, :cart))
            end

            defmodule Shop.Desk do
              def run(tool), do: Agent.update(:shop_tools, Map, :put, [:desk, tool])
            end

            defmodule Shop.Till do
              def run, do: Agent.get(:shop_tools, fn tools -> tools[:till] end)
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/tools.ex
            defmodule Shop.Tools do
              @moduledoc "Two users, and a test."
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def get(name), do: Agent.get(__MODULE__, &Map.get(&1, name))
            end
            # file: lib/shop/users.ex
            defmodule Shop.Cart do
              def run, do: Shop.Tools.get(:cart)
              def again, do: Shop.Tools.get(:again)
            end

            defmodule Shop.Desk do
              def run, do: Shop.Tools.get(:desk)
            end
            # file: test/tools_test.exs
            defmodule Shop.ToolsTest do
              use ExUnit.Case

              test "gets", do: assert(Shop.Tools.get(:a) == nil)
            end
            # file: lib/mix/tasks/shop.tools.ex
            defmodule Mix.Tasks.Shop.Tools do
              use Mix.Task
              def run(_args), do: Shop.Tools.get(:a)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/sessions.ex
            defmodule Shop.Sessions do
              @moduledoc "Does more: it watches those that it knows."
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)
              def get(pid), do: GenServer.call(__MODULE__, {:get, pid})

              def init(sessions), do: {:ok, sessions}
              def handle_call({:get, pid}, _from, sessions), do: {:reply, Map.get(sessions, pid), sessions}

              def handle_cast({:put, pid}, sessions) do
                {:noreply, Map.put(sessions, pid, Process.monitor(pid))}
              end

              def handle_info({:DOWN, _, _, pid, _}, sessions), do: {:noreply, Map.delete(sessions, pid)}
            end

            defmodule Shop.Ids do
              @moduledoc "Each change depends on what is there, but it is no collection."
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, 0, name: __MODULE__)
              def next, do: GenServer.call(__MODULE__, :next)

              def init(id), do: {:ok, id}
              def handle_call(:next, _from, id), do: {:reply, id, id + 1}
            end

            defmodule Shop.Rates do
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def load(day), do: Agent.update(__MODULE__, &Map.put(&1, day, Shop.Bank.rates(day)))
            end
            # file: lib/shop/users.ex
            defmodule Shop.Cart do
              def run, do: {Shop.Sessions.get(self()), Shop.Ids.next(), Shop.Rates.load(1)}
            end

            defmodule Shop.Desk do
              def run, do: {Shop.Sessions.get(self()), Shop.Ids.next(), Shop.Rates.load(2)}
            end

            defmodule Shop.Till do
              def run, do: {Shop.Sessions.get(self()), Shop.Ids.next(), Shop.Rates.load(3)}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/basket.ex
            defmodule Shop.Basket do
              @moduledoc "One for each buyer."
              use Agent

              def start_link(id), do: Agent.start_link(fn -> %{} end, name: {:via, Registry, {Shop.Reg, id}})
              def put(basket, item), do: Agent.update(basket, &Map.put(&1, item, 1))
            end
            # file: lib/shop/users.ex
            defmodule Shop.Cart do
              def run(basket), do: Shop.Basket.put(basket, 1)
            end

            defmodule Shop.Desk do
              def run(basket), do: Shop.Basket.put(basket, 2)
            end

            defmodule Shop.Till do
              def run(basket), do: Shop.Basket.put(basket, 3)
            end
            """
        ),
        Example(
            """
            # file: test/support/tools.ex
            defmodule Shop.FakeTools do
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def get(name), do: Agent.get(__MODULE__, &Map.get(&1, name))
            end
            # file: lib/shop/users.ex
            defmodule Shop.Cart do
              def run, do: Shop.FakeTools.get(:cart)
            end

            defmodule Shop.Desk do
              def run, do: Shop.FakeTools.get(:desk)
            end

            defmodule Shop.Till do
              def run, do: Shop.FakeTools.get(:till)
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        torn = {app for app in project.apps if not project.complete(app)}
        for path in project.files:
            if project.role_of(path).is_application_code and project.app_of(path) not in torn:
                for store in _stores(project, path):
                    users = list(_users(project, store))
                    set_by_user = project.settings_of(path).thresholds.get(self.code, {})
                    enough = set_by_user.get("users", self.thresholds["users"])
                    if len({user.module for user in users}) >= enough:
                        yield self._finding(store, users)

    def _finding(self, store: _Store, users: list[_User]) -> Finding:
        first = {user.module: user for user in reversed(users)}
        names = sorted(first)
        shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
        shown += f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        name = store.owner or constant_name(store.name)
        return self.report(
            store.path,
            store.span,
            f"`{name}` keeps a collection and does nothing else, and {len(names)} modules use it: {shown}"
            "; every read waits for all others: read an ETS table instead, which this process owns",
            snippet=name,
            scope=store.module.name,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
            related=tuple(
                Related(first[n].path, first[n].span, f"`{n}` uses it here") for n in names[:_SHOWN]
            ),
        )


def _stores(project: Project, path: str) -> Iterator[_Store]:
    for module in production_modules(project.files[path].facts, project.role_of(path)):
        names = registered_names(module)
        if "GenServer" in kinds(module) and names:
            whole = project.module(module.name)
            if whole is not None and is_plain_server(call_graph(whole.module)):
                yield _Store(path, module, names[0], module.name, module.name_span)
        for site in sites(module):
            start = start_of(site.call)
            if start is not None and start.behaviour == "Agent" and start.name and start.constant_name:
                owner = module.name if _is_own_agent(module, start.name) else ""
                span = module.name_span if owner else site.call.head
                store = _Store(path, module, start.name, owner, span)
                if _only_stores(project, store):
                    yield store


def _is_own_agent(module: Module, name: Term) -> bool:
    """The module around an agent: it says so, lends it its name, or asks it for its callers."""
    is_named = name == Term("module", module.name)
    return is_named or "Agent" in kinds(module) or any(agent_requests(module, name))


def _only_stores(project: Project, store: _Store) -> bool:
    requests = [
        (call_graph(module), clause, call)
        for _, module in _modules_naming(project, store)
        for clause, call in agent_requests(module, store.name)
    ]
    return bool(requests) and is_plain_agent(requests)


def _users(project: Project, store: _Store) -> Iterator[_User]:
    for path, module in _modules_naming(project, store):
        if module.name != store.module.name:
            for site in sites(module):
                if _uses(site, store):
                    yield _User(path, module.name, site.call.head)


def _uses(site: Site, store: _Store) -> bool:
    call = site.call
    if store.owner and call.module == store.owner:
        return call.name not in _LIFECYCLE
    return (
        call.module in _SERVERS and bool(call.args) and call.args[0] == store.name and call.name in _REQUESTS
    )


def _modules_naming(project: Project, store: _Store) -> Iterator[tuple[str, Module]]:
    """Every module of the application whose file names the process, the one that starts it included."""
    names = dict.fromkeys(filter(None, (store.owner, constant_name(store.name))))
    files = {facts.path: facts for name in names for facts in project.naming(name, in_application=True)}
    for path in sorted(files):
        for module in production_modules(files[path], project.role_of(path)):
            yield path, module
