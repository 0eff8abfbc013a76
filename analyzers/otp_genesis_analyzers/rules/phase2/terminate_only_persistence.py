from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.mailbox import traps_exits
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.state.persistence import persistence_call, rebuilding_call
from otp_genesis_analyzers.facts.state.saving import may_save, saves
from otp_genesis_analyzers.facts.state.server_state import server_state
from otp_genesis_analyzers.facts.state.state_use import StateUses
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of


class _Save(NamedTuple):
    """`call` stands in the clause of `terminate` and is, or leads to, the `write`."""

    clause: Clause
    call: Call
    write: Call


class TerminateOnlyPersistence(Rule):
    """A server writes its state down in `terminate` and nowhere else.

    ## What it does
    Reports a call in `terminate/2` (in `terminate/3` of a state machine), or in a function that it goes
    through, that writes what the server's messages have changed to a file, a database or a store, where
    nothing else in the module writes anything. Always a **warning**.

    ## Why it matters on the BEAM
    `terminate/2` does not run when the process is killed, when its supervisor loses patience at shutdown,
    when the node goes down, nor, unless the process traps exits, at any shutdown at all. What was changed
    since the start is then gone, and the next process begins with what was saved one orderly stop earlier.

    ## When it is legitimate
    As a last write beside others: one after each change, or on a timer. That is not reported, nor is what
    only tells others about the end, or writes nothing that a message has changed.

    ## Use instead
    ```elixir
    def handle_call({:add, item}, _from, state) do
      state = %{state | items: [item | state.items]}
      :ok = Shop.CartStore.save(state.items)
      {:reply, :ok, state}
    end
    ```
    Where each change is too often, write on a timer, and take `terminate/2` for what it may save on top.

    ## Fix safety
    No deterministic fix: how often to write, and what a caller may take for saved, is a decision.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:terminate/2
    - tests/beam/terminate_is_no_promise.exs
    """

    code = "OTP202"
    name = "terminate-only-persistence"
    severity = Severity.WARNING
    anchors = ("terminate", "terminate handle_", "terminate init")
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Cart do
              use GenServer

              def init(_opts) do
                Process.flag(:trap_exit, true)
                {:ok, %{}}
              end

              def handle_call({:put, sku, count}, _from, cart), do: {:reply, :ok, Map.put(cart, sku, count)}

              def terminate(_reason, cart), do: File.write!("cart.bin", :erlang.term_to_binary(cart))
            #                                   ^^^^^^^^^^^ warning: nothing else in `Shop.Cart` writes
            end
            """
        ),
        Example(
            """
            defmodule Shop.Points do
              use GenServer

              alias Shop.PointStore, as: Store

              @impl true
              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, %{points: Store.load(opts), opts: opts}}
              end

              @impl true
              def handle_cast({:add, user, n}, state) do
                {:noreply, %{state | points: Map.update(state.points, user, n, &(&1 + n))}}
              end

              @impl true
              def terminate(reason, state) when reason in [:normal, :shutdown] do
                keep(state)
            #   ^^^^ warning: leads to `Shop.PointStore.save/1`
              end

              def terminate(_reason, _state), do: :ok

              defp keep(state), do: state.points |> Map.to_list() |> Store.save()
            end
            """
        ),
        Example(
            """
            defmodule Shop.Meter do
              use GenServer

              def init(name) do
                Process.flag(:trap_exit, true)
                {:ok, %{name: name, count: 0, last: nil}}
              end

              def handle_cast(:hit, state), do: {:noreply, %{state | count: state.count + 1}}

              def terminate(_reason, state) do
                Shop.Repo.insert!(%Shop.Reading{name: state.name, count: state.count})
            #   ^^^^^^^^^^^^^^^^^ warning: what its messages have changed
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Lift do
              @behaviour :gen_statem

              def callback_mode, do: :handle_event_function
              def init(data), do: {:ok, :still, data}

              def handle_event(:cast, {:to, floor}, _state, data) do
                {:next_state, :moving, %{data | floor: floor, trips: [floor | data.trips]}}
              end

              def terminate(_reason, _state, data) do
                if data.trips != [], do: :dets.insert(:trips, {:all, data.trips})
            #                            ^^^^^^^^^^^^ warning: is killed or shut down by its supervisor
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Cart do
              @moduledoc "Writes after each change, and once more at the end."
              use GenServer

              def init(_opts), do: {:ok, %{}}

              def handle_call({:put, sku, count}, _from, cart) do
                {:reply, :ok, cart |> Map.put(sku, count) |> keep()}
              end

              def terminate(_reason, cart), do: keep(cart)

              defp keep(cart) do
                File.write!("cart.bin", :erlang.term_to_binary(cart))
                cart
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Buffer do
              @moduledoc "Flushes on a timer, in a task."
              use GenServer

              def init(_opts), do: {:ok, %{rows: []}}

              def handle_cast({:row, row}, state), do: {:noreply, %{state | rows: [row | state.rows]}}

              def handle_info(:flush, state) do
                rows = state.rows
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Repo.insert_all("rows", rows) end)
                {:noreply, %{state | rows: []}}
              end

              def terminate(_reason, state), do: Shop.Repo.insert_all("rows", state.rows)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Basket do
              @moduledoc "Each change is written by whoever asks for it."
              use GenServer

              def put(item) do
                Shop.BasketStore.insert(item)
                GenServer.cast(__MODULE__, {:put, item})
              end

              def init(_opts), do: {:ok, []}
              def handle_cast({:put, item}, items), do: {:noreply, [item | items]}
              def terminate(_reason, items), do: Shop.BasketStore.save(items)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Session do
              @moduledoc "Notes the end of the session; nothing that a message has changed."
              use GenServer

              def init(id), do: {:ok, %{id: id, seen: 0}}
              def handle_cast(:seen, state), do: {:noreply, %{state | seen: state.seen + 1}}
              def terminate(_reason, state), do: Shop.Repo.update_all(Shop.Sessions.ended(state.id), [])
            end

            defmodule Shop.Fixed do
              @moduledoc "Its state stays what it was at the start."
              use GenServer

              def init(path), do: {:ok, path}
              def handle_call(:path, _from, path), do: {:reply, path, path}
              def terminate(_reason, path), do: File.write!(path, "end")
            end

            defmodule Shop.Bell do
              use GenServer

              def init(_opts), do: {:ok, %{rings: 0, port: nil}}
              def handle_cast(:ring, state), do: {:noreply, %{state | rings: state.rings + 1}}

              def terminate(_reason, state) do
                Phoenix.PubSub.broadcast(Shop.PubSub, "bell", {:rings, state.rings})
                :telemetry.execute([:bell], %{rings: state.rings})
                Port.close(state.port)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Plan do
              @moduledoc "No process."
              def handle(plan, key), do: Map.put(plan, key, 1)
              def terminate(_reason, plan), do: File.write!("plan", plan)
            end
            # file: test/support/recorder.ex
            defmodule Shop.Recorder do
              use GenServer

              def init(_opts), do: {:ok, []}
              def handle_cast({:put, item}, items), do: {:noreply, [item | items]}
              def terminate(_reason, items), do: File.write!("items", inspect(items))
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            terminate = _terminate(module)
            if terminate is None or not module.complete:
                continue
            graph = call_graph(module)
            found = next(_saves_in(graph, terminate), None)
            if found is not None and not _is_saved_elsewhere(graph, terminate):
                yield from self._judge(file, graph, terminate, found)

    def _judge(self, file: FileView, graph: CallGraph, terminate: Function, save: _Save) -> Iterator[Finding]:
        use = StateUses(file.source, graph).of_clause(save.clause, terminate.arity - 1)
        changing = server_state(file.source, file.facts, graph.module).changing
        if not changing or not (use.whole or use.reads & changing or (use.reads and "" in changing)):
            return
        confidence = Confidence.STRONG if use.whole or _is_loaded(graph) else Confidence.HEURISTIC
        yield self._finding(file, graph.module, terminate, save, confidence)

    def _finding(
        self, file: FileView, module: Module, terminate: Function, save: _Save, confidence: Confidence
    ) -> Finding:
        leads = "" if save.call is save.write else f", which leads to `{save.write.target}`,"
        lost = "or its node goes down" if traps_exits(module) else "or shut down by its supervisor"
        related: tuple[Related, ...] = ()
        if save.call is not save.write:
            related = (Related(file.facts.path, save.write.head, "the state is written here"),)
        return self.report(
            file.facts.path,
            save.call.head,
            f"`{save.call.target}`{leads} saves what its messages have changed in `{terminate.id}`, and "
            f"nothing else in `{module.name}` writes it: when the process is killed {lost}, it is gone",
            snippet=file.source.text(save.call.span),
            scope=scope_of(module, terminate),
            confidence=confidence,
            fix=FixKind.LLM,
            related=related,
        )


