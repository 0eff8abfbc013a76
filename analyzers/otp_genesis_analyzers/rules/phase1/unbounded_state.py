from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.shared_tables import is_deleted_from
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules, site_at
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.model import Clause, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.state.growth import growths
from otp_genesis_analyzers.facts.state.server_returns import stops_itself
from otp_genesis_analyzers.facts.tables.ets_tables import TableUse
from otp_genesis_analyzers.facts.tables.table_growth import only_added_to, speaks_of_time
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of

_SETS_UP = frozenset(
    {"register", "configure", "config", "define", "set", "policy", "install", "enable", "monitor"}
)


class UnboundedState(Rule):
    """A server adds to its state with every message, and nothing ever takes anything out.

    ## What it does
    Reports a list, map, set or queue in the state of a server that a callback adds to, when nothing in the
    module removes from it, replaces it, or compares its size. It is a **hint** in a process that ends by
    itself, and for what is registered or configured. It is a **warning** for rows of an ETS table whose key
    holds a moment (`{user, window}`), when nothing in the project deletes from the table, and a **hint**
    where the key is any other value that is not fixed.

    ## Why it matters on the BEAM
    A server lives as long as the node, so what it keeps grows with everything that ever happened. Its heap is
    copied at each garbage collection, its messages take longer as its lists do, and in the end the node runs
    out of memory and takes all other processes with it. No restart of a process helps before that, and
    after it the same happens again.

    ## When it is legitimate
    Where the keys are few and fixed, where each addition goes through `Enum.take/2`, where a message, a timer
    or a `:DOWN` removes. None of these is reported; a process of a request or a session is a hint at most.

    ## Use instead
    ```elixir
    def handle_cast({:log, event}, state) do
      {:noreply, %{state | events: Enum.take([event | state.events], state.max_events)}}
    end
    ```
    A time to live and a sweep, an ETS table with a limit, or the database for what has to be kept.

    ## Fix safety
    There is no deterministic fix: what may be forgotten, and when, is the business of the server.

    ## References
    - https://www.erlang.org/doc/system/memory.html
    - `tests/beam/state_that_only_grows.exs`
    """

    code = "OTP120"
    name = "unbounded-state"
    severity = Severity.INFORMATION
    anchors = (
        "handle_cast",
        "handle_call",
        "handle_info",
        "handle_continue",
        "handle_event",
        "ets update_counter",
        "ets insert",
        "ets insert_new",
        # Not what grows, but what keeps it from growing.
        "ets delete",
        "ets delete_object",
        "ets delete_all_objects",
        "ets match_delete",
        "ets select_delete",
        "ets take",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Audit do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{log: [], seen: MapSet.new(), orders: %{}, waiting: :queue.new()}}

              @impl true
              def handle_cast({:log, it}, s), do: {:noreply, %{s | log: [it | s.log]}}
            #                                                                 ^^^^^ information: `log`

              def handle_cast({:seen, id}, state) do
                {:noreply, %{state | seen: state.seen |> MapSet.put(id)}}
            #                                            ^^^^^^^^^^ information: with each `:seen`
              end

              @impl true
              def handle_call({:place, order}, _from, %{orders: orders} = state) do
                orders = Map.put(orders, order.id, order)
            #            ^^^^^^^ information: `orders`
                {:reply, :ok, %{state | orders: orders}}
              end

              @impl true
              def handle_info({:job, job}, state) do
                {:noreply, Map.put(state, :waiting, :queue.in(job, state.waiting))}
            #                                       ^^^^^^^^^ information
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{}}

              @impl true
              def handle_call({:price, item}, _from, state), do: {:reply, state[item], state}

              @impl true
              def handle_cast({:price, item, price}, state) do
                {:noreply, Map.put(state, item, price)}
            #              ^^^^^^^ information: the state grows
              end
            end

            defmodule Shop.Errors do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, []}

              @impl true
              def handle_cast({:error, error}, errors), do: {:noreply, [error | errors]}
            #                                                                   ^^^^^^ information
            end
            """
        ),
        Example(
            """
            defmodule Shop.Visits do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{visits: %{}, pages: %{}}}

              @impl true
              def handle_info({:visit, user, page}, state) do
                state = count(state, user)
                {:noreply, put_in(state.pages[page], user)}
            #              ^^^^^^ information: `pages`
              end

              def handle_info({:seen, page}, state) do
                {:noreply, state |> Map.update!(:seen, &[page | &1])}
            #                       ^^^^^^^^^^^ information: `seen`
              end

              def handle_info({:shop, id, shop}, state), do: {:noreply, put_in(state, [:shops, id], shop)}
            #                                                           ^^^^^^ information: `shops`

              defp count(state, user) do
                visits = Map.update(state.visits, user, 1, &(&1 + 1))
            #            ^^^^^^^^^^ information: `visits`
                %{state | visits: visits}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/rate_limiter.ex
            defmodule Shop.RateLimiter do
              def hit(user) do
                window = div(System.system_time(:second), 60)
                :ets.update_counter(:shop_hits, {user, window}, 1, {{user, window}, 0})
            #   ^^^^^^^^^^^^^^^^^^^ warning: each moment makes a new row
                :ets.insert(:shop_users, {user, :here})
            #   ^^^^^^^^^^^ hint: each new key makes a new row
              end
            end
            # file: lib/shop/session.ex
            defmodule Shop.Session do
              use GenServer, restart: :temporary

              @impl true
              def init(_opts), do: {:ok, %{clicks: [], rules: %{}}}

              @impl true
              def handle_cast({:click, click}, state) do
                {:noreply, %{state | clicks: [click | state.clicks]}}
            #                                         ^^^^^^^^^^^^ hint
              end
            end
            # file: lib/shop/rules.ex
            defmodule Shop.Rules do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{rules: %{}}}

              @impl true
              def handle_call({:register_rule, name, rule}, _from, state) do
                {:reply, :ok, %{state | rules: Map.put(state.rules, name, rule)}}
            #                                  ^^^^^^^ hint
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Till do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{sales: [], open: %{}, barred: MapSet.new(), notes: []}}

              @impl true
              def handle_call(:last, _from, state), do: {:reply, Enum.take(state.notes, 5), state}

              def handle_call(:status, _from, state) do
                {:reply, :ok, %{state | last: %{recent: Enum.take(state.sales, 5)}}}
              end

              @impl true
              def handle_cast({:sale, sale}, state) do
                state = counted(state) |> Map.update!(:sales, &[sale | &1])
            #                             ^^^^^^^^^^^ information: `sales`
                {:noreply, opened(state, sale)}
              end

              def handle_cast({:note, note}, state) do
                {:noreply, %{state | notes: [note | state.notes]}}
            #                                       ^^^^^^^^^^^ information: `notes`
              end

              def handle_cast({:bar, user}, s) do
                {:noreply, %{s | open: Map.delete(s.open, user), barred: MapSet.put(s.barred, user)}}
            #                                                            ^^^^^^^^^^ information: `barred`
              end

              @impl true
              def handle_info(:allowed, state) do
                Shop.Door.open(Enum.reject(state.users, &MapSet.member?(state.barred, &1)))
                {:noreply, state}
              end

              defp counted(state), do: %{state | count: state.count + 1}

              defp opened(state, sale), do: put_in(state, [:tills, sale.till], sale)
            #                               ^^^^^^ information: `tills`
            end
            """
        ),
        Example(
            """
            defmodule Shop.Watchers do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{watchers: [], sweep: nil}}

              @impl true
              def handle_call({:watch, pid}, _from, %{watchers: watchers} = state) do
                {:reply, :ok, %{state | watchers: [pid | watchers]}}
            #                                            ^^^^^^^^ information: `watchers`
              end

              def handle_call(:sweep, _from, state) do
                case sweep_running?(state) do
                  true -> {:reply, :busy, state}
                  false -> {:reply, :ok, clean_up(state)}
                end
              end

              defp sweep_running?(state), do: state.sweep != nil

              defp clean_up(state) do
                for pid <- state.watchers, do: send(pid, :sweep)
                %{state | sweep: Shop.Broom.sweep()}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Seats do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{guests: [], waiting: []}}

              @impl true
              def handle_cast({:seat, guest}, state) do
                if limit_reached?(state.guests) do
                  {:noreply, state}
                else
                  {:noreply, %{state | guests: [guest | state.guests]}}
                end
              end

              def handle_cast({:wait, guest}, state) do
                {:noreply, cleanup(%{state | waiting: [guest | state.waiting]})}
              end

              defp limit_reached?(guests), do: Shop.Tables.taken?(guests)

              defp cleanup(state) do
                %{state | waiting: for(guest <- state.waiting, Shop.Door.sees?(guest), do: guest)}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Ledger do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{lines: [], events: [], stats: %{}, users: []}}

              @impl true
              def handle_cast({:line, line}, state), do: {:noreply, lined(state, line)}

              def handle_cast({:event, event}, state) do
                {:noreply, %{state | events: [event | state.events], stats: %{events: length(state.events)}}}
              end

              def handle_cast({:user, user}, state) do
                {:noreply, %{state | users: [user | Enum.reject(state.users, &(&1 == user))]}}
              end

              def handle_cast(:report, state) do
                {:noreply, %{state | events: Enum.drop(state.events, 9), last: hd(state.events)}}
              end

              defp lined(state, line) do
                Map.update(state, :lines, [line], fn lines -> [line | Enum.take(lines, 99)] end)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Audit do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{events: [], seen: MapSet.new(), orders: %{}, last: %{}}}

              @impl true
              def handle_cast({:log, it}, s), do: {:noreply, %{s | events: Enum.take([it | s.events], 9)}}

              def handle_cast({:seen, id}, state), do: {:noreply, %{state | seen: MapSet.put(state.seen, id)}}
              def handle_cast(:forget, state), do: {:noreply, %{state | seen: MapSet.new()}}

              def handle_cast({:last, order}, state) do
                {:noreply, %{state | last: Map.put(state.last, :order, order)}}
              end

              @impl true
              def handle_call({:place, order}, _from, state) do
                {:reply, :ok, put_in(state.orders[order.id], order)}
              end

              def handle_call({:done, id}, _from, state) do
                {order, state} = pop_in(state.orders[id])
                {:reply, order, state}
              end

              @impl true
              def handle_info({:job, job}, state), do: {:noreply, %{state | jobs: :queue.in(job, state.jobs)}}

              def handle_info(:next, state) do
                {_job, jobs} = :queue.out(state.jobs)
                {:noreply, %{state | jobs: jobs}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Proofs do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{}}

              @impl true
              def handle_call({:put, key, proof}, _, proofs), do: {:reply, :ok, Map.put(proofs, key, proof)}
              def handle_call(:finish, _from, proofs), do: {:reply, proofs, %{}}
            end

            defmodule Shop.Windows do
              def count(now), do: :ets.update_counter(:shop_windows, window(now), 1)
              defp window(now), do: rem(now, 60)
            end

            defmodule Shop.Throttle do
              use GenServer

              def hit do
                second = System.system_time(:second)
                :ets.update_counter(:shop_throttle, second, 1, {second, 0})
              end

              @impl true
              def init(_opts) do
                state = %{table: :shop_throttle}
                :ets.new(state.table, [:named_table, :public])
                {:ok, state}
              end

              @impl true
              def handle_info({:sweep, second}, state) do
                :ets.select_delete(state.table, [{{:"$1", :_}, [{:<, :"$1", second}], [true]}])
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Watch do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{pids: %{}, log: [], names: []}}

              @impl true
              def handle_call({:join, pid}, _from, state) do
                ref = Process.monitor(pid)
                {:reply, :ok, update_in(state.pids, &Map.put(&1, ref, pid))}
              end

              def handle_call({:log, line}, _from, state) do
                state = %{state | log: [line | state.log]}
                {:reply, length(state.log), trim(state)}
              end

              def handle_call({:name, name}, _from, state) do
                if length(state.names) < 100 do
                  {:reply, :ok, %{state | names: state.names ++ [name]}}
                else
                  {:reply, :full, state}
                end
              end

              @impl true
              def handle_info({:DOWN, ref, :process, _pid, _reason}, state) do
                {:noreply, update_in(state.pids, &Map.delete(&1, ref))}
              end

              defp trim(state), do: update_in(state.log, fn log -> Enum.take(log, 100) end)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Reply do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{items: [], buffer: [], tries: 0}}

              @impl true
              def handle_call({:with, item}, _from, state), do: {:reply, [item | state.items], state}

              def handle_call({:set, items}, _from, state) do
                {:reply, :ok, %{state | items: items}}
              end

              def handle_call({:buffer, item}, _from, state) do
                buffer = [item | state.buffer]
                {:reply, :ok, %{state | buffer: Shop.Buffer.push(buffer, item)}}
              end

              @impl true
              def handle_cast({:add, item}, state) do
                all = state.items ++ [item]
                Shop.Report.send(all)
                {:noreply, %{state | tries: state.tries + 1}}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/rate_limiter.ex
            defmodule Shop.RateLimiter do
              def hit(user, window) do
                :ets.update_counter(:shop_hits, {user, window}, 1, {{user, window}, 0})
              end
            end
            # file: lib/shop/sweeper.ex
            defmodule Shop.Sweeper do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info(:sweep, state) do
                :ets.select_delete(:shop_hits, [{{{:_, :"$1"}, :_}, [{:<, :"$1", state.window}], [true]}])
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/form.ex
            defmodule Shop.Form do
              def add(form, line), do: %{form | lines: [line | form.lines]}
            end
            # file: test/support/fake.ex
            defmodule Shop.Fake do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, []}

              @impl true
              def handle_cast(message, messages), do: {:noreply, [message | messages]}
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for use in only_added_to(module):
                yield self._table(file, use)
            if kinds(module) & SERVERS and module.complete:
                yield from self._state(file, module)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        site = site_at(project.files[finding.path].facts, finding.span)
        if site is None or site.call.module != ":ets":
            return finding
        app = project.app_of(finding.path)
        if app is not None and not project.complete(app, holding=["ets"]):
            return None
        return None if is_deleted_from(project, site.call.args[0]) else finding

    def _state(self, file: FileView, module: Module) -> Iterator[Finding]:
        graph = call_graph(module)
        ends = None
        for growth in growths(file.source, graph):
            ends = _ends(file, module) if ends is None else ends
            message = _message_behind(graph, growth.function, growth.clause)
            sets_up = not _SETS_UP.isdisjoint(message.split("_"))
            what = f"`{growth.field}` in the state" if growth.field else "the state"
            each = f"with each `:{message}`" if message else "with each message"
            yield self.report(
                file.facts.path,
                growth.span,
                f"{what} grows {each}, and nothing in `{module.name}` takes anything out of it",
                snippet=syntax.text(growth.node),
                scope=scope_of(module, growth.function),
                severity=Severity.HINT if ends or sets_up else Severity.INFORMATION,
                confidence=Confidence.STRONG,
                fix=FixKind.LLM,
            )

    def _table(self, file: FileView, use: TableUse) -> Finding:
        each_moment = speaks_of_time(file.source, use)
        makes = "each moment makes" if each_moment else "each new key makes"
        return self.report(
            file.facts.path,
            use.call.head,
            f"{makes} a new row in `{use.table.value}`: nothing in the project deletes from it",
            snippet=use.table.value,
            scope=use.site.scope,
            severity=Severity.WARNING if each_moment else Severity.HINT,
            confidence=Confidence.STRONG if each_moment else Confidence.HEURISTIC,
            fix=FixKind.LLM,
        )


def _ends(file: FileView, module: Module) -> bool:
    """The process belongs to a request or a session: it is not restarted for ever, or stops by itself."""
    options = (use.options.get("restart") for use in module.uses if use.options is not None)
    if any(restart is not None and restart.is_atom("temporary", "transient") for restart in options):
        return True
    return stops_itself(file.source, module)


def _message_behind(graph: CallGraph, function: Function, clause: Clause) -> str:
    """The tag of the message that leads here, as far as one clause of a callback shows it."""
    for callback in callbacks(graph.module):
        for taken in callback.clauses:
            called = (graph.target(call) for call in taken.calls)
            if taken is clause or function in called:
                return unwrapped(taken.head[0]).tag or "" if taken.head else ""
    return ""
