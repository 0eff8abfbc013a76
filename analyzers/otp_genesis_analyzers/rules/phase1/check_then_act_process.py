from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.across_modules.one_process import client_side, runs_in_one_process
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.certain_calls import calls_run_by
from otp_genesis_analyzers.facts.calls.exiting import exits
from otp_genesis_analyzers.facts.calls.results import is_unused
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, site_at, sites
from otp_genesis_analyzers.facts.messages.shapes import taken, unwrapped
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.process_checks import (
    Check,
    asks_for_process,
    checks,
    knows_already_started,
    polled_pids,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source

_STARTED = "and this starts it"
_HANDED = "and this gets it"
_ENDING = frozenset({"stop", "close", "disconnect", "shutdown", "call", "flush", "drain"})
"""Names of functions of libraries that hardly do without an answer of the process."""


class CheckThenActProcess(Rule):
    """Whether a process is there decides what is done, and meanwhile the answer may have changed.

    ## What it does
    Reports `Process.whereis`, `GenServer.whereis`, `Registry.lookup`, `:global.whereis_name`, that of
    Swarm and its kin, and `Process.alive?` in three roles. A process that is not found is started, and
    nothing knows of `{:error, {:already_started, pid}}`. A process that is found is called, or a name
    that is found is sent a message, and nothing catches the failure; the call may stand in a function of
    another module that gets the pid (a **hint** where a library's `stop` or `close` gets it). A server
    asks again and again whether a process that it keeps in its state is still alive, where a monitor
    would tell it.

    ## Why it matters on the BEAM
    The answer is about a moment that has passed. Of two processes that both find nothing, both start; the
    registration lets one of them win, and the other gets `{:error, {:already_started, pid}}`. A process that
    was found may be gone when the call comes, and the caller exits with `:noproc`. The call itself is the
    check that can't be outrun, and a monitor is how the end of a process is learnt at once.

    ## When it is legitimate
    When the start knows `already_started`, when a `catch :exit, _` stands around the call. `send/2` to a pid
    is safe, so a check before it does no harm. A lookup for information (`%{alive: Process.alive?(pid)}`),
    for a log, for a test. A start that only one process of the project ever makes. None of these is reported.

    ## Use instead
    ```elixir
    case DynamicSupervisor.start_child(Shop.Carts, {Shop.Cart, id}) do
      {:ok, pid} -> pid
      {:error, {:already_started, pid}} -> pid
    end
    ```
    And `GenServer.call(name, message)` without asking first, in a `try` with `catch :exit, {:noproc, _}`
    where its absence is expected.

    ## Fix safety
    Unsafe: the branch that starts takes `{:error, {:already_started, pid}}` for a success. Offered for a
    start in a `case`, in `{:ok, pid} = ...`, and as the value of the branch.

    ## References
    - https://hexdocs.pm/elixir/Registry.html#module-using-in-via
    - https://hexdocs.pm/elixir/GenServer.html#call/3
    - `tests/beam/two_lookups_two_starts.exs`
    """

    code = "OTP114"
    name = "check-then-act-process"
    severity = Severity.INFORMATION
    anchors = ("whereis", "whereis_name", "Registry lookup", "Process alive?")
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Carts do
              @cart Shop.Cart

              def cart(id) do
                case Registry.lookup(Shop.Registry, id) do
            #        ^^^^^^^^^^^^^^^ information: another process may start it meanwhile
                  [] ->
                    {:ok, pid} = DynamicSupervisor.start_child(Shop.CartSupervisor, {Shop.Cart, id})
                    pid

                  [{pid, _}] ->
                    pid
                end
              end

              def find(n) do
                case GenServer.whereis(n) do
            #        ^^^^^^^^^^^^^^^^^ information
                  nil -> GenServer.start(@cart, [], name: n)
                  pid -> {:ok, pid}
                end
              end

              def ensure(name) do
                if Process.whereis(name) == nil do
            #      ^^^^^^^^^^^^^^^ information: `Shop.Cart.start_link` starts it
                  case Shop.Cart.start_link(name: name) do
                    {:ok, _pid} -> :ok
                    {:error, reason} -> {:error, reason}
                  end
                else
                  :ok
                end
              end
            end
            """,
            fixed="""
            defmodule Shop.Carts do
              @cart Shop.Cart

              def cart(id) do
                case Registry.lookup(Shop.Registry, id) do
                  [] ->
                    pid =
                      case DynamicSupervisor.start_child(Shop.CartSupervisor, {Shop.Cart, id}) do
                        {:ok, pid} -> pid
                        {:error, {:already_started, pid}} -> pid
                      end

                    pid

                  [{pid, _}] ->
                    pid
                end
              end

              def find(n) do
                case GenServer.whereis(n) do
                  nil ->
                    with {:error, {:already_started, pid}} <- GenServer.start(@cart, [], name: n),
                         do: {:ok, pid}

                  pid ->
                    {:ok, pid}
                end
              end

              def ensure(name) do
                if Process.whereis(name) == nil do
                  case Shop.Cart.start_link(name: name) do
                    {:ok, _pid} -> :ok
                    {:error, {:already_started, _pid}} -> :ok
                    {:error, reason} -> {:error, reason}
                  end
                else
                  :ok
                end
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Stock do
              alias GenServer, as: Server

              def count(pid) do
                if Process.alive?(pid), do: Server.call(pid, :count), else: 0
            #      ^^^^^^^^^^^^^^ information: may have ended when `Server.call` comes
              end

              def item(name) do
                with pid when is_pid(pid) <- Process.whereis(name),
            #                                ^^^^^^^^^^^^^^^ information
                     true <- allowed?() do
                  Agent.get(pid, & &1.item)
                else
                  _ -> nil
                end
              end

              def notify do
                if Process.whereis(:printer), do: send(:printer, :print)
            #      ^^^^^^^^^^^^^^^ information: raises where nobody has the name
              end

              def stop(name) do
                pid = :global.whereis_name(name)
            #         ^^^^^^^^^^^^^^^^^^^^ information

                unless pid == :undefined do
                  Supervisor.stop(pid)
                end
              end

              defp allowed?, do: true
            end
            """
        ),
        Example(
            """
            defmodule Shop.Watch do
              use GenServer

              @impl true
              def init(workers), do: {:ok, %{workers: workers, printer: nil}}

              @impl true
              def handle_info(:check, state) do
                dead = Enum.reject(state.workers, fn worker -> Process.alive?(worker.pid) end)
            #                                                  ^^^^^^^^^^^^^^ information: a monitor tells it
                {:noreply, %{state | workers: state.workers -- dead}}
              end

              def handle_info({:sold, item}, state) do
                Enum.each(state.readers, fn reader ->
                  if Process.alive?(reader), do: send(reader, {:sold, item})
            #        ^^^^^^^^^^^^^^ information
                end)

                {:noreply, state}
              end

              @impl true
              def handle_call(:printing?, _from, state), do: {:reply, printing?(state), state}

              defp printing?(%{printer: pid}), do: is_pid(pid) and Process.alive?(pid)
            #                                                      ^^^^^^^^^^^^^^ information
            end
            """
        ),
        Example(
            """
            defmodule Shop.Sessions do
              def session(user) do
                Process.whereis(user) || start(user)
            #   ^^^^^^^^^^^^^^^ information: `start` starts it
              end

              def with_session(user) do
                with [] <- Registry.lookup(Shop.Registry, user),
            #              ^^^^^^^^^^^^^^^ information: `DynamicSupervisor.start_child` starts it
                     {:ok, pid} <- DynamicSupervisor.start_child(Shop.Sessions, {Shop.Session, user}) do
                  pid
                else
                  [{pid, _}] -> pid
                end
              end

              defp start(user) do
                {:ok, pid} = Agent.start(fn -> %{} end, name: user)
                pid
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Repairs do
              def repair(order) do
                case Registry.lookup(Shop.Registry, order) do
            #        ^^^^^^^^^^^^^^^ information: another process may start it meanwhile
                  [{pid, _}] ->
                    GenServer.cast(pid, {:repair, order})

                  _ ->
                    {:ok, _} = DynamicSupervisor.start_child(Shop.Workshop, {Shop.Repair, order})
                    :ok
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              use GenServer
              def init(opts), do: {:ok, opts}
              def total(till), do: GenServer.call(till, :total)
              def close(till), do: GenServer.stop(till)

              def close_if_open(till) do
                if Process.alive?(till), do: finish(till)
            #      ^^^^^^^^^^^^^^ information: the process may have ended when `finish` comes
              end

              defp finish(till), do: GenServer.stop(till, :normal)
            end
            # file: lib/shop/evening.ex
            defmodule Shop.Evening do
              alias Shop.Till

              def count do
                case GenServer.whereis(Till) do
            #        ^^^^^^^^^^^^^^^^^ information: when `Till.total` comes
                  nil -> 0
                  till -> Till.total(till)
                end
              end

              def close(state) do
                if is_pid(state.till) && Process.alive?(state.till), do: Till.close(state.till)
            #                            ^^^^^^^^^^^^^^ information: when `Till.close` comes
                if Process.alive?(state.printer), do: Serial.Printer.close(state.printer)
            #      ^^^^^^^^^^^^^^ hint: when `Serial.Printer.close` comes
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Alerts do
              def handle(event) do
                case Swarm.whereis_name(event) do
            #        ^^^^^^^^^^^^^^^^^^ information: another process may start it meanwhile
                  :undefined -> Shop.Alert.start_link(event)
                  pid -> send(pid, {:again, event})
                end
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              use GenServer
              def init(opts), do: {:ok, opts}
              def open(till), do: GenServer.cast(till, :open)

              def close(till) do
                GenServer.stop(till)
              catch
                :exit, _reason -> :ok
              end
            end
            # file: lib/shop/evening.ex
            defmodule Shop.Evening do
              alias Shop.Till

              def tidy(till, other) do
                if Process.alive?(till), do: Till.close(till)
                if Process.alive?(till), do: Till.open(till)
                if Process.alive?(till), do: Serial.Printer.print(till)
                if Process.alive?(till), do: Serial.Printer.close(other)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Panel do
              use GenServer

              @impl true
              def init(printer), do: {:ok, %{printer: printer, scales: nil}}

              @impl true
              def handle_call(:status, _from, state) do
                {:reply, %{printing: Process.alive?(state.printer), scales: state.scales != nil}, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Carts do
              def cart(id) do
                case Registry.lookup(Shop.Registry, id) do
                  [{pid, _}] -> pid
                  [] -> start(id)
                end
              end

              def ensure(name) do
                if is_nil(GenServer.whereis(name)) do
                  case GenServer.start_link(Shop.Cart, [], name: name) do
                    {:ok, pid} -> pid
                    {:error, {:already_started, pid}} -> pid
                  end
                end
              end

              defp start(id) do
                case DynamicSupervisor.start_child(Shop.CartSupervisor, {Shop.Cart, id}) do
                  {:ok, pid} -> pid
                  {:error, {:already_started, pid}} -> pid
                end
              end

              def register(key) do
                ensure_registry()
                Registry.register(Shop.Names, key, nil)
              end

              defp ensure_registry do
                if Process.whereis(Shop.Names) == nil do
                  Supervisor.start_child(Shop.Supervisor, {Registry, keys: :unique, name: Shop.Names})
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Stock do
              require Logger

              def count(pid) do
                if Process.alive?(pid), do: GenServer.call(pid, :count), else: 0
              catch
                :exit, _ -> 0
              end

              def tell(name, message) do
                if pid = Process.whereis(name), do: send(pid, message)
              end

              def nudge(name) do
                case Registry.lookup(Shop.Registry, name) do
                  [{pid, _}] -> GenServer.cast(pid, :nudge)
                  [] -> {:error, :not_running}
                end
              end

              def running?(name), do: Process.whereis(name) != nil

              def log(name) do
                case Process.whereis(name) do
                  nil -> Logger.info("away")
                  pid -> Logger.info("there: #{inspect(Process.info(pid))}")
                end
              end

              def halt(pid), do: if(Process.alive?(pid), do: Process.exit(pid, :shutdown))

              def print(text) do
                if Process.whereis(:standard_error), do: IO.puts(:standard_error, text)
              end

              def ask(one, other) do
                if Process.alive?(one), do: GenServer.call(other, :ask)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Watch do
              use GenServer

              @impl true
              def init(printer) do
                Process.monitor(printer)
                {:ok, %{printer: printer}}
              end

              @impl true
              def handle_call(:printing?, _from, state), do: {:reply, Process.alive?(state.printer), state}

              @impl true
              def handle_call({:join, pid}, _from, state) do
                if Process.alive?(pid), do: {:reply, :ok, state}, else: {:reply, :error, state}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, pid, _reason}, state) do
                {:noreply, %{state | printer: if(pid == state.printer, do: nil, else: state.printer)}}
              end

              @impl true
              def terminate(_reason, state) do
                if Process.alive?(state.printer), do: GenServer.stop(state.printer)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Starter do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info(:check, state) do
                if Process.whereis(Shop.Printer) == nil do
                  {:ok, _pid} = DynamicSupervisor.start_child(Shop.Printers, Shop.Printer)
                end

                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Maybe do
              def ensure(name) do
                unless Process.whereis(name) do
                  Shop.Printer.start_link(name: name)
                end

                :ok
              end

              def task(name) do
                case Process.whereis(name) do
                  nil -> Task.async(fn -> print() end)
                  _pid -> Task.Supervisor.async(name, fn -> print() end)
                end
              end

              defp print, do: :printed
            end
            """
        ),
        Example(
            """
            # file: test/shop/cart_test.exs
            defmodule Shop.CartTest do
              use ExUnit.Case

              test "counts" do
                pid = Process.whereis(Shop.Cart)
                if pid, do: GenServer.call(pid, :count)
                if Process.alive?(pid), do: GenServer.stop(pid)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            asking = [site for site in sites(module) if asks_for_process(site.call)]
            if not asking:
                continue
            graph = call_graph(module)
            shared = client_side(graph)
            for site in asking:
                for check in checks(file.source, graph, site.clause):
                    if check.question is site.call and _races(file.source, graph, shared, site, check):
                        yield self._checked(file, site, check)
            yield from self._polled(file, graph)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        step = next(iter(finding.related), None)
        if step is not None and step.message == _HANDED:
            return _handed(project, finding, step)
        if step is None or step.message != _STARTED:
            return finding
        site = site_at(project.files[finding.path].facts, finding.span)
        alone = site is not None and runs_in_one_process(project, site.module, site.function)
        return None if alone else finding

    def _checked(self, file: FileView, site: Site, check: Check) -> Finding:
        head, act = file.source.text(site.call.head), file.source.text(check.act.head)
        message, related, fix = {
            "ask": (
                f"the process may have ended when `{act}` comes, which exits then: `{head}` can't prevent it",
                "and this asks it",
                None,
            ),
            "hand": (
                f"the process may have ended when `{act}` comes, which fails then: `{head}` can't prevent it",
                _HANDED,
                None,
            ),
            "send": (
                f"the name may be free again when `{act}` comes, which raises where nobody has the name",
                "and this sends to the name",
                None,
            ),
            "start": (
                f"another process may start it meanwhile: `{act}` starts it, and nothing here knows of "
                "`{:error, {:already_started, pid}}`",
                _STARTED,
                FixKind.UNSAFE,
            ),
        }[check.step]
        return self.report(
            file.facts.path,
            site.call.head,
            message,
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            confidence=Confidence.STRONG,
            fix=fix,
            related=(Related(file.facts.path, check.act.head, related),),
        )

    def _polled(self, file: FileView, graph: CallGraph) -> Iterator[Finding]:
        """Questions of a server about a process that it keeps, with no word of the end of one."""
        module = graph.module
        if not module.complete or _learns_of_ends(module):
            return
        for function_id in graph.reached(_own_callbacks(module)):
            function = graph.functions[function_id]
            for clause in function.clauses if function.name != "terminate" else ():
                acts = {check.question for check in checks(file.source, graph, clause)}
                for call in polled_pids(file.source, clause):
                    if call not in acts:
                        yield self._asked_again(file, Site(module, function, clause, call))

    def _asked_again(self, file: FileView, site: Site) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            "this asks whether a process in the state is still alive; a monitor tells it when it ends",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            confidence=Confidence.HEURISTIC,
        )


