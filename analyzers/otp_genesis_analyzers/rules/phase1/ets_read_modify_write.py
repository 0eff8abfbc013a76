from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from msgspec import structs

from otp_genesis_analyzers.across_modules.one_process import client_side, runs_in_one_process
from otp_genesis_analyzers.across_modules.shared_tables import can_be_raced, is_closed_elsewhere, is_handed_in
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules, site_at
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.tables.ets_races import Race, Step, races
from otp_genesis_analyzers.facts.tables.ets_tables import TableUse, table_uses
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class _Advice(NamedTuple):
    severity: Severity
    words: str


_ADVICE: dict[Step, _Advice] = {
    "update": _Advice(
        Severity.WARNING,
        "a row written in between is lost: `:ets.update_counter/4` adds to a number in one step, "
        "a server that owns the table does anything else",
    ),
    "claim": _Advice(
        Severity.WARNING, "two processes can both find the key free: `:ets.insert_new/2` tells who was first"
    ),
    "delete": _Advice(
        Severity.WARNING,
        "a row written in between is deleted unseen: `:ets.take/2` and `:ets.delete_object/2` are one step",
    ),
    "fill": _Advice(Severity.HINT, "two processes can both miss the row and compute it twice"),
    "overwrite": _Advice(Severity.HINT, "what was read may no longer hold when the row is written"),
    "rollback": _Advice(
        Severity.INFORMATION,
        "until the counter is lowered again others are turned away by a number that is too high: "
        "`:ets.update_counter/4` takes a limit",
    ),
}