def _terminate(module: Module) -> Function | None:
    found = kinds(module)
    if not found & SERVERS:
        return None
    return module.function("terminate", 3 if "gen_statem" in found else 2)


def _saves_in(graph: CallGraph, terminate: Function) -> Iterator[_Save]:
    for clause in terminate.clauses:
        for call in clause.calls:
            if saves(graph, call):
                yield _Save(clause, call, call)
            elif (target := graph.target(call)) is not None and call.form == "call":
                for name in graph.reached([target]):
                    for inner in graph.functions[name].clauses:
                        yield from (
                            _Save(clause, call, write) for write in inner.calls if saves(graph, write)
                        )


def _is_saved_elsewhere(graph: CallGraph, terminate: Function) -> bool:
    """By a callback, a client function, or something that may be run by one; the start is left out."""
    init = graph.module.function("init", 1)
    others = [f for f in graph.module.functions if f not in (terminate, init) and f.kind != "defp"]
    elsewhere = graph.reached(others)
    ends = graph.reached(f for f in (terminate, init) if f is not None).keys() - elsewhere.keys()
    return any(
        may_save(graph, call)
        for function in graph.module.functions
        if function.id not in ends
        for clause in function.clauses
        for call in clause.calls
    )


def _is_loaded(graph: CallGraph) -> bool:
    """The start fetches something from a store."""
    starts = [f for f in graph.module.functions if f.id in ("init/1", "handle_continue/2") and f.public]
    calls = [
        call
        for name in graph.reached(starts)
        for clause in graph.functions[name].clauses
        for call in clause.calls
    ]
    return persistence_call(graph, calls) is not None or rebuilding_call(graph, calls) is not None
