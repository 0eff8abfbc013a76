from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.receives import (
    ends_with_process,
    ends_with_timer,
    flushes_monitor_after,
    gives_up_for_good,
    monitors_before,
    sends_before,
    takes_any_end,
    takes_what_is_there,
    waits_for_ever,
    waits_for_linked,
)
from otp_genesis_analyzers.facts.model import Clause, Module, Receive
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Source

_LAST_CALLBACKS = ("terminate/2", "terminate/3")
_MEANWHILE = "meanwhile the server answers nobody"


class _Judgement(NamedTuple):
    severity: Severity
    words: str


class ReceiveInCallback(Rule):
    """A callback of a server waits in `receive`, and the server does nothing else meanwhile.

    ## What it does
    Reports `receive` in the callbacks of a server, a view or a channel and in the functions that they call
    in the same process. It is a **warning** when nothing ends the wait, when it is for the answer to what the
    function has sent before, and when the wait for a monitored process gives up without
    `Process.demonitor(ref, [:flush])`. It is **information** when otherwise a timeout, a timer or the end
    of a process ends it, or when the server itself ends with the timeout, and a **hint** when that is done
    with care.

    ## Why it matters on the BEAM
    A server takes one message after the other. While a callback waits, calls queue up, timers are late and
    system messages, `:sys.get_state/1` and the supervisor's order to stop among them, stay unanswered. What
    arrives after a timeout meets `handle_info/2`, which was not written for it.

    ## When it is legitimate
    With `after 0`, to take what has already come. After `Process.cancel_timer/1`, to take the message of a
    timer that went off. In `terminate`, where no other message will be handled. In a function that runs in
    the caller or in another process. None of these is reported.

    ## Use instead
    ```elixir
    def handle_call(:ask, from, state) do
      send(state.peer, {:ask, self()})
      {:noreply, %{state | waiting: from}}
    end

    def handle_info({:answer, answer}, state) do
      GenServer.reply(state.waiting, answer)
      {:noreply, %{state | waiting: nil}}
    end
    ```
    A reply that is given later does not block the server.

    ## Fix safety
    There is no deterministic fix: the callback has to be cut in two where it waits.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#reply/2
    - https://www.erlang.org/doc/system/gen_server_concepts.html
    - Shown by `tests/beam/receive_in_a_callback.exs`
    """

    code = "OTP110"
    name = "receive-in-callback"
    severity = Severity.WARNING
    anchors = ("receive",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Reload do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info({:file_event, path}, state) do
                Process.send_after(self(), :debounced, 100)
                {:noreply, [path | debounce(state)]}
              end

              defp debounce(paths) do
                receive do
            #   ^^^^^^^ information: until its timer goes off
                  :debounced -> paths
                  {:file_event, path} -> debounce([path | paths])
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Printer do
              use GenServer

              @impl true
              def init(device) do
                send(device, {:hello, self()})
                {:ok, await_ready(device)}
              end

              @impl true
              def handle_call({:print, page}, _from, device) do
                send(device, {:print, page, self()})

                receive do
            #   ^^^^^^^ warning: `handle_call/3` waits in `receive`: without an `after`
                  {:printed, ^device} -> {:reply, :ok, device}
                end
              end

              defp await_ready(device) do
                receive do
            #   ^^^^^^^ warning: `init/1` waits in `receive` through `await_ready/1`
                  {:ready, ^device} -> device
                after
                  :infinity -> device
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Camera do
              use GenServer

              @impl true
              def init(stream), do: {:ok, stream}

              @impl true
              def handle_cast(:restart, stream) do
                ref = Process.monitor(stream)
                Process.exit(stream, :shutdown)

                receive do
            #   ^^^^^^^ warning: after the timeout the monitor stays
                  {:DOWN, ^ref, :process, _pid, _reason} -> :ok
                after
                  1_000 -> :gave_up
                end

                {:noreply, Shop.Stream.open()}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, _pid, :normal}, stream), do: {:noreply, stream}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Scale do
              use GenServer

              @impl true
              def init(port), do: {:ok, port}

              @impl true
              def handle_call(:weigh, _from, port) do
                send(port, {:weigh, self()})

                weight =
                  receive do
            #     ^^^^^^^ warning: what comes too late stays to be handled
                    {:weight, grams} -> grams
                  after
                    500 -> nil
                  end

                {:reply, weight, port}
              end

              def handle_call(:settle, _from, port) do
                receive do
            #   ^^^^^^^ information: what comes too late stays to be handled
                  {:settled, ^port} -> {:reply, :ok, port}
                after
                  @settle_ms -> {:reply, {:error, :unsteady}, port}
                end
              end

              def handle_call({:weigh_all, pallets}, _from, port) do
                weights =
                  for pallet <- pallets do
                    Port.command(port, pallet)
                    receive do: ({^port, {:data, grams}} -> grams), after: (500 -> 0)
            #       ^^^^^^^ warning: meanwhile the server answers nobody
                  end

                {:reply, weights, port}
              end

              def handle_call(:reset, _from, port) do
                ref = Process.monitor(port)
                Process.exit(port, :kill)

                receive do
            #   ^^^^^^^ information: until a process ends
                  {:DOWN, ^ref, :process, _pid, _reason} -> {:reply, :ok, nil}
                end
              end

              def handle_call(:plug, _from, _port) do
                {:ok, port} = Shop.Port.start_link(self())

                receive do
            #   ^^^^^^^ information: until a process ends
                  {:plugged, ^port} -> {:reply, :ok, port}
                  {:refused, ^port, reason} -> {:stop, reason, nil}
                end
              end

              def handle_call(:unplug, _from, port) do
                Process.exit(port, :shutdown)
                receive do: ({:EXIT, ^port, _reason} -> {:reply, :ok, nil})
            #   ^^^^^^^ information: until a process ends
              end

              def handle_call(:close, _from, port) do
                ref = Process.monitor(port)
                send(port, :close)

                receive do
            #   ^^^^^^^ hint: meanwhile the server answers nobody
                  {:DOWN, ^ref, :process, _pid, _reason} -> :ok
                after
                  500 -> Process.demonitor(ref, [:flush])
                end

                {:reply, :ok, nil}
              end
            end

            defmodule Shop.Crane do
              use GenServer

              @impl true
              def init(arm), do: {:ok, arm}

              @impl true
              def handle_cast(:drop, arm) do
                ref = Process.monitor(arm)
                send(arm, :drop)

                receive do
            #   ^^^^^^^ information: meanwhile the server answers nobody
                  {:DOWN, ^ref, :process, _pid, _reason} -> :ok
                after
                  500 -> :ok
                end

                {:noreply, arm}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, _pid, _reason}, arm), do: {:noreply, arm}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Relay do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:open, _from, state) do
                {:reply, open(), state}
              end

              defp open do
                server = self()

                relay =
                  spawn_link(fn ->
                    Process.register(self(), :shop_relay)
                    send(server, {:registered, self()})
                    Shop.Line.run(server)
                  end)

                receive do
            #   ^^^^^^^ information: what comes too late
                  {:registered, ^relay} -> {:ok, relay}
                after
                  1_000 -> {:error, :busy}
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Scales do
              use GenServer

              def init(port), do: {:ok, port}

              def handle_call(:weigh, _from, port), do: {:reply, ask(port, :weigh), port}
              def handle_call(:tare, _from, port), do: {:reply, ask_softly(port, :tare), port}

              defp ask(port, command) do
                send(port, {self(), {:command, command}})

                receive do
            #   ^^^^^^^ information: it ends where no message comes
                  {^port, {:data, answer}} -> answer
                after
                  5_000 -> exit(:scales_are_silent)
                end
              end

              defp ask_softly(port, command) do
                send(port, {self(), {:command, command}})

                receive do
            #   ^^^^^^^ warning: what comes too late stays to be handled
                  {^port, {:data, answer}} -> answer
                after
                  5_000 -> {:error, :timeout}
                end
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Inbox do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info({:mail, mail}, state), do: {:noreply, store([mail | drain()], state)}

              def handle_info(:pause, state) do
                if Process.cancel_timer(state.timer) == false do
                  receive do
                    :tick -> :ok
                  end
                end

                {:noreply, %{state | timer: nil}}
              end

              @impl true
              def terminate(_reason, state) do
                send(state.store, {:close, self()})

                receive do
                  :closed -> :ok
                after
                  1_000 -> :ok
                end
              end

              defp drain do
                receive do
                  {:mail, mail} -> [mail | drain()]
                after
                  0 -> []
                end
              end

              defp store(mails, state), do: %{state | mails: mails}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Desk do
              use GenServer

              def ask(pid, question) do
                ref = Process.monitor(pid)
                send(pid, {:ask, self(), ref, question})

                receive do
                  {^ref, answer} -> answer
                  {:DOWN, ^ref, :process, _pid, _reason} -> nil
                end
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:poll, device}, state) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                  send(device, {:status, self()})

                  receive do
                    {:status, status} -> Shop.Status.put(device, status)
                  end
                end)

                {:noreply, state}
              end

              def handle_cast({:watch, device}, _), do: {:noreply, spawn(fn -> watch(device) end)}

              defp watch(device) do
                receive do
                  {:status, status} -> watch(Shop.Status.put(device, status))
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Loop do
              def start_link(state), do: {:ok, spawn_link(__MODULE__, :loop, [state])}

              def loop(state) do
                receive do
                  {:put, value} -> loop([value | state])
                  :stop -> :ok
                end
              end
            end
            """
        ),
        Example(
            """
            # file: test/support/slow_desk.ex
            defmodule Shop.SlowDesk do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:wait, _from, state) do
                receive do
                  :go -> {:reply, :ok, state}
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Later do
              use GenServer

              @impl true
              def init(opts), do: {:ok, %{peer: opts, waiting: nil}}

              @impl true
              def handle_call(:ask, from, state) do
                send(state.peer, {:ask, self()})
                {:noreply, %{state | waiting: from}}
              end

              @impl true
              def handle_info({:answer, answer}, state) do
                GenServer.reply(state.waiting, answer)
                {:noreply, %{state | waiting: nil}}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for function_id, chain in callback_chains(graph).items():
                function = graph.functions[function_id]
                if chain[0] in _LAST_CALLBACKS:
                    continue
                for clause in function.clauses:
                    for receive in clause.receives:
                        judgement = _judge(file.source, module, clause, receive)
                        if judgement is not None:
                            yield self._finding(file, scope_of(module, function), chain, receive, judgement)

    def _finding(
        self, file: FileView, scope: str, chain: tuple[str, ...], receive: Receive, judgement: _Judgement
    ) -> Finding:
        callback, waiting = chain[0], chain[-1]
        through = f" through `{waiting}`" if waiting != callback else ""
        return self.report(
            file.facts.path,
            receive.span,
            f"`{callback}` waits in `receive`{through}: {judgement.words}",
            snippet=file.source.text(receive.span),
            scope=scope,
            severity=judgement.severity,
            fix=FixKind.LLM,
        )