def _handed(project: Project, finding: Finding, act: Related) -> Finding | None:
    """What another module's function does with the process: it asks, or hardly does without."""
    site = site_at(project.files[act.path].facts, act.span)
    if site is None:
        return None
    entry = project.module(site.call.module)
    if entry is None:
        app = project.app_of(finding.path)
        is_absent = app is None or project.complete(app)
        ends = is_absent and site.call.name in _ENDING
        return structs.replace(finding, severity=Severity.HINT) if ends else None
    function = entry.module.function(site.call.name, site.call.arity)
    asks = function is not None and any(
        run.certain and exits(run.call) and not run.call.guarded_by_rescue
        for run in calls_run_by(call_graph(entry.module), function)
    )
    return finding if asks else None


def _races(source: Source, graph: CallGraph, shared: frozenset[str], site: Site, check: Check) -> bool:
    if site.function.name == "terminate":
        return False
    if check.step != "start":
        return True
    known = knows_already_started(source, site.clause)
    return site.function.id in shared and not known and not _is_forgotten(graph, site, check.act)


def _is_forgotten(graph: CallGraph, site: Site, start: Call) -> bool:
    """Nobody looks at what the start gives, so that whoever comes second goes on all the same."""
    if start.bound_to is not None:
        return start.bound_to.kind == "variable"  # `{:ok, _} =` fails where the process is there already
    return is_unused(graph, site.function, site.clause, start)


def _own_callbacks(module: Module) -> tuple[Function, ...]:
    """The callbacks of a server; `handle_info/2` alone tells one whose `use` is out of sight."""
    if kinds(module) & SERVERS:
        return callbacks(module)
    infos = (function for function in module.functions if function.id == "handle_info/2" and function.public)
    return () if kinds(module) else tuple(infos)


def _learns_of_ends(module: Module) -> bool:
    """Some clause takes the end of a process that it tells from others, be it by link or monitor."""
    for clause in taken(module):
        message = unwrapped(clause.pattern)
        if clause.way == "info" and message.tag in ("DOWN", "EXIT"):
            named = [item for item in message.items[1:4] if item.kind in ("variable", "pin")]
            names = any(not item.value.startswith("_") for item in named)
            if names and not message.items[-1].is_atom("normal"):
                return True
    return False
