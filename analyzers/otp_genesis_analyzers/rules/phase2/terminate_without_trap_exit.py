from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.mailbox import sets_trap_exit, traps_exits
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.kinds import WEB_PROCESSES, Kind, kinds
from otp_genesis_analyzers.facts.state.quoted_terminate import QuotedTerminate, quoted_terminates
from otp_genesis_analyzers.facts.state.server_returns import stops_itself
from otp_genesis_analyzers.facts.state.shutdown_effects import ShutdownEffect, shutdown_effects
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of

_FRAMEWORK_DECIDES = WEB_PROCESSES | frozenset[Kind](("WebSockex", "gen_statem"))
_DECIDING = frozenset({"init/1", "terminate/2", "handle_continue/2"})
"""Where a wrapper defines one of these, it may trap exits there."""
_SERVER_BEHAVIOURS = frozenset({"GenServer", "GenStage", ":gen_server"})


class TerminateWithoutTrapExit(Rule):
    """A server does work in `terminate/2` that no supervisor's shutdown lets it do.

    ## What it does
    Reports a `terminate/2` whose work is lost where nothing in the module traps exits. It is a **warning**
    where the work saves or tells something: writes a file, a row or a snapshot, detaches a telemetry handler,
    broadcasts. It is **information** where it only tidies up (removes files, replies, casts, closes what
    `init/1` opened by the same module), and a **hint** where it calls other modules whose work is out of
    sight, where the server also returns `{:stop, ...}`, since `terminate/2` does run then, and where a macro
    gives it to the servers that use it.

    ## Why it matters on the BEAM
    A supervisor stops a child with an exit signal. A process that does not trap exits ends at once, at
    every shutdown and every deployment: `terminate/2` is not called. It is called after
    `{:stop, ...}` and after an error in a callback, so that it seems to work in a test.

    ## When it is legitimate
    When it only logs, cancels timers or closes what ends with the process anyway (ports, sockets, links,
    own ETS tables). When a clause of its own takes `:shutdown` and does nothing. Views, channels, WebSockex
    clients and state machines are left to their frameworks, and so is a module that gets its callbacks from a
    macro of the project.

    ## Use instead
    ```elixir
    def init(opts) do
      Process.flag(:trap_exit, true)
      {:ok, Journal.open(opts)}
    end
    ```

    ## Fix safety
    Unsafe. The flag becomes the first statement of `init/1`. Exit signals of linked processes then arrive as
    messages: where the module starts or links others, the fix adds `handle_info/2` clauses that stop the
    server for the same reasons as before. No process can rely on `terminate/2` alone: it does not run when
    the process is killed or the machine fails.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:terminate/2
    - https://www.erlang.org/doc/system/gen_server_concepts.html#stopping
    - Shown by `tests/beam/terminate_is_no_promise.exs`
    """

    code = "OTP203"
    name = "terminate-without-trap-exit"
    severity = Severity.INFORMATION
    anchors = ("terminate(", "terminate( init(", "trap_exit")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Journal do
              use GenServer

              @impl true
              def init(path) do
                # One file for each day.
                {:ok, %{path: path, lines: []}}
              end

              @impl true
              def terminate(_reason, state) do
            #     ^^^^^^^^^ warning: leads to `File.write!/2`
                flush(state)
              end

              defp flush(state), do: File.write!(state.path, state.lines)
            end
            """,
            fixed="""
            defmodule Shop.Journal do
              use GenServer

              @impl true
              def init(path) do
                Process.flag(:trap_exit, true)
                # One file for each day.
                {:ok, %{path: path, lines: []}}
              end

              @impl true
              def terminate(_reason, state) do
                flush(state)
              end

              defp flush(state), do: File.write!(state.path, state.lines)
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Watch do
              use GenServer

              def init(opts), do: {:ok, opts}

              def terminate(_reason, _state), do: :telemetry.detach("shop-watch")
            #     ^^^^^^^^^ warning: when its supervisor stops it, `terminate/2` does not run
            end

            defmodule Shop.Shelf do
              use GenServer

              def init(rows), do: {:ok, rows}
              def terminate(_reason, rows), do: for({id, row} <- rows, do: Shop.RowStore.put(id, row))
            #     ^^^^^^^^^ warning: leads to `Shop.RowStore.put/2`
            end

            defmodule Shop.Upload do
              use GenServer

              def init(%{path: path}) when is_binary(path), do: {:ok, path, {:continue, :start}}
              def init(_opts), do: :ignore

              def handle_continue(:start, path) do
                {:ok, pid} = Task.start_link(fn -> Shop.Cloud.upload(path) end)
                {:noreply, {path, pid}}
              end

              # The answer of the cloud.
              def handle_info({:done, _url}, state), do: {:noreply, state}

              def terminate(_reason, {path, _pid}), do: File.rm(path)
            #     ^^^^^^^^^ information: leads to `File.rm/1`
            end
            """,
            fixed="""
            defmodule Shop.Watch do
              use GenServer

              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, opts}
              end

              def terminate(_reason, _state), do: :telemetry.detach("shop-watch")
            end

            defmodule Shop.Shelf do
              use GenServer

              def init(rows) do
                Process.flag(:trap_exit, true)
                {:ok, rows}
              end

              def terminate(_reason, rows), do: for({id, row} <- rows, do: Shop.RowStore.put(id, row))
            end

            defmodule Shop.Upload do
              use GenServer

              def init(%{path: path}) when is_binary(path) do
                Process.flag(:trap_exit, true)
                {:ok, path, {:continue, :start}}
              end

              def init(_opts), do: :ignore

              def handle_continue(:start, path) do
                {:ok, pid} = Task.start_link(fn -> Shop.Cloud.upload(path) end)
                {:noreply, {path, pid}}
              end

              def handle_info({:EXIT, _pid, :normal}, state), do: {:noreply, state}
              def handle_info({:EXIT, _pid, reason}, state), do: {:stop, reason, state}

              # The answer of the cloud.
              def handle_info({:done, _url}, state), do: {:noreply, state}

              def terminate(_reason, {path, _pid}), do: File.rm(path)
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Basket do
              @behaviour GenServer

              def init(user), do: {:ok, user}
              def handle_info(:timeout, user), do: {:stop, :normal, user}

              def terminate(_reason, user), do: Shop.BasketStore.save(user)
            #     ^^^^^^^^^ hint: leads to `Shop.BasketStore.save/1`
            end
            """,
            fixed="""
            defmodule Shop.Basket do
              @behaviour GenServer

              def init(user) do
                Process.flag(:trap_exit, true)
                {:ok, user}
              end

              def handle_info(:timeout, user), do: {:stop, :normal, user}

              def terminate(_reason, user), do: Shop.BasketStore.save(user)
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Till do
              use GenServer

              alias Shop.Drawer, as: D

              def init(opts), do: {:ok, opts |> Map.new() |> D.open()}
              def terminate(_reason, drawer), do: drawer |> D.close()
            #     ^^^^^^^^^ information: leads to `Shop.Drawer.close/1`
            end

            defmodule Shop.Crane do
              use GenServer

              def init(opts), do: {:ok, opts}
              def terminate(_reason, state), do: Enum.each(state.arms, &Shop.Arm.stop/1)
            #     ^^^^^^^^^ hint: leads to `Shop.Arm.stop/1`
            end

            defmodule Shop.Oven do
              use GenServer

              def init(opts), do: {:ok, opts}

              def terminate(_reason, state) do
            #     ^^^^^^^^^ hint: leads to `disconnect/1`
                state.adapter.disconnect(state.line)
              end
            end
            """,
            fixed="""
            defmodule Shop.Till do
              use GenServer

              alias Shop.Drawer, as: D

              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, opts |> Map.new() |> D.open()}
              end

              def terminate(_reason, drawer), do: drawer |> D.close()
            end

            defmodule Shop.Crane do
              use GenServer

              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, opts}
              end

              def terminate(_reason, state), do: Enum.each(state.arms, &Shop.Arm.stop/1)
            end

            defmodule Shop.Oven do
              use GenServer

              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, opts}
              end

              def terminate(_reason, state) do
                state.adapter.disconnect(state.line)
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Batches do
              use GenServer

              def init(send), do: {:ok, %{send: send, batch: []}}
              def handle_cast({:add, item}, state), do: {:noreply, %{state | batch: [item | state.batch]}}
              def terminate(_reason, state), do: flush(state)
            #     ^^^^^^^^^ hint: leads to `flush/1`

              defp flush(%{batch: []} = state), do: state

              defp flush(state) do
                state.send.(state.batch)
                %{state | batch: []}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/server.ex
            defmodule Shop.Server do
              defmacro __using__(_opts) do
                quote location: :keep do
                  use GenServer
                  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
                end
              end
            end
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              use Shop.Server

              def init(opts), do: {:ok, opts}
              def terminate(_reason, till), do: Shop.Repo.update!(till)
            #     ^^^^^^^^^ warning: leads to `Shop.Repo.update!/1`
            end
            """,
            fixed="""
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              use Shop.Server

              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, opts}
              end

              def terminate(_reason, till), do: Shop.Repo.update!(till)
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Outbox do
              @moduledoc "The flag is set in whoever calls `start_link/1`."
              use GenServer

              def start_link(opts) do
                Process.flag(:trap_exit, true)
                GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def terminate(_reason, state) do
            #     ^^^^^^^^^ warning: nothing in `Shop.Outbox` traps exits
                Shop.Mails.flush(state)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Lockable do
              defmacro __using__(_opts) do
                quote do
                  use GenServer

                  def init(opts), do: {:ok, opts}

                  def terminate(_reason, _state) do
            #         ^^^^^^^^^ hint: of each server that uses `Shop.Lockable`
                    Shop.Locks.release(__MODULE__)
                    :ok
                  end
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Handled do
              use GenServer

              def init(opts), do: {:ok, opts}

              def terminate(reason, state) do
            #     ^^^^^^^^^ hint: leads to `terminate/2`
                state.handler.terminate(reason, state.kept)
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Quoted do
              defmacro __using__(_opts) do
                quote do
                  use GenServer

                  def terminate(_reason, state) do
                    Logger.info("ends")
                    Process.cancel_timer(state.timer)
                  end
                end
              end
            end

            defmodule Shop.Trapping do
              defmacro __using__(_opts) do
                quote do
                  use GenServer

                  def init(opts) do
                    Process.flag(:trap_exit, true)
                    {:ok, opts}
                  end

                  def terminate(_reason, _state), do: Shop.Locks.release(__MODULE__)
                end
              end
            end

            defmodule Shop.Views do
              defmacro __using__(_opts) do
                quote do
                  use Phoenix.LiveView

                  def terminate(_reason, _socket), do: Shop.Locks.release(__MODULE__)
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/server.ex
            defmodule Shop.Server do
              defmacro __using__(_opts) do
                quote do
                  use GenServer

                  def init(opts) do
                    Process.flag(:trap_exit, true)
                    setup(opts)
                  end
                end
              end
            end
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              use Shop.Server

              def setup(opts), do: {:ok, opts}
              def terminate(_reason, till), do: Shop.Repo.update!(till)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Journal do
              use GenServer

              def init(path) do
                prepare()
                {:ok, path}
              end

              def terminate(_reason, path), do: File.write!(path, "end")

              defp prepare, do: Process.flag(:trap_exit, true)
            end

            defmodule Shop.NewJournal do
              use GenServer

              def init(path) do
                Shop.Exits.trap()
                {:ok, path}
              end

              def terminate(_reason, path), do: File.write!(path, "end")
            end

            defmodule Shop.Exits do
              def trap, do: Process.flag(:trap_exit, true)
            end

            defmodule Shop.OldJournal do
              use GenServer

              def init(path) do
                :erlang.process_flag(:trap_exit, true)
                {:ok, path}
              end

              def terminate(_reason, path), do: File.write!(path, "end")
            end
            """
        ),
        Example(
            """
            defmodule Shop.Clock do
              use GenServer

              require Logger

              def init(opts), do: {:ok, opts}

              def terminate(reason, state) do
                Logger.info("stopped: #{Shop.Format.reason(reason)}")
                Shop.Log.info("stopped")
                Process.cancel_timer(state.timer)
                :gen_tcp.close(state.socket)
                Port.close(state.port)
                :ets.delete(state.table)
                Process.exit(state.helper, :shutdown)
                :ok
              end
            end

            defmodule Shop.Alarm do
              use GenServer

              def init(opts), do: {:ok, opts}
              def terminate(reason, _state) when reason == :normal, do: :ok
              def terminate({:shutdown, _why}, _state), do: :ok
              def terminate(:shutdown, _state), do: :ok
              def terminate(reason, state), do: Shop.Bell.notify(reason, state)
            end

            defmodule Shop.Still do
              use GenServer

              def init(opts), do: {:ok, opts}
              def terminate(_reason, _state), do: :ok
            end

            defmodule Shop.Pump do
              use GenServer

              def init(opts) do
                {:ok, motor} = Shop.Motor.start_link(opts)
                {:ok, file} = File.open("pump.log")
                {:ok, {motor, file}}
              end

              def terminate(_reason, {motor, file}) do
                GenServer.stop(motor)
                File.close(file)
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def terminate(_reason, socket), do: Shop.Carts.save(socket.assigns.cart)
            end

            defmodule ShopWeb.CartChannel do
              use Phoenix.Channel

              def terminate(_reason, socket), do: Shop.Carts.save(socket.assigns.cart)
            end

            defmodule Shop.Stream do
              use WebSockex

              def terminate(_reason, state), do: Shop.Carts.save(state)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Door do
              @moduledoc "The macro that it uses may trap exits."
              use Shop.Server

              def handle_call(:open, _from, state), do: {:reply, :ok, state}
              def terminate(_reason, state), do: File.write!("door", state)
            end

            defmodule Shop.Plan do
              @moduledoc "No process: the name alone makes no callback."
              def terminate(reason, plan), do: File.write!("plan", [reason, plan])
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for quoted in quoted_terminates(file.source, module):
                yield self._quoted(file, module, quoted)
            terminate = module.function("terminate", 2)
            if terminate is None or not module.complete or not _decides_itself(module) or traps_exits(module):
                continue
            graph = call_graph(module)
            effects = shutdown_effects(graph, terminate)
            if effects:
                yield self._finding(file, module, terminate, effects[0])

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """Dropped where `init/1` leaves the flag to a function of another module."""
        modules = project.files[finding.path].facts.modules
        module = next(module for module in reversed(modules) if module.span.contains(finding.span))
        init = module.function("init", 1)
        graph = call_graph(module)
        reached = graph.reached([init] if init is not None else [])
        calls = (
            call for name in reached for clause in graph.functions[name].clauses for call in clause.calls
        )
        return None if any(_traps_elsewhere(project, call) for call in calls) else finding

    def _finding(
        self, file: FileView, module: Module, terminate: Function, effect: ShutdownEffect
    ) -> Finding:
        clause = _clause_leading_to(call_graph(module), terminate, effect)
        return self.report(
            file.facts.path,
            clause.name_span,
            f"`terminate/2` leads to `{effect.call.target.removeprefix('?.')}`, "
            f"but nothing in `{module.name}` traps exits: "
            "when its supervisor stops it, `terminate/2` does not run",
            snippet="terminate/2",
            scope=scope_of(module, terminate),
            severity=_severity(file, module, effect),
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if module.function("init", 1) is not None else FixKind.LLM,
            related=(Related(file.facts.path, effect.call.head, "is not reached at shutdown"),),
        )

    def _quoted(self, file: FileView, module: Module, quoted: QuotedTerminate) -> Finding:
        return self.report(
            file.facts.path,
            quoted.name,
            f"`terminate/2` of each server that uses `{module.name}` leads to `{quoted.effect}`, but nothing "
            "here traps exits: when its supervisor stops it, `terminate/2` does not run",
            snippet="terminate/2",
            scope=scope_of(module, quoted.macro),
            severity=Severity.HINT,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=(Related(file.facts.path, quoted.effect_at, "is not reached at shutdown"),),
        )


