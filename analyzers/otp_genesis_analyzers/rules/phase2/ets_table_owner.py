from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.across_modules.table_owners import owner_of
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, WEB_PROCESSES, Kind, kinds
from otp_genesis_analyzers.facts.processes.starts import is_start_function
from otp_genesis_analyzers.facts.tables.refused_tables import refuses_second
from otp_genesis_analyzers.facts.tables.table_makers import MadeTable, made_tables
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source

_SHOWN = 3
"""How many of the functions that lead to the table the message names."""
_PASSING = WEB_PROCESSES | frozenset[Kind](("Controller", "Plug", "Job"))
"""Modules whose functions run in processes that end with a request, a visit, a job."""


class EtsTableOwner(Rule):
    """A named ETS table is made by whatever process needs it first, and dies with that process.

    ## What it does
    Reports `:ets.new` with `:named_table` in a function that runs in the process of its caller. It is a
    **warning** where the function makes the table when it is not there yet: behind `:ets.whereis/1` or
    `:ets.info/1`, or with the `ArgumentError` caught. It is **information** where the function just makes it
    and its callers are requests or plain functions, and in a task or a spawned process that ends. It is a
    **hint** where the function answers an error when the table is there: who calls it means to own it.

    ## Why it matters on the BEAM
    A table belongs to the process that made it and is deleted when that process ends: when the request is
    answered, the task done. All that others have put into it is gone with it, and whoever reads it at that
    moment gets an `ArgumentError`. Between `:ets.whereis/1` and `:ets.new/2` another process can
    make the table; then the second one raises.

    ## When it is legitimate
    In `init/1`, `start_link` and `Application.start/2`, and in functions that these call, in whatever
    module: the owner lasts as long as the supervision tree. Tables without a name, those that the same
    function deletes, and tables that a server makes in a callback are not reported. That a table is `:public`
    or has no `:heir` is no flaw.

    ## Use instead
    ```elixir
    defmodule Shop.Prices do
      use GenServer

      def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
      def put(key, value), do: :ets.insert(__MODULE__, {key, value})

      @impl true
      def init(_opts) do
        {:ok, :ets.new(__MODULE__, [:named_table, :public, read_concurrency: true])}
      end
    end
    ```
    As a child in front of those that use the table.

    ## Fix safety
    No deterministic fix: which process is to own the table, and what is started before it, is a decision.

    ## References
    - https://www.erlang.org/doc/apps/stdlib/ets.html
    - tests/beam/table_dies_with_its_owner.exs
    """

    code = "OTP204"
    name = "ets-table-owner"
    severity = Severity.INFORMATION
    anchors = (":ets new",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Prices do
              def put(key, value) do
                if :ets.whereis(:prices) == :undefined, do: :ets.new(:prices, [:named_table, :public])
            #                                               ^^^^^^^^ warning: `:prices` belongs to the first
                :ets.insert(:prices, {key, value})
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Templates do
              @table __MODULE__

              def fetch(name) do
                ensure()

                case :ets.lookup(@table, name) do
                  [{_, template}] -> template
                  [] -> nil
                end
              end

              defp ensure do
                :ets.new(@table, [:set, :public, :named_table])
            #   ^^^^^^^^ warning: the first caller of `fetch/1`
              rescue
                ArgumentError -> :ok
              end
            end

            defmodule Shop.Scores do
              def score(player, points) do
                :ets.insert(:scores, {player, points})
              rescue
                ArgumentError ->
                  :ets.new(:scores, [:named_table, :public])
            #     ^^^^^^^^ warning: the first caller of `score/2`
                  :ets.insert(:scores, {player, points})
              end
            end

            defmodule Shop.Tokens do
              def init do
                if :ets.whereis(:tokens) == :undefined, do: :ets.new(:tokens, [:named_table, :public])
            #                                               ^^^^^^^^ warning: the first caller of `init/0`
                :ok
              end

              def put(key, token) do
                init()
                :ets.insert(:tokens, {key, token})
              end
            end

            defmodule Shop.Marks do
              def mark(id), do: :ets.insert(table(:marks), {id, true})

              defp table(name) do
                :global.trans({:marks, self()}, fn ->
                  case :ets.info(name) do
                    :undefined -> make(name)
                    _ -> name
                  end
                end)
              end

              defp make(name), do: :ets.new(name, [:named_table, {:read_concurrency, true}, :public])
            #                      ^^^^^^^^ warning: is deleted when that process ends
            end
            """
        ),
        Example(
            """
            defmodule Shop.Badges do
              def init do
                case :ets.info(:badges) do
                  :undefined ->
                    :ets.new(:badges, [:public, :named_table])
            #       ^^^^^^^^ hint: the first caller of `init/0`
                    :ok

                  _table ->
                    {:error, :table_exists}
                end
              end

              def open do
                if :ets.whereis(:badges) == :undefined do
                  :ets.new(:badges, [:public, :named_table])
            #     ^^^^^^^^ hint
                else
                  raise "open"
                end
              end

              def again do
                if :ets.whereis(:badges) == :undefined do
                  :ets.new(:badges, [:public, :named_table])
            #     ^^^^^^^^ warning
                else
                  :ok
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/board.ex
            defmodule Shop.Board do
              def open, do: :ets.new(:board, [:public, :named_table])
            #               ^^^^^^^^ information: belongs to whoever calls `open/0`
            end
            # file: lib/shop/orders.ex
            defmodule Shop.Orders do
              alias Shop.Board

              def import(rows) do
                Board.open()
                :ets.insert(:board, rows)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Warmer do
              def warm do
                Task.start(fn ->
                  :ets.new(:warm, [:named_table, :public])
            #     ^^^^^^^^ information: belongs to the task that makes it
                  :ets.insert(:warm, Shop.Pages.all())
                end)
              end
            end

            defmodule ShopWeb.PageController do
              use ShopWeb, :controller

              def index(conn, _params) do
                :ets.new(:visits, [:named_table])
            #   ^^^^^^^^ information: belongs to whoever calls `index/2`
                conn
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Quotas do
              def left(user) do
                if :ets.whereis(:shop_quotas) == :undefined do
                  heir = Process.whereis(Shop.Heir)
                  :ets.new(:shop_quotas, [:named_table, :public, {:heir, heir, :ok}])
                end

                :ets.lookup(:shop_quotas, user)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def get(key), do: :ets.lookup(__MODULE__, key)

              def init(_opts) do
                open()
                {:ok, nil}
              end

              def handle_call(:again, _from, state) do
                if :ets.whereis(:second) == :undefined, do: :ets.new(:second, [:named_table])
                {:reply, :ok, state}
              end

              defp open, do: :ets.new(__MODULE__, [:named_table, :public])
            end

            defmodule Shop.Tables do
              use Supervisor

              def init(_opts) do
                :ets.new(:shop_tables, [:named_table, :public])
                Supervisor.init([], strategy: :one_for_one)
              end
            end

            defmodule Shop.Keys do
              def start_link(_opts) do
                :ets.new(:shop_keys, [:named_table, :public])
                :ignore
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                prepare()
                Supervisor.start_link([], strategy: :one_for_one)
              end

              defp prepare, do: Shop.Flags.setup()
            end
            # file: lib/shop/limits.ex
            defmodule Shop.Limits do
              def init do
                if :ets.whereis(:limits) == :undefined, do: :ets.new(:limits, [:named_table, :public])
              end

              def raise(key) do
                init()
                :ets.update_counter(:limits, key, 1, {key, 0})
              end
            end
            # file: lib/shop/limiter.ex
            defmodule Shop.Limiter do
              use GenServer

              @impl true
              def init(opts) do
                Shop.Limits.init()
                {:ok, opts}
              end
            end
            # file: lib/shop/flags.ex
            defmodule Shop.Flags do
              @moduledoc "Made at the start; the rest is for scripts."
              def setup do
                if :ets.whereis(:flags) == :undefined, do: :ets.new(:flags, [:named_table, :public])
              end

              def put(key) do
                setup()
                :ets.insert(:flags, {key, true})
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/counter_table.ex
            defmodule Shop.CounterTable do
              def create(name) do
                if :ets.whereis(name) == :undefined do
                  :ets.new(name, [:set, :named_table, :public, read_concurrency: true])
                end
              end
            end
            # file: lib/shop/visits.ex
            defmodule Shop.Visits do
              use GenServer

              def init(_opts) do
                Shop.CounterTable.create(:visits)
                {:ok, nil}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Report do
              def sum(rows) do
                :ets.new(:report, [:named_table, :private])
                Enum.each(rows, &:ets.insert(:report, &1))
                :ets.tab2list(:report)
              after
                :ets.delete(:report)
              end

              def handle, do: :ets.new(:report_rows, [:set, :public])

              def scratch do
                table = :ets.new(:scratch, [])
                :ets.info(table, :size)
              end
            end

            defmodule Shop.Validators do
              def put(name, fun) do
                if :ets.whereis(name) == :undefined, do: :ets.new(name, [:named_table, :private])
                :ets.insert(name, {:fun, fun})
              end
            end

            defmodule Shop.Words do
              @moduledoc "Made by nobody that the project shows."
              def setup, do: :ets.new(:words, [:named_table, :public])
            end

            defmodule Shop.Owner do
              def run do
                spawn(fn ->
                  :ets.new(:owned, [:named_table, :public])
                  Process.sleep(:infinity)
                end)
              end

              def agent, do: Agent.start_link(fn -> :ets.new(:agent, [:named_table, :public]) end)
            end
            """
        ),
        Example(
            """
            # file: lib/mix/tasks/shop.words.ex
            defmodule Mix.Tasks.Shop.Words do
              use Mix.Task

              def run(_args) do
                if :ets.whereis(:words) == :undefined, do: :ets.new(:words, [:named_table])
              end
            end
            # file: test/support/tables.ex
            defmodule Shop.TestTables do
              def ensure(name) do
                if :ets.whereis(name) == :undefined, do: :ets.new(name, [:named_table, :public])
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for made in _made(module):
                yield self._finding(file, made)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """Kept unless a process that lasts makes the table, or may do so out of sight."""
        module = _module_at(project, finding)
        made = next((made for made in _made(module) if made.table.site.call.head == finding.span), None)
        if made is None or made.maker == "task" or kinds(module) & _PASSING:
            return finding
        if project.is_named_in_torn_code(module.name):
            return None
        owner = owner_of(project, module, made.entries)
        if owner == "lasting" or (owner == "unknown" and made.maker == "caller"):
            return None
        return finding

    def _finding(self, file: FileView, made: MadeTable) -> Finding:
        site, name = made.table.site, constant_name(made.table.name)
        table = f"the table `{name}`" if name else "the table"
        return self.report(
            file.facts.path,
            site.call.head,
            f"{table} belongs to {_owner_in_words(made)}, and is deleted when that process ends: "
            "let a process of the supervision tree make it",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=_severity(file.source, made),
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=tuple(
                Related(file.facts.path, entry.clauses[0].name_span, "runs in the process of its caller")
                for entry in made.entries[:_SHOWN]
                if entry is not site.function
            ),
        )


def _severity(source: Source, made: MadeTable) -> Severity:
    if made.maker != "first caller":
        return Severity.INFORMATION
    return Severity.HINT if refuses_second(source, made.table.site) else Severity.WARNING


def _made(module: Module) -> tuple[MadeTable, ...]:
    """Tables that are made by passing processes, as far as the module itself shows it."""
    own = callbacks(module)
    lasting = [function for function in module.functions if _starts(module, function)]
    entries = [f for f in module.functions if f.public and f not in lasting and f not in own]
    if kinds(module) & _PASSING:
        entries += own
    elif kinds(module) & SERVERS:
        lasting += own
    return tuple(made_tables(call_graph(module), entries, lasting))


def _starts(module: Module, function: Function) -> bool:
    """Run by a supervisor; in a module that is no process, `init` and `start` are names like any other."""
    if function.name in ("start_link", "child_spec"):
        return True
    is_plain = not (kinds(module) or module.behaviours or module.uses)
    return is_start_function(function) and not (is_plain and function.arity == 0)


def _module_at(project: Project, finding: Finding) -> Module:
    modules = project.files[finding.path].facts.modules
    return next(module for module in reversed(modules) if module.span.contains(finding.span))


def _owner_in_words(made: MadeTable) -> str:
    if made.maker == "task":
        return "the task that makes it"
    names = [f"`{entry.id}`" for entry in made.entries[:_SHOWN]]
    more = f" and {len(made.entries) - _SHOWN} more" if len(made.entries) > _SHOWN else ""
    first = "the first caller" if made.maker == "first caller" else "whoever calls"
    of = " of" if made.maker == "first caller" else ""
    return f"{first}{of} {', '.join(names)}{more}"
