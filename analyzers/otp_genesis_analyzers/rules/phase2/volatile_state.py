from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.state.declared_state import declared_collections
from otp_genesis_analyzers.facts.state.persistence import offers_saving
from otp_genesis_analyzers.facts.state.volatile_state import (
    Evidence,
    Reason,
    agent_evidence,
    declared_evidence,
    evidence_of,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.supervision import forest

_REPORTED_AT = 4
_MAX_RELATED = 8
_PERSISTENCE_NAMES = ("Persistence", "Persister", "Persistent", "Snapshot", "Snapshots", "Store", "Storage")


class VolatileState(Rule):
    """What callers gave a server is kept in its process alone, and lost when that ends.

    ## What it does
    Adds up what speaks for it that a server holds data that somebody will miss, and shows the sum with its
    reasons; from 4 on it is reported, always as **information**. It looks at servers where a call or a cast,
    and agents where a function, adds its data to a map, list, set or queue that starts empty: +2. For it
    speak: `init` builds its state from nothing but its options (+2), the caller is told `:ok` (+1), the names
    speak of work, such as order, job or queue (+1), there is one server under a fixed name (+1), the project
    has a module for keeping state that this one does not use (+1). Against it: something saves or restores
    (-3), the names speak of a cache, a counter or the like (-2), the values are pids, references or sockets
    (-2), the server is tied to a connection (-2), or it is never restarted or one of many that come and go
    (-2). What is written down where it is taken in is not reported at all. Fields that a module declares to a
    framework, `use Shop.Agent, schema: [task_queue: [default: []]]`, are scored by their names.

    ## Why it matters on the BEAM
    A supervisor restarts a crashed process from `init/1`: its old state is gone, at each crash and at each
    deployment. What `init/1` can't get back is lost to callers who were told `:ok`.

    ## When it is legitimate
    Caches, counters, rate limits, subscriptions, connections: what is worth nothing to the next process, or
    comes back by itself. Data that is kept elsewhere too.

    ## Use instead
    ```elixir
    def init(_opts), do: {:ok, %{}, {:continue, :load}}

    def handle_continue(:load, _state), do: {:noreply, OrderStore.all()}

    def handle_call({:place, order}, _from, orders) do
      :ok = OrderStore.put(order)
      {:reply, :ok, Map.put(orders, order.id, order)}
    end
    ```

    ## Fix safety
    No deterministic fix: which store to use, and when to write, is a decision.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:handle_continue/2
    - https://hexdocs.pm/elixir/Supervisor.html
    - Shown by `tests/beam/state_after_a_restart.exs`
    """

    code = "OTP201"
    name = "volatile-state"
    severity = Severity.INFORMATION
    anchors = (
        "handle_call",
        "handle_cast",
        "handle_ init(",
        "handle_ handle_",
        "handle_ start_link",
        "schema:",
        "Agent start_link",
        "Agent update",
        "Agent cast",
        "Agent get_and_update",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Orders do
            #         ^^^^^^^^^^^ information: score 7 for `orders` (+2 `:place` adds what callers hand in
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def place(order), do: GenServer.call(__MODULE__, {:place, order})

              def init(_opts), do: {:ok, %{orders: %{}}}

              def handle_call({:place, order}, _from, state) do
                {:reply, :ok, put_in(state.orders[order.id], order)}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Kitchen do
            #         ^^^^^^^^^^^^ information: the names speak of work (queue)
              use GenServer

              defmodule State do
                defstruct queue: :queue.new(), cooks: 2
              end

              def init(opts), do: {:ok, struct(State, opts)}

              def handle_cast({:cook, meal}, %State{} = state), do: {:noreply, enqueue(state, meal)}

              defp enqueue(state, meal) do
                queue = :queue.in(meal, state.queue)
                %State{state | queue: queue}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Errands do
            #         ^^^^^^^^^^^^ information: `:add` adds what callers hand in
              use GenServer

              def start_link(errands \\\\ []), do: GenServer.start_link(__MODULE__, errands, name: __MODULE__)
              def init(errands), do: {:ok, errands}
              def handle_call({:add, errand}, _from, errands), do: {:reply, :ok, [errand | errands]}
            end

            defmodule Shop.JobQueue do
            #         ^^^^^^^^^^^^^ information: the names speak of work (job, queue)
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, :queue.new(), name: __MODULE__)

              @impl true
              def init(queue), do: {:ok, queue}

              @impl true
              def handle_cast({:push, job}, queue), do: {:noreply, :queue.in(job, queue)}
            end

            defmodule Shop.Repairs do
            #         ^^^^^^^^^^^^ information: score 4 for `repairs`
              use GenServer

              def init(shop), do: {:ok, new(shop)}
              def handle_cast({:add, repair}, s), do: {:noreply, Map.update!(s, :repairs, &[repair | &1])}
              def handle_call(:open, _from, state), do: {:reply, state.repairs, state}
              def handle_call({:due, repair}, _from, state), do: {:reply, repair in state.repairs, state}

              defp new(shop), do: %{shop: shop, repairs: []}
            end

            defmodule Shop.Schedule do
            #         ^^^^^^^^^^^^^ information: score 7 (+2 `book/2` adds what callers hand in
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def book(slot, guest), do: Agent.update(__MODULE__, &Map.put(&1, slot, guest))
              def at(slot), do: Agent.get(__MODULE__, & &1[slot])
            end
            """
        ),
        Example(
            """
            # file: lib/shop/tables.ex
            defmodule Shop.Tables do
            #         ^^^^^^^^^^^ information: +1 `Shop.BookingStore` is there to keep state, and is not used
              use GenServer

              def init(_opts), do: {:ok, []}
              def handle_cast({:reserve, guest}, guests), do: {:noreply, Enum.concat(guests, [guest])}
              def handle_cast({:name, name}, guests), do: {:noreply, Map.put(guests, name, true)}
            end
            # file: lib/shop/booking_store.ex
            defmodule Shop.BookingStore do
              def put(guest), do: File.write!("guests", guest)
            end
            # file: lib/shop/acknowledge_storage.ex
            defmodule Shop.AcknowledgeStorage do
              defstruct [:address]
              def encode(message), do: message.address
            end
            """
        ),
        Example(
            """
            defmodule Shop.Courier do
              use Shop.Agent,
                name: "courier",
                schema: [
                  status: [type: :atom, default: :idle],
                  task_queue: [type: :any, default: :queue.new()],
            #     ^^^^^^^^^^ information: the name speaks of work
                  active_trips: [type: :map, default: %{}],
            #     ^^^^^^^^^^^^ information: `active_trips` of `Shop.Courier` is lost
                  colours: [type: :list, default: []]
                ]
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Orders do
              @moduledoc "Writes each order down, and gets them back."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def init(_opts), do: {:ok, %{orders: %{}}, {:continue, :load}}
              def handle_continue(:load, state), do: {:noreply, %{state | orders: Shop.OrderStore.all()}}

              def handle_call({:place, order}, _from, state) do
                :ok = Shop.OrderStore.put(order)
                {:reply, :ok, put_in(state.orders[order.id], order)}
              end
            end

            defmodule Shop.Invoices do
              @moduledoc "Starts empty, and writes down each one."
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)

              def init(invoices) do
                {:ok, _} = :dets.open_file(:invoices, [])
                {:ok, %{invoices: invoices, last: nil, open: %{}}}
              end

              def handle_call({:issue, invoice}, _from, state), do: {:reply, :ok, issue(state, invoice)}

              defp issue(state, invoice) do
                :dets.insert(:invoices, {invoice.id, invoice})
                put_in(state.open[invoice.id], invoice)
              end
            end

            defmodule Shop.Buffer do
              @moduledoc "Written down in batches, on a timer."
              use GenServer

              def init(_opts), do: {:ok, %{orders: []}}
              def handle_cast({:add, order}, state), do: {:noreply, %{state | orders: [order | state.orders]}}

              def handle_info(:flush, state) do
                Shop.Ledger.insert_all(state.orders)
                {:noreply, %{state | orders: []}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.PriceCache do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(_opts), do: {:ok, %{prices: %{}}}
              def handle_cast({:put, id, price}, state), do: {:noreply, put_in(state.prices[id], price)}
            end

            defmodule Shop.RateCache do
              use Agent

              def start_link(_opts), do: Agent.start_link(&Map.new/0, name: __MODULE__)
              def put(currency, rate), do: Agent.cast(__MODULE__, Map, :put, [currency, rate])
            end

            defmodule Shop.Menus do
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> Shop.Repo.all(Menu) end, name: __MODULE__)
              def add(menu), do: Agent.update(__MODULE__, &[menu | &1])
            end

            defmodule Shop.Tally do
              def count(orders) do
                {:ok, tally} = Agent.start_link(fn -> [] end)
                Enum.each(orders, &note(tally, &1))
                Agent.get(tally, &length/1)
              end

              def note(tally, order), do: Agent.update(tally, fn noted -> [order | noted] end)
            end

            defmodule Shop.Limiter do
              use GenServer

              def init(_opts), do: {:ok, %{}}
              def handle_call({:hit, ip}, _from, hits), do: {:reply, :ok, Map.update(hits, ip, 1, &(&1 + 1))}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Feed do
              @moduledoc "Its values are processes."
              use GenServer

              def init(_opts), do: {:ok, %{readers: %{}}}

              def handle_call({:subscribe, pid}, _from, state) do
                ref = Process.monitor(pid)
                {:reply, :ok, put_in(state.readers[pid], ref)}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Line do
              @moduledoc "Ends with its connection."
              use GenServer

              def init(port) do
                {:ok, socket} = :gen_tcp.connect({:local, "/run/till"}, port, [])
                {:ok, %{socket: socket, lines: []}}
              end

              def handle_cast({:line, line}, state), do: {:noreply, %{state | lines: [line | state.lines]}}
            end

            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def handle_call({:add, item}, _from, socket) do
                {:reply, :ok, assign(socket, :items, [item | socket.assigns.items])}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/visits.ex
            defmodule Shop.Visits do
              use DynamicSupervisor

              def init(_opts), do: DynamicSupervisor.init(strategy: :one_for_one)
              def open(user), do: DynamicSupervisor.start_child(__MODULE__, {Shop.Visit, user})
            end
            # file: lib/shop/visit.ex
            defmodule Shop.Visit do
              use GenServer

              def init(user), do: {:ok, %{user: user, pages: []}}
              def handle_cast({:saw, page}, state), do: {:noreply, %{state | pages: [page | state.pages]}}
            end
            # file: lib/shop/import.ex
            defmodule Shop.Import do
              use GenServer, restart: :temporary

              def init(file), do: {:ok, %{file: file, rows: []}}
              def handle_call({:row, row}, _, state), do: {:reply, :ok, %{state | rows: [row | state.rows]}}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Lamp do
              @moduledoc "No collection takes in what callers send."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def init(_opts), do: {:ok, %{queue: [], on: false}}
              def handle_call({:switch, on}, _from, state), do: {:reply, :ok, %{state | on: on}}
              def handle_cast({:forget, id}, %{queue: queue} = state) do
                {:noreply, %{state | queue: List.delete(queue, id)}}
              end
            end
            # file: test/support/fake_orders.ex
            defmodule Shop.FakeOrders do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(_opts), do: {:ok, %{orders: %{}}}

              def handle_call({:place, order}, _from, state) do
                {:reply, :ok, put_in(state.orders[order.id], order)}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        """Also what scores one point too few: the project may give it that point."""
        for module in production_modules(file.facts, file.role):
            if not module.complete:
                continue
            if "GenServer" in kinds(module):
                evidence = evidence_of(file.source, file.facts, module)
            else:
                evidence = agent_evidence(file.source, module)
            if evidence is not None and evidence.score >= _REPORTED_AT - 1:
                yield self._finding(file, module, evidence)
            yield from self._declared(file, module)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        reasons = list(_project_reasons(finding, project))
        score = _score_in(finding) + sum(reason.points for reason in reasons)
        if score < _REPORTED_AT:
            return None
        words = "".join(f"; {reason}" for reason in reasons)
        head, _, tail = finding.message.partition(f"score {_score_in(finding)}")
        return structs.replace(finding, message=f"{head}score {score}{tail[:-1]}{words})")

    def _declared(self, file: FileView, module: Module) -> Iterator[Finding]:
        for field in declared_collections(file.source, module):
            evidence = declared_evidence(field)
            if evidence.score >= _REPORTED_AT - 1:
                yield self.report(
                    file.facts.path,
                    field.span,
                    f"`{field.name}` of `{module.name}` is lost when its process ends: {_in_words(evidence)}",
                    snippet=field.name,
                    scope=module.name,
                    confidence=Confidence.HEURISTIC,
                    fix=FixKind.LLM,
                )

    def _finding(self, file: FileView, module: Module, evidence: Evidence) -> Finding:
        return self.report(
            file.facts.path,
            module.name_span,
            f"what callers give `{module.name}` is lost when its process ends: {_in_words(evidence)}",
            snippet=module.name,
            scope=module.name,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
            related=tuple(
                Related(file.facts.path, message.clause.name_span, f"`{message.tag}` adds to the state here")
                for message in evidence.writes[:_MAX_RELATED]
            ),
        )


