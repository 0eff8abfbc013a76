from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.processes.monitor_leaks import Leak, LeakedMonitor, leaked_monitors
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_SEVERITY: dict[Leak, Severity] = {
    "left behind": Severity.WARNING,
    "each turn": Severity.WARNING,
    "each request": Severity.HINT,
    "overwritten": Severity.INFORMATION,
}


class MonitorLeak(Rule):
    """A process is monitored again and again, and no monitor is ever taken away.

    ## What it does
    Reports `Process.monitor` in a module that calls `Process.demonitor` nowhere (but for the last), where

    - a server monitors who subscribes, listens, registers or joins, and the clause for the opposite takes
      him out of a collection, but leaves the monitor: a **warning**, also where the reference is kept;
    - a function monitors its own argument and calls itself with the same one: a **warning**;
    - a request monitors who asks without a look whether he is known already: a **hint**, in `strict`;
    - it does so and keeps the reference under the process, over that of an earlier request: **information**.

    ## Why it matters on the BEAM
    A monitor lives until the monitored process ends or `Process.demonitor/2` takes it away. Each further one
    of the same process is one more, kept by both, and one more `:DOWN` in the end. Who comes and goes a
    thousand times costs a thousand.

    ## When it is legitimate
    One monitor for the life of a process, set in `init`, or by a request that is made once. A removal in the
    `:DOWN` clause needs no `demonitor`: a monitor is gone once its message has come. A clause that ends the
    process ends the monitor. None of these is reported.

    ## Use instead
    ```elixir
    def handle_cast({:unsubscribe, pid}, refs) do
      {ref, refs} = Map.pop(refs, pid)
      if ref, do: Process.demonitor(ref, [:flush])
      {:noreply, refs}
    end
    ```

    ## Fix safety
    There is no mechanical fix: the state has to keep the reference with what it is for. A model can
    propose one.

    ## References
    - https://hexdocs.pm/elixir/Process.html#demonitor/2
    - `tests/beam/monitor_after_down.exs`
    - `tests/beam/monitor_left_behind.exs`
    """

    code = "OTP109"
    name = "monitor-leak"
    severity = Severity.WARNING
    default_from = Severity.INFORMATION
    anchors = ("monitor",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{listeners: %{}}}

              @impl true
              def handle_call({:listen, products}, {pid, _tag}, %{listeners: listeners} = state) do
                if Map.has_key?(listeners, pid) do
                  {:reply, :ok, state}
                else
                  Process.monitor(pid)
            #     ^^^^^^^^^^^^^^^ warning: the clause for `:unlisten` leaves the monitor
                  {:reply, :ok, %{state | listeners: Map.put(listeners, pid, products)}}
                end
              end

              def handle_call({:unlisten, _products}, {pid, _tag}, state) do
                {:reply, :ok, %{state | listeners: Map.delete(state.listeners, pid)}}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, pid, _reason}, state) do
                {:noreply, %{state | listeners: Map.delete(state.listeners, pid)}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Visitors do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{}}

              @impl true
              def handle_cast({:add_visitor, pid}, visitors), do: {:noreply, watch(visitors, pid)}
              def handle_cast({:remove_visitor, pid}, visitors), do: {:noreply, forget(visitors, pid)}

              @impl true
              def handle_info({:DOWN, _ref, :process, pid, _reason}, visitors) do
                {:noreply, forget(visitors, pid)}
              end

              defp watch(visitors, pid), do: Map.put(visitors, pid, :erlang.monitor(:process, pid))
            #                                                       ^^^^^^^^^^^^^^^ warning: `:remove_visitor`

              defp forget(visitors, pid), do: Map.delete(visitors, pid)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Names do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{}}

              @impl true
              def handle_call({:add, name, pid}, _from, names) do
                Process.monitor(pid)
            #   ^^^^^^^^^^^^^^^ warning: the clause for `:pop` leaves the monitor
                {:reply, :ok, Map.put(names, name, pid)}
              end

              def handle_call({:pop, name}, _from, names) do
                {pid, names} = Map.pop(names, name)
                {:reply, pid, names}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, pid, _reason}, names) do
                {:noreply, Map.reject(names, fn {_name, named} -> named == pid end)}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Health do
              def watch(pid, interval) do
                Process.monitor(pid)
            #   ^^^^^^^^^^^^^^^ warning: once more at each turn of `watch/2`

                receive do
                  {:DOWN, _ref, :process, ^pid, reason} -> {:down, reason}
                after
                  interval -> watch(pid, interval)
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Limits do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{refs: %{}}}

              @impl true
              def handle_call(:enter, {pid, _tag}, state) do
                ref = Process.monitor(pid)
            #         ^^^^^^^^^^^^^^^ information: the reference of the first is overwritten
                {:reply, :ok, put_in(state, [:refs, pid], ref)}
              end

              def handle_call(:leave, {pid, _tag}, state) do
                {ref, refs} = Map.pop(state.refs, pid)
                Process.demonitor(ref)
                {:reply, :ok, %{state | refs: refs}}
              end

              @impl true
              def handle_cast({:watch, pid}, state) do
                {:noreply, %{state | refs: Map.put(state.refs, pid, Process.monitor(pid))}}
            #                                                       ^^^^^^^^^^^^^^^ information
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, pid, _reason}, state) do
                {:noreply, %{state | refs: Map.delete(state.refs, pid)}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Bell do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, []}

              @impl true
              def handle_cast({:ring_for, pid}, pids) do
                Process.monitor(pid)
            #   ^^^^^^^^^^^^^^^ hint: each request
                {:noreply, [pid | pids]}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, pid, _reason}, pids) do
                {:noreply, List.delete(pids, pid)}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Kitchen do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{cooks: %{}, orders: %{}}}

              @impl true
              def handle_call({:add, pid}, _from, state) do
                {:reply, :ok, put_in(state.cooks[Process.monitor(pid)], pid)}
              end

              def handle_call({:remove_order, id}, _from, state) do
                {:reply, :ok, %{state | orders: Map.delete(state.orders, id)}}
              end

              @impl true
              def handle_info({:DOWN, ref, :process, _pid, _reason}, state) do
                {:noreply, %{state | cooks: Map.delete(state.cooks, ref)}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Leases do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{}}

              @impl true
              def handle_call({:lease, pid}, _from, refs) when is_map_key(refs, pid), do: {:reply, :ok, refs}

              def handle_call({:lease, pid}, _from, refs) do
                {:reply, :ok, Map.put(refs, pid, Process.monitor(pid))}
              end

              def handle_call({:borrow, pid}, _from, refs) do
                ref = Process.monitor(pid)
                {:reply, ref, Map.put(refs, ref, pid)}
              end

              def handle_call({:swap, pid}, _from, refs) do
                with %{^pid => old} <- refs, do: Process.demonitor(old, [:flush])
                {:reply, :ok, Map.put(refs, pid, Process.monitor(pid))}
              end

              @impl true
              def handle_info({:DOWN, ref, :process, pid, _reason}, refs) do
                {:noreply, Map.drop(refs, [ref, pid])}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Closing do
              def close(pid, how, timeout_ms \\\\ 5_000)

              def close(pid, :shutdown, timeout_ms) do
                ref = Process.monitor(pid)
                Process.exit(pid, :shutdown)

                receive do
                  {:DOWN, ^ref, :process, ^pid, _reason} -> :ok
                after
                  timeout_ms -> close(pid, :kill)
                end
              end

              def close(pid, :kill, _timeout_ms) do
                ref = Process.monitor(pid)
                Process.exit(pid, :kill)

                receive do
                  {:DOWN, ^ref, :process, ^pid, _reason} -> :ok
                end
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
              def handle_cast({:subscribe, pid}, refs) do
                {:noreply, Map.put_new(refs, pid, Process.monitor(pid))}
              end

              def handle_cast({:unsubscribe, pid}, refs) do
                {ref, refs} = Map.pop(refs, pid)
                if ref, do: Process.demonitor(ref, [:flush])
                {:noreply, refs}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, pid, _}, refs), do: {:noreply, Map.delete(refs, pid)}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Owner do
              use GenServer

              @impl true
              def init(owner) do
                Process.monitor(owner)
                {:ok, %{owner: owner, workers: %{}}}
              end

              @impl true
              def handle_call({:start, job}, _from, state) do
                {:ok, pid} = DynamicSupervisor.start_child(Shop.Workers, {Shop.Worker, job})
                ref = Process.monitor(pid)
                {:reply, pid, put_in(state.workers[ref], pid)}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, owner, _reason}, %{owner: owner} = state) do
                {:stop, :normal, state}
              end

              def handle_info({:DOWN, ref, :process, _pid, _reason}, state) do
                {:noreply, %{state | workers: Map.delete(state.workers, ref)}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Sessions do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, MapSet.new()}

              @impl true
              def handle_call({:register, pid}, _from, pids) do
                if MapSet.member?(pids, pid) do
                  {:reply, :ok, pids}
                else
                  Process.monitor(pid)
                  {:reply, :ok, MapSet.put(pids, pid)}
                end
              end

              def handle_call({:unregister, pid}, _from, pids) do
                GenServer.stop(pid)
                {:reply, :ok, MapSet.delete(pids, pid)}
              end

              @impl true
              def handle_info({:DOWN, _, :process, pid, _}, pids), do: {:noreply, MapSet.delete(pids, pid)}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Loop do
              def start(pid), do: loop(pid, nil)

              defp loop(pid, nil) do
                ref = Process.monitor(pid)
                loop(pid, ref)
              end

              defp loop(pid, ref) do
                receive do
                  {:DOWN, ^ref, :process, ^pid, reason} -> reason
                  _other -> loop(pid, ref)
                end
              end

              def each([]), do: :ok

              def each([pid | rest]) do
                Process.monitor(pid)
                each(rest)
              end

              def wait(pid) do
                Process.monitor(pid)

                receive do
                  {:DOWN, _ref, :process, ^pid, reason} -> reason
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Locks do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{holder: nil, queue: []}}

              @impl true
              def handle_call(:status, _from, state), do: {:reply, state.holder, state}
              def handle_call({:remove, key}, _from, state), do: {:reply, :ok, Map.delete(state, key)}

              @impl true
              def handle_continue({:watch, pid}, state) do
                Process.monitor(pid)
                {:noreply, %{state | holder: pid}}
              end

              @impl true
              def handle_info({:DOWN, _, :process, _, _}, state), do: {:noreply, %{state | holder: nil}}
            end
            """
        ),
        Example(
            """
            # file: test/support/listener.ex
            defmodule Shop.Listener do
              use GenServer

              def init(_opts), do: {:ok, []}

              def handle_cast({:subscribe, pid}, pids) do
                Process.monitor(pid)
                {:noreply, [pid | pids]}
              end

              def handle_cast({:unsubscribe, pid}, pids), do: {:noreply, List.delete(pids, pid)}
              def handle_info({:DOWN, _ref, :process, pid, _reason}, pids), do: {:noreply, pids -- [pid]}
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for leaked in leaked_monitors(file.source, call_graph(module)):
                yield self._finding(file, leaked)

    def _finding(self, file: FileView, leaked: LeakedMonitor) -> Finding:
        site, opposite = leaked.site, leaked.opposite
        related: tuple[Related, ...] = ()
        if opposite is not None:
            tag = f"`:{unwrapped(opposite.pattern).tag}`"
            words = (
                f"the clause for {tag} leaves the monitor that is set here: who comes and goes is monitored "
                "once more each time. Keep the reference, and `Process.demonitor(ref, [:flush])` there"
            )
            related = (
                Related(file.facts.path, opposite.clause.name_span, f"takes {tag}, and no monitor away"),
            )
        elif leaked.leak == "each turn":
            words = (
                f"the same process is monitored once more at each turn of `{site.function.id}`: "
                "monitor it once, before the loop"
            )
        elif leaked.leak == "overwritten":
            words = (
                "a second request of the same process monitors it again, and the reference of the first is "
                "overwritten: nobody can take that monitor away. Look first whether it is known"
            )
        else:
            words = (
                "each request monitors the process once more, also one that is monitored already: look it up "
                "first, or keep the reference"
            )
        return self.report(
            file.facts.path,
            site.call.head,
            words,
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=_SEVERITY[leaked.leak],
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=related,
        )