def _judge(source: Source, module: Module, clause: Clause, receive: Receive) -> _Judgement | None:
    if receive.runs != "here" or takes_what_is_there(clause, receive):
        return None
    if waits_for_ever(receive):
        if ends_with_process(receive) or waits_for_linked(module, clause, receive):
            return _Judgement(Severity.INFORMATION, "until a process ends, the server answers nobody")
        if ends_with_timer(module, receive):
            return _Judgement(Severity.INFORMATION, "until its timer goes off, the server answers nobody")
        return _Judgement(Severity.WARNING, "without an `after`, nothing ends the wait if no message comes")
    if not monitors_before(clause, receive):
        if gives_up_for_good(source, receive):
            return _Judgement(Severity.INFORMATION, f"{_MEANWHILE}, and it ends where no message comes")
        asked = sends_before(clause, receive) and not ends_with_process(receive)
        severity = Severity.WARNING if asked else Severity.INFORMATION
        return _Judgement(severity, f"{_MEANWHILE}, and what comes too late stays to be handled")
    if flushes_monitor_after(clause, receive):
        return _Judgement(Severity.HINT, _MEANWHILE)
    if takes_any_end(module):
        return _Judgement(Severity.INFORMATION, _MEANWHILE)
    return _Judgement(
        Severity.WARNING,
        "after the timeout the monitor stays, and its `:DOWN` meets clauses that were not written for it: "
        "call `Process.demonitor(ref, [:flush])` there",
    )