def _severity(file: FileView, module: Module, effect: ShutdownEffect) -> Severity:
    if effect.weight == "unknown" or stops_itself(file.source, module):
        return Severity.HINT
    return Severity.WARNING if effect.weight == "saves" else Severity.INFORMATION


def _traps_elsewhere(project: Project, call: Call) -> bool:
    found = project.callee(call, holding=["trap_exit"])
    return found is not None and any(
        sets_trap_exit(inner) for clause in found[1].clauses for inner in clause.calls
    )


def _decides_itself(module: Module) -> bool:
    """A plain server, also one that a wrapper makes; what other macros and frameworks add is out of sight."""
    named = {*(use.module for use in module.uses), *module.behaviours}
    if not named & _SERVER_BEHAVIOURS:
        wrapped = set(module.wrapped)
        if "?" in wrapped or not wrapped & _SERVER_BEHAVIOURS or wrapped & _DECIDING:
            return False
    return not kinds(module) & _FRAMEWORK_DECIDES


def _clause_leading_to(graph: CallGraph, terminate: Function, effect: ShutdownEffect) -> Clause:
    for clause in terminate.clauses:
        targets = [target for call in clause.calls if (target := graph.target(call)) is not None]
        reached = graph.reached(targets)
        if effect.call in clause.calls or any(
            effect.call in inner.calls for name in reached for inner in graph.functions[name].clauses
        ):
            return clause
    return terminate.clauses[0]
