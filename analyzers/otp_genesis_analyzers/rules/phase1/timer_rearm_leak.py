from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.known_chains import starts_only_where_none_runs
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.messages.timers import OpenLimit, SecondChain, open_limits, second_chains
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.findings import Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of


class TimerRearmLeak(Rule):
    """A request starts a timer that arms itself again, beside the one that is already running.

    ## What it does
    Reports a call or cast that sends its server a message, now or by a timer, whose `handle_info/2` clause
    arms the same message again, when no timer is cancelled on the way. It is **information** where a
    condition in one of the clauses decides, and where the end of another process (`:DOWN`) starts the chain.
    Also reports a time limit of a request whose reference is thrown away and whose handler answers the
    caller in any case, though somebody else may have answered already.

    ## Why it matters on the BEAM
    A timer is not a property of the process, it is one more message on its way. Nothing replaces the one that
    runs: after ten requests ten chains run, each of which polls at the same interval, for as long as the
    server lives. A late time limit sends a second answer to a caller that has gone on, where it lies in the
    mailbox or is taken for something else.

    ## When it is legitimate
    `Process.send_after(self(), :poll, 1_000)` in `init/1`, and again in the clause that takes `:poll`, is the
    documented way to do something regularly. A request that cancels the timer first, that is only taken
    when none runs (`%{timer: nil}`), or a message with a part of its own (`{:retry, id}`) starts no second
    chain. None of these is reported. A timer to oneself dies with its process: not cancelling it in
    `terminate/2` is no leak.

    ## Use instead
    ```elixir
    def handle_cast(:poll_now, state) do
      Process.cancel_timer(state.timer)
      {:noreply, %{state | timer: Process.send_after(self(), :poll, 0)}}
    end
    ```

    ## Fix safety
    There is no deterministic fix: the reference has to be kept wherever the timer is armed.

    ## References
    - https://hexdocs.pm/elixir/Process.html#cancel_timer/2
    - https://hexdocs.pm/elixir/GenServer.html#module-receiving-regular-messages
    - `tests/beam/each_request_starts_a_timer_chain.exs`
    """

    code = "OTP123"
    name = "timer-rearm-leak"
    severity = Severity.WARNING
    anchors = ("handle_info send_after",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Poller do
              use GenServer

              @impl true
              def init(opts) do
                Process.send_after(self(), :poll, 1_000)
                {:ok, opts}
              end

              @impl true
              def handle_cast(:poll_now, s), do: (Process.send_after(self(), :poll, 0); {:noreply, s})
            #                                     ^^^^^^^^^^^^^^^^^^ warning: each `:poll_now` starts one more

              @impl true
              def handle_call(:poll_soon, _from, s) do
                :erlang.send_after(10, self(), :poll)
            #   ^^^^^^^^^^^^^^^^^^ warning: each `:poll_soon`
                {:reply, :ok, s}
              end

              @impl true
              def handle_info(:poll, s) do
                Process.send_after(self(), :poll, 1_000)
                {:noreply, Shop.Http.poll(s)}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Watchdog do
              use GenServer
              alias Process, as: P

              def check(pid), do: GenServer.call(pid, :check)

              @impl true
              def init(every), do: {:ok, every, {:continue, :start}}

              @impl true
              def handle_continue(:start, every) do
                schedule(every)
                {:noreply, every}
              end

              @impl true
              def handle_call(:check, _from, every), do: {:reply, look(every), every}
            #                                                     ^^^^ warning: of `:check`

              def handle_call({:every, every}, _from, _old) do
                timer = schedule(every)
            #           ^^^^^^^^ warning: each `:every`
                {:reply, timer, every}
              end

              @impl true
              def handle_info(:check, every) do
                look(every)
                {:noreply, every}
              end

              defp look(every) do
                case Shop.Stock.empty?() do
                  true -> :stop
                  false -> schedule(every)
                end
              end

              defp schedule(every), do: self() |> P.send_after(:check, every)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Refresh do
              use GenServer

              def start_link(_), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

              @impl true
              def init(_), do: {:ok, %{pages: []}}

              @impl true
              def handle_cast({:page, page}, state) do
                send(__MODULE__, {:refresh, :all})
            #   ^^^^ warning: of `:refresh`
                {:noreply, %{state | pages: [page | state.pages]}}
              end

              def handle_cast({:pages, pages}, state) do
                if state.pages == [] do
                  Process.send_after(self(), {:refresh, :all}, 10)
            #     ^^^^^^^^^^^^^^^^^^ information
                end

                {:noreply, %{state | pages: pages}}
              end

              @impl true
              def handle_info({:refresh, :all}, state) do
                Process.send_after(self(), {:refresh, :all}, 60_000)
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Locks do
              use GenServer

              @impl true
              def init(_), do: {:ok, %{waiting: []}}

              @impl true
              def handle_call({:lock, item, timeout}, from, state) do
                Process.send_after(self(), {:timeout, item, from}, timeout)
            #   ^^^^^^^^^^^^^^^^^^ warning: may have been answered
                {:noreply, %{state | waiting: [from | state.waiting]}}
              end

              @impl true
              def handle_call({:unlock, _item}, _from, %{waiting: [next | rest]} = state) do
                GenServer.reply(next, :locked)
                {:reply, :ok, %{state | waiting: rest}}
              end

              @impl true
              def handle_info({:timeout, _item, from}, state) do
                GenServer.reply(from, {:error, :timeout})
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Fleet do
              use GenServer

              @impl true
              def init(_), do: {:ok, %{vans: %{}, waiting: :queue.new()}}

              @impl true
              def handle_call(:van, from, state), do: {:noreply, wait(from, state)}

              def handle_call({:back, van}, _from, state) do
                {{:value, next}, waiting} = :queue.out(state.waiting)
                GenServer.reply(next, van)
                {:reply, :ok, %{state | waiting: waiting}}
              end

              @impl true
              def handle_info(:count, state) do
                Process.send_after(self(), :count, 5_000)
                {:noreply, state}
              end

              def handle_info({:too_late, from}, state) do
                GenServer.reply(from, :none)
                {:noreply, state}
              end

              def handle_info({:DOWN, ref, :process, _pid, _reason}, state) do
                if Map.has_key?(state.vans, ref) do
                  send(self(), :count)
            #     ^^^^ information: each `:DOWN`
                end

                {:noreply, %{state | vans: Map.delete(state.vans, ref)}}
              end

              defp wait(from, state) do
                Process.send_after(self(), {:too_late, from}, 5_000)
            #   ^^^^^^^^^^^^^^^^^^ warning: may have been answered
                %{state | waiting: :queue.in(from, state.waiting)}
              end
            end

            defmodule Shop.Belt do
              use GenServer

              @impl true
              def init(_), do: {:ok, %{running: false}}

              @impl true
              def handle_call(:start, _from, state) do
                if state.running, do: {:reply, :running, state}, else: {:reply, :ok, run(state)}
            #                                                                        ^^^ information
              end

              @impl true
              def handle_info(:turn, state), do: {:noreply, run(state)}

              defp run(state) do
                Process.send_after(self(), :turn, 5_000)
                %{state | running: true}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Explorer do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, poll(false)}

              @impl true
              def handle_cast({:explore, shelf}, polling?) do
                Shop.Shelf.explore(shelf)
                {:noreply, poll(polling?)}
              end

              def handle_cast(:poll_now, polling?) do
                unless polling?, do: Process.send_after(self(), :poll, 0)
                {:noreply, true}
              end

              @impl true
              def handle_info(:poll, _polling?) do
                if Shop.Shelf.open?(), do: {:noreply, poll(false)}, else: {:noreply, false}
              end

              defp poll(polling?) do
                if not polling? do
                  Process.send_after(self(), :poll, 1_000)
                end

                true
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Link do
              @moduledoc "Connects again and again only while it is not connected."
              use GenServer

              @impl true
              def init(_), do: {:ok, nil, {:continue, :connect}}

              @impl true
              def handle_info(:connect, state) do
                case Shop.Line.open() do
                  {:ok, line} ->
                    Process.monitor(line)
                    {:noreply, line}

                  :error ->
                    Process.send_after(self(), :connect, 1_000)
                    {:noreply, state}
                end
              end

              def handle_info({:DOWN, _ref, :process, _pid, _reason}, _line) do
                send(self(), :connect)
                {:noreply, nil}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Poller do
              use GenServer

              @impl true
              def init(opts) do
                {:ok, schedule(%{timer: nil, opts: opts})}
              end

              @impl true
              def handle_cast(:poll_now, state) do
                Process.cancel_timer(state.timer)
                {:noreply, %{state | timer: Process.send_after(self(), :poll, 0)}}
              end

              def handle_cast(:start, %{timer: nil} = state), do: {:noreply, schedule(state)}
              def handle_cast(:start, state), do: {:noreply, state}

              def handle_cast(:restart, state), do: {:noreply, state |> stop() |> schedule()}

              @impl true
              def handle_info(:poll, state) do
                {:noreply, schedule(state)}
              end

              defp schedule(state), do: %{state | timer: Process.send_after(self(), :poll, 1_000)}

              defp stop(state) do
                if state.timer, do: Process.cancel_timer(state.timer)
                state
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Retry do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:deliver, mail}, state) do
                send(self(), {:deliver, mail, 1})
                {:noreply, state}
              end

              def handle_cast(:flush_soon, state) do
                Process.send_after(self(), :flush, 100)
                {:noreply, state}
              end

              @impl true
              def handle_info({:deliver, mail, try}, state) do
                if Shop.Smtp.send(mail) == :error do
                  Process.send_after(self(), {:deliver, mail, try + 1}, 1_000)
                end

                {:noreply, state}
              end

              def handle_info(:flush, state), do: {:noreply, Shop.Mails.flush(state)}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Locks do
              use GenServer

              @impl true
              def init(_), do: {:ok, %{waiting: %{}}}

              @impl true
              def handle_call({:lock, item, timeout}, from, state) do
                timer = Process.send_after(self(), {:timeout, item, from}, timeout)
                {:noreply, put_in(state.waiting[item], {from, timer})}
              end

              def handle_call({:later, ms}, from, state) do
                Process.send_after(self(), {:answer, from}, ms)
                {:noreply, state}
              end

              def handle_call({:ask, item, ms}, from, state) do
                Process.send_after(self(), {:give_up, item, from}, ms)
                {:noreply, put_in(state.waiting[item], from)}
              end

              def handle_call({:next, ms}, from, state) do
                Process.send_after(self(), {:nothing_came, from}, ms)
                {:noreply, Map.put(state, :next, from)}
              end

              @impl true
              def handle_info({:nothing_came, from}, %{next: from} = state) do
                GenServer.reply(from, :nothing)
                {:noreply, Map.delete(state, :next)}
              end

              def handle_info({:nothing_came, _from}, state), do: {:noreply, state}

              def handle_info({:timeout, item, from}, state) do
                GenServer.reply(from, {:error, :timeout})
                {:noreply, %{state | waiting: Map.delete(state.waiting, item)}}
              end

              def handle_info({:answer, from}, state) do
                GenServer.reply(from, :ok)
                {:noreply, state}
              end

              def handle_info({:give_up, item, from}, state) do
                if state.waiting[item] == from, do: GenServer.reply(from, {:error, :timeout})
                {:noreply, %{state | waiting: Map.delete(state.waiting, item)}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Clock do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts, {:continue, :tick}}

              @impl true
              def handle_continue(:tick, state), do: tick(state)

              @impl true
              def handle_info(:tick, state), do: tick(state)

              @impl true
              def handle_call(:time, _from, state), do: {:reply, state, state}

              @impl true
              def terminate(_reason, _state), do: :ok

              defp tick(state) do
                Process.send_after(self(), :tick, 1_000)
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Stats do
              use GenServer

              @impl true
              def init(opts) do
                GenServer.cast(self(), :collect)
                {:ok, opts}
              end

              @impl true
              def handle_cast(:collect, state), do: {:noreply, collect(state)}

              @impl true
              def handle_info(:collect, state), do: {:noreply, collect(state)}

              defp collect(state) do
                Process.send_after(self(), :collect, 30_000)
                [Shop.Orders.count() | Enum.take(state, 9)]
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Others do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:poll, pid}, state) do
                Process.send_after(pid, :poll, 0)
                Task.start(fn -> Process.send_after(self(), :poll, 0) end)
                {:noreply, state}
              end

              @impl true
              def handle_info(:poll, state) do
                Process.send_after(self(), :poll, 1_000)
                {:noreply, state}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if module.function("handle_info", 2) is None or not module.complete:
                continue
            for chain in second_chains(call_graph(module)):
                if not starts_only_where_none_runs(file.source, chain):
                    yield self._chain(file, module, chain)
            for limit in open_limits(file.source, call_graph(module)):
                yield self._limit(file, limit)

    def _chain(self, file: FileView, module: Module, chain: SecondChain) -> Finding:
        call, tag = chain.arming.reached.first, chain.arming.message.tag
        request = unwrapped(chain.entry.pattern).tag
        who = f"each `:{request}`" if request else "each request"
        path = file.facts.path
        armed = Related(path, chain.arming.call.head, "the message is sent here")
        again = Related(path, chain.again.call.head, f"`:{tag}` arms itself again here")
        return self.report(
            path,
            call.head,
            f"{who} starts one more chain of `:{tag}`, which arms itself again: cancel the one before",
            snippet=file.source.text(call.span),
            scope=scope_of(module, chain.entry.function),
            severity=Severity.WARNING if chain.surely else Severity.INFORMATION,
            fix=FixKind.LLM,
            related=(armed, again) if chain.arming.call not in (call, chain.again.call) else (again,),
        )

    def _limit(self, file: FileView, limit: OpenLimit) -> Finding:
        path, call = file.facts.path, limit.site.call
        return self.report(
            path,
            call.head,
            "nothing cancels this timer, and its handler answers a caller who may have been answered before",
            snippet=file.source.text(call.span),
            scope=limit.site.scope,
            fix=FixKind.LLM,
            related=(Related(path, limit.reply.head, "the handler answers here"),),
        )