def _in_words(evidence: Evidence) -> str:
    reasons = "; ".join(map(str, evidence.reasons))
    fields = ", ".join(f"`{name}`" for name in evidence.fields if name)
    return f"score {evidence.score}{f' for {fields}' if fields else ''} ({reasons})"


def _score_in(finding: Finding) -> int:
    """The score that the file alone gave, as the message has it."""
    return int(finding.message.partition(": score ")[2].split(" ", 1)[0])


def _project_reasons(finding: Finding, project: Project) -> Iterator[Reason]:
    module = finding.scope
    places = forest(project).started.get(module, ())
    if any(child.restart == "temporary" for _, child in places):
        yield Reason(-2, "its supervisor never restarts it")
    elif any(node.children.kind == "dynamic" for node, _ in places):
        yield Reason(-2, "it is one of many that are started and ended at run time")
    store = _persistence_module(finding, project)
    if store:
        yield Reason(1, f"`{store}` is there to keep state, and is not used")


def _persistence_module(finding: Finding, project: Project) -> str:
    """A module of the same application that is there for keeping state, of which this one makes no use."""
    app = project.app_of(finding.path)
    own = next(module for module in project.files[finding.path].facts.modules if module.name == finding.scope)
    used = {call.module for function in own.functions for clause in function.clauses for call in clause.calls}
    names = (
        name
        for facts in (project.files_of(app) if app is not None else ())
        if project.role_of(facts.path).is_application_code
        for name in (*facts.unread, *(module.name for module in facts.modules if module.kind == "defmodule"))
        if name.endswith(_PERSISTENCE_NAMES)
    )
    unused = (name for name in sorted(names) if name not in used and name != finding.scope)
    return next((name for name in unused if _is_store(project, name)), "")


def _is_store(project: Project, name: str) -> bool:
    """No mere name: a message or a struct may be called `AcceptStorage` too."""
    entry = project.module(name)
    return entry is not None and offers_saving(entry.module)
