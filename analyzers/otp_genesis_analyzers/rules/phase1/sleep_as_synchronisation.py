from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules, site_at
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.waits.blocking import wait_in
from otp_genesis_analyzers.facts.waits.sleep_waits import (
    SleepWait,
    sleep_waits,
    tells_process,
    waits_for_level,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source


class SleepAsSynchronisation(Rule):
    """Application code sleeps until another process should be done.

    ## What it does
    Reports `Process.sleep` and `:timer.sleep` in application code

    - of a literal time, between a call that tells a process something and one that asks it;
    - of a literal time, under a comment that says that somebody else needs the time;
    - in a function that calls itself behind the sleep, in some cases, with what it was given itself and
      nothing that counts or looks at a clock: it waits until something changes, without a limit.

    All these are **warnings**. **Hints** are a loop that looks for a process up to a limit, one in a clause
    for one value (`wait(:start)`), one that waits for a share to change, `used / total > limit`, of which
    nobody tells, and a sleep in a callback of a server beside a system command, a connection or a request,
    which OTP304 names.

    ## Why it matters on the BEAM
    The time is a guess. On a busy machine the other process is not yet done, and what is read is old; on
    all others the rest of the time is lost. Processes tell each other when something is done: with the
    answer to a call, which comes after all that was sent before it, with a message, with the `:DOWN` of a
    monitor.

    ## When it is legitimate
    Retries and backoff with a limit, pauses as long as the other side asked for, pauses for the rate limit
    of somebody else's service, waits for a program of the operating system, delays that are meant as such,
    the loop of a worker that goes on for ever, an Oban job that waits, `Process.sleep(:infinity)`, scripts,
    Mix and release tasks. None of these is reported. Other sleeps in callbacks belong to OTP303 and OTP304,
    those in tests to OTP408.

    ## Use instead
    ```elixir
    Worker.run(pid)   # a call, which answers when it is done
    ```
    For what cannot be called: subscribe to it, or monitor it, and `receive` with a timeout.

    ## Fix safety
    There is no mechanical fix: what is waited for has to tell. A model can propose how.

    ## References
    - https://hexdocs.pm/elixir/Process.html#sleep/1
    - `tests/beam/call_after_cast.exs`
    """

    code = "OTP122"
    name = "sleep-as-synchronisation"
    severity = Severity.WARNING
    anchors = ("sleep",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/press.ex
            defmodule Shop.Press do
              def print(worker, order) do
                Shop.Worker.kick(worker, order)
                Process.sleep(200)
            #   ^^^^^^^^^^^^^ warning: sleeps 200 ms between `Shop.Worker.kick` and `Shop.Worker.result`
                Shop.Worker.result(worker)
              end

              def warm_up do
                Shop.Worker.reset()
                :timer.sleep(50)
            #   ^^^^^^^^^^^^ warning: between `Shop.Worker.reset` and `Shop.Worker.size`
                if Shop.Worker.size() > 0, do: :ok, else: :error
              end
            end
            # file: lib/shop/worker.ex
            defmodule Shop.Worker do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def kick(worker, order), do: GenServer.cast(worker, {:kick, order})
              def result(worker), do: GenServer.call(worker, :result)
              def reset, do: GenServer.cast(__MODULE__, :reset)
              def size, do: GenServer.call(__MODULE__, :size)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast(message, state), do: {:noreply, [message | state]}

              @impl true
              def handle_call(_message, _from, state), do: {:reply, length(state), state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Restart do
              def now(pid) do
                Process.exit(pid, :shutdown)
                Process.sleep(100)
            #   ^^^^^^^^^^^^^ warning: sleeps 100 ms between `Process.exit` and `Process.alive?`
                if Process.alive?(pid), do: {:error, :alive}, else: Shop.Cart.start()
              end

              def ping(pid) do
                Elsewhere.Worker.kick(pid)
                Process.sleep(20)
            #   ^^^^^^^^^^^^^ warning: between `Elsewhere.Worker.kick` and `Elsewhere.Worker.result`
                Elsewhere.Worker.result(pid)
              end

              def count(server) do
                GenServer.cast(server, :refresh)
                Process.sleep(:timer.seconds(1))
            #   ^^^^^^^^^^^^^ warning: sleeps 1000 ms
                server |> GenServer.call(:count)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Boot do
              def run(orders) do
                Shop.Tasks.start_child(fn ->
                  # Give the agents time to register
                  Process.sleep(100)
            #     ^^^^^^^^^^^^^ warning: the comment says so
                  Shop.Agents.distribute(orders)
                end)

                Shop.Index.rebuild()
                Process.sleep(500) # avoid a race with the index
            #   ^^^^^^^^^^^^^ warning: sleeps 500 ms
                Shop.Search.open()
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Queue do
              @pause_ms 250

              def push(job) do
                if GenServer.call(__MODULE__, :full?) do
                  Process.sleep(@pause_ms)
            #     ^^^^^^^^^^^^^ warning: `push/1` sleeps and calls itself
                  push(job)
                else
                  GenServer.cast(__MODULE__, {:push, job})
                end
              end

              def await_start do
                case Process.whereis(Shop.Cart) do
                  nil ->
                    :timer.sleep(pause())
            #       ^^^^^^^^^^^^ warning: without a limit
                    await_start()

                  pid ->
                    pid
                end
              end

              def await_memory(share) do
                memory = Shop.Machine.memory()

                if memory.free / memory.total < share do
                  Process.sleep(1_000)
            #     ^^^^^^^^^^^^^ hint: without a limit
                  await_memory(share)
                end
              end

              def await_end(pid, tries) when tries > 0 do
                if Process.alive?(pid) do
                  Process.sleep(10)
            #     ^^^^^^^^^^^^^ hint: looks for a process again and again
                  await_end(pid, tries - 1)
                end
              end

              def publish(%{id: id} = order) do
                Shop.Feed.publish(id)
              rescue
                _error ->
                  Process.sleep(1_000)
            #     ^^^^^^^^^^^^^ warning: without a limit
                  publish(order)
              end

              defp pause, do: 10
            end
            """
        ),
        Example(
            """
            defmodule Shop.Radio do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:play, _from, state), do: {:reply, :ok, play(state)}

              defp play(state) do
                {_output, 0} = System.cmd("radiod", ["-B"])
                # give it time to open the pipe
                :timer.sleep(250)
            #   ^^^^^^^^^^^^ hint: the comment says so
                %{state | pipe: File.open!("/run/radio")}
              end
            end

            defmodule Shop.Shelf do
              def restart(id) do
                Shop.Shelves.stop(id)
                # Brief delay to ensure cleanup
                Process.sleep(100)
            #   ^^^^^^^^^^^^^ warning: the comment says so
                Shop.Shelves.start(id)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Doors do
              def wait_for(:open) do
                case Shop.Door.state() do
                  :open ->
                    :ok

                  :opening ->
                    Process.sleep(1_000)
            #       ^^^^^^^^^^^^^ hint: until something changes, without a limit
                    wait_for(:open)
                end
              end

              def wait_for(:closed) do
                case Shop.Door.state() do
                  :closed -> :ok
                  :open -> wait_for(:open)
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Recovery do
              def start do
                Task.Supervisor.start_child(Shop.Tasks, fn ->
                  # Give the workers a moment to fully initialize
                  Process.sleep(5_000)
            #     ^^^^^^^^^^^^^ warning: the comment says so
                  Shop.Orders.recover()
                end)
              end

              def await_index({:ok, %{body: %{"task" => task}}}, index) do
                case Shop.Http.get(["_tasks", task]) do
                  {:ok, %{body: %{"completed" => true}}} ->
                    {:ok, index}

                  {:ok, _} ->
                    Process.sleep(Shop.Config.pause_ms())
            #       ^^^^^^^^^^^^^ hint: until something changes, without a limit
                    await_index({:ok, %{body: %{"task" => task}}}, index)
                end
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Load do
              def start_link(id), do: Task.start_link(fn -> loop(id) end)

              defp loop(id) do
                if id <= Shop.Settings.load() do
                  Shop.Stats.job_processed()
                  Process.sleep(1_000)
                  loop(id)
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Rollout do
              def wait_for(server, version, expiration) do
                Process.sleep(1_000)

                case {running(server), now()} do
                  {^version, _} -> :ok
                  {other, at} when at > expiration -> {:error, other}
                  _ -> wait_for(server, version, expiration)
                end
              end

              defp running(server), do: Shop.Remote.version(server)
              defp now, do: System.os_time(:second)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Hinges do
              def turn(:left) do
                case Shop.Hinge.state() do
                  :stuck -> :ok

                  :free ->
                    Process.sleep(1_000)
                    turn(:right)
                end
              end

              def turn(:right) do
                Shop.Hinge.turn()
                :ok
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Http do
              def get(url, attempts \\\\ 3) do
                case Shop.Client.get(url) do
                  {:ok, body} ->
                    {:ok, body}

                  {:error, _reason} when attempts > 0 ->
                    Process.sleep(200)
                    get(url, attempts - 1)

                  error ->
                    error
                end
              end

              def wait(pid, deadline) do
                cond do
                  Shop.Orders.done?(pid) -> :ok
                  System.monotonic_time(:millisecond) > deadline -> :timeout
                  true -> Process.sleep(10) && wait(pid, deadline)
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Poller do
              def loop(feed) do
                Shop.Feed.fetch(feed)
                Process.sleep(60_000)
                loop(feed)
              end

              def walk([order | rest]) do
                Shop.Carrier.ship(order)
                # the carrier's rate limit
                Process.sleep(1_500)
                walk(rest)
              end

              def walk([]), do: :ok

              def serve(feed) do
                case Shop.Feed.next(feed) do
                  {:ok, order} ->
                    Shop.Carrier.ship(order)
                    serve(feed)

                  :empty ->
                    Process.sleep(1_000)
                    serve(feed)
                end
              end

              def park, do: Process.sleep(:infinity)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/cdn.ex
            defmodule Shop.Cdn do
              def purge(key), do: Shop.Client.get("/purge/" <> key)
              def fetch(key), do: Shop.Client.get("/" <> key)
              def size, do: 1
            end
            # file: lib/shop/purge.ex
            defmodule Shop.Purge do
              def twice(key) do
                Shop.Cdn.purge(key)
                Process.sleep(500)
                Shop.Cdn.purge(key)
              end

              def see(key) do
                Shop.Cdn.purge(key)
                Process.sleep(500)
                Shop.Cdn.fetch(key)
              end

              def check do
                Shop.Cdn.purge("all")
                Process.sleep(500)
                Shop.Cdn.size()
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Clock do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info(:tick, state) do
                GenServer.cast(state.other, :tick)
                Process.sleep(200)
                {:noreply, GenServer.call(state.other, :now)}
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/press_test.exs
            defmodule Shop.PressTest do
              use ExUnit.Case

              test "prints", %{worker: worker} do
                GenServer.cast(worker, :kick)
                Process.sleep(200)
                assert GenServer.call(worker, :result) == 1
              end
            end
            # file: lib/mix/tasks/shop.warm.ex
            defmodule Mix.Tasks.Shop.Warm do
              use Mix.Task

              def run(_args) do
                GenServer.cast(Shop.Cache, :warm)
                Process.sleep(200)
                GenServer.call(Shop.Cache, :size)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Delay do
              def later(pid, delay_ms) do
                send(pid, :start)
                Process.sleep(delay_ms)
                send(pid, :stop)
              end

              def slow do
                # simulate some work
                Process.sleep(50)
                {:ok, :done}
              end

              def disconnect(hub) do
                # others may be in use still, so we give them some time
                Process.sleep(30_000)
                Shop.Hub.disconnect(hub)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/carrier.ex
            defmodule Shop.Carrier do
              def ship(carrier, parcel) do
                case GenServer.call(carrier, {:ship, parcel}) do
                  {:wait, pause_ms} ->
                    Process.sleep(pause_ms)
                    ship(carrier, parcel)

                  :ok ->
                    :ok
                end
              end

              def receive_loop(owner, line) do
                case Shop.Line.read(line) do
                  {:ok, text} ->
                    send(owner, {:line, text})
                    receive_loop(owner, line)

                  :idle ->
                    Process.sleep(100)
                    receive_loop(owner, line)

                  :closed ->
                    :ok
                end
              end

              def await_carrier(name, attempts) when attempts > 0 do
                if Shop.Carriers.known?(name) do
                  :ok
                else
                  # wait for it to be ready
                  Process.sleep(50)
                  await_carrier(name, attempts - 1)
                end
              end

              def await_printer do
                case System.cmd("lpstat", ["-r"]) do
                  {_output, 0} ->
                    :ok

                  _ ->
                    Process.sleep(100)
                    await_printer()
                end
              end

              def open(carrier) do
                case GenServer.call(carrier, :open) do
                  :ok ->
                    Process.sleep(20)
                    :ok

                  :broken ->
                    Shop.Carrier.Repair.run(carrier)
                    open(carrier)
                end
              end

              def await_empty(carrier) do
                fn -> wait_while_loaded(carrier) end |> Task.async() |> Task.await(5_000)
              end

              defp wait_while_loaded(carrier) do
                if GenServer.call(carrier, :loaded?) do
                  Process.sleep(100)
                  wait_while_loaded(carrier)
                end
              end

              def price_all(chunks) do
                Enum.map(chunks, fn chunk ->
                  Shop.Prices.put_all(chunk)
                  # give the database a break and some time for the others
                  :timer.sleep(500)
                end)
              end
            end
            # file: lib/shop/import_job.ex
            defmodule Shop.ImportJob do
              use Oban.Worker

              @impl true
              def perform(job) do
                wait_while_paused()
                Shop.Import.run(job)
              end

              defp wait_while_paused do
                if Shop.Import.paused?() do
                  Process.sleep(500)
                  wait_while_paused()
                end
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            is_job = "Job" in kinds(module)
            for wait in sleep_waits(file.source, graph):
                if is_job and wait.sign in ("repeated", "held"):
                    continue  # the queue bounds how long a job runs, and starts it anew
                if not _is_in_callback(graph, wait) or _is_outdone(wait):
                    yield self._finding(file, wait, _severity(file.source, graph, wait))

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """What is told and asked must be a process, by its name or as the project defines it."""
        if finding.confidence is not Confidence.HEURISTIC:
            return finding
        site = site_at(project.files[finding.path].facts, finding.related[0].span)
        if site is None or site.call.module == site.module.name:
            return finding
        entry = project.module(site.call.module)
        is_process = entry is not None and kinds(entry.module) & (SERVERS | {"Agent"})
        return finding if is_process else None

    def _finding(self, file: FileView, wait: SleepWait, severity: Severity) -> Finding:
        site = wait.site
        slept = f"sleeps {wait.slept_ms} ms" if wait.slept_ms is not None else "sleeps"
        related: tuple[Related, ...] = ()
        if wait.before is not None and wait.behind is not None:
            told, asked = (call.target.rpartition("/")[0] for call in (wait.before, wait.behind))
            words = (
                f"{slept} between `{told}` and `{asked}`, in the hope that the process is done by then: "
                "make it a call that answers when it is"
            )
            related = (Related(file.facts.path, wait.before.head, "tells the process"),)
        elif wait.sign in ("repeated", "held"):
            words = (
                f"`{site.function.id}` sleeps and calls itself until something changes, without a limit: "
                "let the other side tell, or count the attempts"
            )
        elif wait.sign == "polled":
            words = (
                f"`{site.function.id}` looks for a process again and again: `Process.monitor/1` or a message "
                "of the process says when it is gone, or there"
            )
        else:
            words = (
                f"{slept} for another process to get somewhere, the comment says so: wait for its answer, "
                "its message or its `:DOWN`"
            )
        return self.report(
            file.facts.path,
            site.call.head,
            words,
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=severity,
            confidence=Confidence.STRONG if tells_process(file.source, wait) else Confidence.HEURISTIC,
            fix=FixKind.LLM,
            related=related,
        )


def _is_in_callback(graph: CallGraph, wait: SleepWait) -> bool:
    return wait.site.call.runs == "here" and wait.site.function.id in callback_chains(graph)


def _is_outdone(wait: SleepWait) -> bool:
    """OTP303 and OTP304 name one wait of a callback, and something beside this sleep may take longer."""
    waits = (wait_in(call) for call in wait.site.clause.calls)
    return any(found is not None and found.kind in ("http", "connect", "command") for found in waits)


def _severity(source: Source, graph: CallGraph, wait: SleepWait) -> Severity:
    is_small = (
        wait.sign in ("polled", "held") or _is_in_callback(graph, wait) or waits_for_level(source, wait)
    )
    return Severity.HINT if is_small else Severity.WARNING