class EtsReadModifyWrite(Rule):
    """A row of an ETS table is read and written in two steps by code that many processes run.

    ## What it does
    Reports a read of a key (`lookup`, `lookup_element`, `member`) on which the same function bases an
    `insert`, `update_element` or `delete` of that key, directly or through a function of the module that does
    just that, where the function runs in its callers and the table is public or comes from elsewhere. It is
    **information** for a counter that is raised and lowered again, and a **hint** when a missing row is
    computed and stored, when what is written doesn't depend on what was read, and when the table is only
    known at run time.

    ## Why it matters on the BEAM
    Each operation on a table is atomic, two of them are not. Between the read and the write another process
    can do the same: of two increments one is lost, of two claims both succeed.

    ## When it is legitimate
    When all writers run in the callbacks of one server, or before any other process can: in a start
    function, in `@on_load`. With a table that is private or protected, or was made in the same function. With
    a key that is the process's own pid. Under a lock of `:global`. With `insert_new`, `update_counter`,
    `delete_object`, `take` and `select_replace`, which are one step. None of these is reported.

    ## Use instead
    ```elixir
    :ets.update_counter(:hits, ip, {2, 1}, {ip, 0})
    # no more than `limit`, in one step:
    :ets.update_counter(:hits, ip, {2, 1, limit, limit + 1}, {ip, 0}) <= limit
    ```

    ## Fix safety
    Unsafe. A counter becomes `:ets.update_counter/4`, a claim `:ets.insert_new/2`, a counter that is lowered
    again one with a limit; any other shape is left alone. The table must be a set whose key is the first
    element, which is what `:ets.new/2` makes unless told otherwise.

    ## References
    - https://www.erlang.org/doc/apps/stdlib/ets.html#update_counter/4
    - https://www.erlang.org/doc/apps/stdlib/ets.html#insert_new/2
    - Shown by `tests/beam/table_in_two_steps.exs`
    """

    code = "OTP113"
    name = "ets-read-modify-write"
    severity = Severity.WARNING
    # Who may write a table is said where it is made.
    anchors = (":ets lookup", ":ets lookup_element", ":ets member", ":ets update_counter", ":ets new")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Hits do
              @table :shop_hits

              def count(page) do
                seen =
                  case :ets.lookup(@table, page) do
            #          ^^^^^^^^^^^ warning: a row written in between is lost
                    [{_, n}] -> n
                    [] -> 0
                  end

                :ets.insert(@table, {page, seen + 1})
              end
            end
            """,
            fixed="""
            defmodule Shop.Hits do
              @table :shop_hits

              def count(page) do
                :ets.update_counter(@table, page, {2, 1}, {page, 0})
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Locks do
              def take(key) do
                case :ets.lookup(__MODULE__, key) do
            #        ^^^^^^^^^^^ warning: two processes can both find the key free
                  [] ->
                    :ets.insert(__MODULE__, {key, self()})
                    :ok

                  [{^key, _owner}] ->
                    {:error, :taken}
                end
              end
            end
            """,
            fixed="""
            defmodule Shop.Locks do
              def take(key) do
                if :ets.insert_new(__MODULE__, {key, self()}) do
                  :ok
                else
                  {:error, :taken}
                end
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Limit do
              def allow?(ip, limit) do
                count = :ets.update_counter(:shop_limits, ip, {2, 1}, {ip, 0})
            #           ^^^^^^^^^^^^^^^^^^^ information: a number that is too high

                if count > limit do
                  :ets.update_counter(:shop_limits, ip, {2, -1})
                  false
                else
                  true
                end
              end
            end
            """,
            fixed="""
            defmodule Shop.Limit do
              def allow?(ip, limit) do
                count = :ets.update_counter(:shop_limits, ip, {2, 1, limit, limit + 1}, {ip, 0})

                if count > limit do
                  false
                else
                  true
                end
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Sessions do
              def get(id, now) do
                with [{_, session, expiry}] <- :ets.lookup(:shop_sessions, id) do
            #                                  ^^^^^^^^^^^ warning: a row written in between is deleted unseen
                  if expiry < now, do: :ets.delete(:shop_sessions, id), else: session
                end
              end

              def add(id, item) do
                items = :ets.lookup_element(:shop_carts, id, 2)
            #           ^^^^^^^^^^^^^^^^^^^ warning: a row written in between is lost
                all = [item | items]
                :ets.insert(:shop_carts, {id, all})
              end

              def fetch(id) do
                case :ets.lookup(:shop_profiles, id) do
            #        ^^^^^^^^^^^ hint: compute it twice
                  [{_, profile}] ->
                    profile

                  [] ->
                    profile = Shop.Profiles.load(id)
                    :ets.insert(:shop_profiles, {id, profile})
                    profile
                end
              end

              def once(id) do
                unless :ets.member(:shop_seen, id) do
            #          ^^^^^^^^^^^ warning: two processes can both find the key free
                  :ets.insert(:shop_seen, {id, true})
                  Shop.Mailer.welcome(id)
                end
              end

              def only(id) do
                if :ets.lookup(:shop_owners, id) == [] do
            #      ^^^^^^^^^^^ warning: two processes can both find the key free
                  :ets.insert(:shop_owners, [{id, self()}])
                end
              end

              def first(id), do: :ets.member(:shop_seen, id) || :ets.insert(:shop_seen, {id, self()})
            #                    ^^^^^^^^^^^ warning: two processes can both find the key free

              def open(id, until, now) do
                case :ets.lookup(:shop_doors, id) do
            #        ^^^^^^^^^^^ hint: may no longer hold
                  [{_, open}] when open > now -> :ok
                  _ -> :ets.insert(:shop_doors, {id, until})
                end
              end

              def note(table, id, word) do
                [{_, words}] = :ets.lookup(table, id)
            #                  ^^^^^^^^^^^ hint: a row written in between is lost
                :ets.insert(table, {id, [word | words]})
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              @callback take(String.t()) :: true
            end
            # file: lib/shop/stock/table.ex
            defmodule Shop.Stock.Table do
              @behaviour Shop.Stock

              @impl true
              def take(item) do
                [{_, left}] = :ets.lookup(:shop_stock, item)
            #                 ^^^^^^^^^^^ information: a row written in between is lost
                :ets.insert(:shop_stock, {item, left - 1})
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Visits do
              alias :ets, as: ETS

              def count(page), do: put(page, get(page) + 1)
            #                                ^^^ warning: `:ets.lookup_element/4` in `get/1` decides

              def add(page), do: ETS.insert(:visits, {page, ETS.lookup_element(:visits, page, 2) + 1})
            #                                               ^^^^^^^^^^^^^^^^^^ warning: in between is lost

              def welcome(guest) do
                known = get(guest)
            #           ^^^ hint: may no longer hold
                if known > 3, do: ETS.insert(:visits, {guest, 0})
              end

              def forget(page), do: if(page |> get() == 0, do: ETS.delete(:visits, page))
            #                                  ^^^ warning: is deleted unseen

              def count_later(page) do
                Task.start(fn -> ETS.insert(:visits, {page, ETS.lookup_element(:visits, page, 2) + 1}) end)
            #                                               ^^^^^^^^^^^^^^^^^^ warning: in between is lost
              end

              def get(page), do: ETS.lookup_element(:visits, page, 2, 0)
              defp put(page, count), do: ETS.insert(:visits, {page, count})
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Views do
              use GenServer

              def get(page), do: :ets.lookup_element(__MODULE__, page, 2)
              def get(page, default), do: if(known?(page), do: get(page), else: default)
              def known?(page), do: :ets.member(__MODULE__, page)
              def copy(from, to), do: put(to, get(from))
              def reset(page), do: {get(page), put(:last_reset, page)}

              @impl true
              def init(_opts), do: {:ok, :ets.new(__MODULE__, [:named_table, :public])}

              @impl true
              def handle_cast({:view, page}, table) do
                put(page, get(page) + 1)
                {:noreply, table}
              end

              defp put(page, count), do: :ets.insert(__MODULE__, {page, count})
            end
            """
        ),
        Example(
            """
            defmodule Shop.Limits do
              use GenServer

              def hit(ip), do: GenServer.call(__MODULE__, {:hit, ip})

              @impl true
              def init(_opts) do
                :ets.new(__MODULE__, [:named_table, :public])
                {:ok, __MODULE__}
              end

              @impl true
              def handle_call({:hit, ip}, _from, table), do: {:reply, add(table, ip), table}

              defp add(table, ip) do
                case :ets.lookup(table, ip) do
                  [{_, n}] -> :ets.insert(table, {ip, n + 1})
                  [] -> :ets.insert(table, {ip, 1})
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/stock_table.ex
            defmodule Shop.StockTable do
              def take(item) do
                [{_, left}] = :ets.lookup(:shop_stock, item)
                :ets.insert(:shop_stock, {item, left - 1})
              end

              def put(item), do: :ets.member(:shop_protected, item) || :ets.insert(:shop_protected, {item, 0})
            end
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              @impl true
              def init(_opts) do
                :ets.new(:shop_stock, [:named_table, :public])
                :ets.new(:shop_protected, [:named_table, read_concurrency: true])
                {:ok, nil}
              end

              @impl true
              def handle_cast({:take, item}, state), do: {:noreply, [Shop.StockTable.take(item) | state]}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Counters do
              @on_load :fill

              def hit(ip), do: :ets.update_counter(:shop_hits, ip, {2, 1}, {ip, 0})

              def allow?(ip, limit), do: :ets.update_counter(:shop_hits, ip, {2, 1}, {ip, 0}) <= limit

              def claim(key) do
                case :ets.lookup(:shop_claims, key) do
                  [] -> :ets.insert_new(:shop_claims, {key, self()})
                  [_] -> false
                end
              end

              def close(key) do
                case :ets.lookup(:shop_claims, key) do
                  [row] -> :ets.delete_object(:shop_claims, row)
                  [] -> true
                end
              end

              def pop(key), do: :ets.take(:shop_claims, key)

              def leave do
                pid = self()
                for {_, path} <- :ets.lookup(:shop_files, pid), do: File.rm(path)
                :ets.delete(:shop_files, pid)
              end

              def sum(rows) do
                table = :ets.new(:sum, [:set, :public])

                for {key, n} <- rows do
                  [{_, sum}] = :ets.lookup(table, key)
                  :ets.insert(table, {key, sum + n})
                end
              end

              def other(key, value) do
                rows = :ets.lookup(:shop_claims, key)
                :ets.insert(:shop_log, {key, rows})
                :ets.insert(:shop_claims, {value, :claimed})
              end

              def fill do
                unless :ets.member(:shop_hits, :all), do: :ets.insert(:shop_hits, {:all, 0})
                :ok
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Words do
              def add(key, word) do
                :global.trans({__MODULE__, key}, fn ->
                  [{_, words}] = :ets.lookup(:shop_words, key)
                  :ets.insert(:shop_words, {key, [word | words]})
                end)
              end
            end

            defmodule Shop.Shelves do
              def resize(shelf, size) do
                Registry.lock(Shop.Registry, shelf, fn ->
                  [{_, old}] = :ets.lookup(:shop_shelves, shelf)
                  :ets.insert(:shop_shelves, {shelf, max(old, size)})
                end)
              end

              def clear(shelf) do
                acquire_lock(shelf)
                [{_, size}] = :ets.lookup(:shop_shelves, shelf)
                :ets.insert(:shop_shelves, {shelf, size - 1})
              end

              defp acquire_lock(shelf), do: :ets.insert_new(:shop_locks, {shelf, self()}) || exit(:taken)
            end

            defmodule Shop.Bag do
              use GenServer

              def put(key, value) do
                place = length(:ets.lookup(__MODULE__, key))
                :ets.insert(__MODULE__, {key, place, value})
              end

              @impl true
              def init(_opts) do
                :ets.new(__MODULE__, [:named_table, :public, :bag])
                {:ok, nil}
              end
            end

            defmodule Shop.Closed do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, :ets.new(:closed, [:set, :private])}

              def bump(table, key) do
                [{_, n}] = :ets.lookup(table, key)
                :ets.insert(table, {key, n + 1})
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
                Shop.Flags.setup()
                Supervisor.start_link([], strategy: :one_for_one)
              end
            end
            # file: lib/shop/flags.ex
            defmodule Shop.Flags do
              def setup do
                :ets.new(:shop_flags, [:named_table, :public])

                unless :ets.member(:shop_flags, :debug), do: :ets.insert(:shop_flags, {:debug, false})
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for race in races(file.source, module, client_side(call_graph(module))):
                severity = _severity(module, race)
                if severity is not None:
                    yield self._finding(file, race, severity)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        site = site_at(project.files[finding.path].facts, finding.span)
        if site is None:
            return finding
        if runs_in_one_process(project, site.module, site.function):
            return None
        if site.clause.impl and any(project.module(name) is not None for name in site.module.behaviours):
            # Called through the behaviour, by processes that are out of sight: it may be one alone.
            finding = structs.replace(finding, severity=min(finding.severity, Severity.INFORMATION))
        heads = (finding.span, *(related.span for related in finding.related))
        use = next((use for use in table_uses(site.module) if use.call.head in heads), None)
        return None if use is not None and is_closed_elsewhere(project, use) else finding

    def _finding(self, file: FileView, race: Race, severity: Severity) -> Finding:
        advice = _ADVICE[race.step]
        read, write = race.read.call, race.write.call
        return self.report(
            file.facts.path,
            read.head,
            f"{_in_words(race.read)} decides on {_in_words(race.write)} of the same key: {advice.words}",
            snippet=file.source.text(read.span),
            scope=race.read.site.scope,
            severity=severity,
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if _has_fix(race) else FixKind.LLM,
            related=(Related(file.facts.path, write.head, "the row is written here"),),
        )


def _in_words(use: TableUse) -> str:
    return f"`{use.call.target}` in `{use.through}`" if use.through else f"`{use.call.target}`"


def _has_fix(race: Race) -> bool:
    """What is split over functions is left alone: others may call them."""
    return race.step in ("update", "claim", "rollback") and not (race.read.through or race.write.through)


def _severity(module: Module, race: Race) -> Severity | None:
    """None when the table is not one that several processes write."""
    level = _ADVICE[race.step].severity
    if not can_be_raced(module, race.write):
        return None
    return min(level, Severity.HINT) if is_handed_in(race.read) else level
