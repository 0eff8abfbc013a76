from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.results import is_unused, tied_by_hand
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, site_at, sites
from otp_genesis_analyzers.facts.messages.mailbox import messages_taken, takes_exits, traps_exits
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, WEB_PROCESSES, Kind, kinds
from otp_genesis_analyzers.facts.processes.monitors import monitors_process
from otp_genesis_analyzers.facts.processes.named_as_start import is_named_as_start
from otp_genesis_analyzers.facts.processes.quoted_starts import quoted_starts
from otp_genesis_analyzers.facts.processes.started_work import (
    ENDS_THE_SYSTEM_BY,
    halts,
    halts_the_system,
    only_stops_or_tells,
    started_work,
    stops,
)
from otp_genesis_analyzers.facts.processes.starts import belongs_to_start_link
from otp_genesis_analyzers.facts.processes.unseen_death import is_watchdog
from otp_genesis_analyzers.facts.reading.quoted_callbacks import QuotedCall
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of

_UNLINKED_LOSS = "no process learns of its crash and shutdown does not wait for it"
_REQUEST = WEB_PROCESSES | frozenset[Kind](("Controller", "Plug"))


class UnsupervisedTask(Rule):
    """A task is started with `Task.start` or `Task.start_link`, outside every supervisor.

    ## What it does
    Reports `Task.start` and `Task.start_link` in application code. It is a **warning** where nobody keeps
    the pid, **information** where somebody does, and a **hint** where a server starts a task that is
    linked to it, which is usually meant, or where the task only stops or tells another process, or only
    waits for the end of its starter, and in callbacks that a macro gives to the servers that use it.

    ## Why it matters on the BEAM
    When the application stops, the task is killed where it stands. Below a supervisor it is stopped in its
    turn, and one that traps exits has time to end what it began. A task started with `Task.start` fails
    alone, and nobody but the log learns of it. One started with `Task.start_link` takes the process down
    that started it, in a controller or a view the user's request.

    ## When it is legitimate
    In the `start_link` of a module that is itself a child of a supervisor. When the process is linked or
    monitored at once, or is there to stop the system. In a server that traps exits and takes
    `{:EXIT, pid, reason}`. In tests, Mix tasks and scripts. None of these is reported. A library that
    starts no tree of its own gets hints.

    ## Use instead
    ```elixir
    Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Audit.write(event) end)
    ```

    ## Fix safety
    Unsafe. The result has the same shape, but the task ends with its supervisor, and the link of
    `Task.start_link` is lost. The fix also adds a `Task.Supervisor` to the application where there is none.

    ## References
    - https://hexdocs.pm/elixir/Task.html#module-dynamically-supervised-tasks
    - https://hexdocs.pm/elixir/process-anti-patterns.html#unsupervised-processes
    - Shown by `tests/beam/spawned_process.exs` and `tests/beam/unawaited_task.exs`
    """

    code = "OTP102"
    name = "unsupervised-task"
    severity = Severity.WARNING
    anchors = ("Task start", "Task start_link")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  Shop.Repo,
                  {Task.Supervisor, name: Shop.Tasks}
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop_web/order_controller.ex
            defmodule ShopWeb.OrderController do
              use ShopWeb, :controller

              def create(conn, params) do
                case Shop.Orders.place(params) do
                  {:ok, order} ->
                    Task.start_link(fn -> Shop.Mailer.confirm(order) end)
            #       ^^^^^^^^^^^^^^^ warning: ends the user's request too
                    render(conn, :created, order: order)

                  {:error, reason} ->
                    _ = Task.start(Shop.Audit, :refused, [reason])
            #           ^^^^^^^^^^ warning: no process learns of its crash
                    render(conn, :refused)
                end
              end
            end
            """,
            fixed="""
            # file: lib/shop_web/order_controller.ex
            defmodule ShopWeb.OrderController do
              use ShopWeb, :controller

              def create(conn, params) do
                case Shop.Orders.place(params) do
                  {:ok, order} ->
                    Task.Supervisor.start_child(Shop.Tasks, fn -> Shop.Mailer.confirm(order) end)
                    render(conn, :created, order: order)

                  {:error, reason} ->
                    _ = Task.Supervisor.start_child(Shop.Tasks, Shop.Audit, :refused, [reason])
                    render(conn, :refused)
                end
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Build do
              def run(build) do
                owner = self()
                watch(owner, build)
                Shop.Runner.run(build)
              end

              defp watch(owner, build) do
                Task.start_link(fn ->
            #   ^^^^^^^^^^^^^^^ hint: it ends with the process it watches
                  Process.flag(:trap_exit, true)

                  receive do
                    {:EXIT, ^owner, reason} -> Shop.Log.ended(build, reason)
                  end
                end)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Search do
              def refresh(product) do
                {:ok, pid} = Task.start(fn -> Shop.Index.put(product) end)
            #                ^^^^^^^^^^ information: no process learns of its crash
                pid
              end

              def log(query) do
                Task.start(fn -> Logger.info("asked for #{String.trim(query)}") end)
            #   ^^^^^^^^^^ hint: only stops or tells another process
                :ok
              end

              def forget(product) do
                drop(product)
                :ok
              end

              def rebuild, do: Task.start(&Shop.Index.rebuild/0)
            #                  ^^^^^^^^^^ information

              def feed(pid) do
                Task.start(fn ->
            #   ^^^^^^^^^^ information: no process learns of its crash
                  ref = Process.monitor(pid)
                  batch = Shop.Index.next_batch()

                  receive do
                    {:DOWN, ^ref, :process, ^pid, _reason} -> Shop.Index.give_back(batch)
                  after
                    0 -> send(pid, {:batch, batch})
                  end
                end)

                :ok
              end

              def each(jobs), do: Enum.map(jobs, &Task.start/1)
            #                                    ^^^^^^^^^^^^^ information

              def touch(products), do: Enum.each(products, &Task.start(fn -> Shop.Index.put(&1) end))
            #                                               ^^^^^^^^^^ warning

              defp drop(product), do: Task.start_link(fn -> Shop.Index.delete(product) end)
            #                         ^^^^^^^^^^^^^^^ warning: ends the calling process too
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              @impl true
              def init(opts) do
                {:ok, _pid} = Task.start(fn -> Shop.Rates.warm_up() end)
            #                 ^^^^^^^^^^ warning
                {:ok, opts}
              end

              @impl true
              def handle_info(:tick, state) do
                {:ok, pid} = fetch(state)
                {:noreply, %{state | fetcher: pid}}
              end

              defp fetch(state), do: Task.start_link(Shop.Rates, :fetch, [state.url])
            #                        ^^^^^^^^^^^^^^^ hint: ends this server too
            end
            """
        ),
        Example(
            """
            # file: lib/shop/prices.ex
            defmodule Shop.Prices do
              use Cloak.Vault, otp_app: :shop

              @impl GenServer
              def init(config) do
                Task.start_link(fn -> Shop.Keys.rotate(config) end)
            #   ^^^^^^^^^^^^^^^ hint: ends this server too
                {:ok, config}
              end

              def give_up(error) do
                Task.start(Shop.Prices.Supervisor, :shutdown, [error])
            #   ^^^^^^^^^^ hint
                :ok
              end
            end
            # file: lib/shop/prices/supervisor.ex
            defmodule Shop.Prices.Supervisor do
              use Supervisor

              @impl true
              def init(_opts), do: Supervisor.init([Shop.Prices], strategy: :one_for_one)

              def shutdown(error) do
                Logger.warning(error.message)
                Supervisor.stop(__MODULE__, {:shutdown, error})
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/notices.ex
            defmodule Shop.Notices do
              def start_link(opts) do
                {:ok, bus} = Shop.Bus.start_link(opts)
                Shop.Bus.subscribe(bus, fn notice -> Task.start(fn -> Shop.Mailer.send(notice) end) end)
            #                                        ^^^^^^^^^^ information
                {:ok, bus}
              end
            end
            # file: lib/shop/actions.ex
            defmodule Shop.Actions do
              use GenServer

              @impl true
              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, opts}
              end

              @impl true
              def handle_call({:run, action}, _from, state) do
                {:ok, pid} = Task.start_link(fn -> Shop.Runner.run(action) end)
            #                ^^^^^^^^^^^^^^^ hint: no clause here takes its crash
                {:reply, pid, state}
              end

              @impl true
              def handle_info({:EXIT, _pid, :normal}, state), do: {:noreply, state}

              def handle_info(message, state) do
                Logger.warning("unexpected: #{inspect(message)}")
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Ring.MixProject do
              use Mix.Project
              def project, do: [app: :ring, version: "1.0.0"]
              def application, do: [extra_applications: [:logger]]
            end
            # file: lib/ring.ex
            defmodule Ring do
              def warm(ring) do
                Task.start(fn -> Ring.Cache.fill(ring) end)
            #   ^^^^^^^^^^ hint
                ring
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Executor do
              defmacro __using__(opts) do
                quote bind_quoted: [opts: opts] do
                  use GenServer

                  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

                  @impl true
                  def init(_opts), do: {:ok, []}

                  @impl true
                  def handle_info(:run, jobs) do
                    Enum.each(jobs, fn job ->
                      Task.start(fn -> perform(job) end)
            #         ^^^^^^^^^^ hint: `handle_info` of each server that uses `Shop.Executor`
                    end)

                    {:noreply, []}
                  end
                end
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Worker do
              defmacro __using__(_opts) do
                quote do
                  use GenServer

                  def start_link(opts), do: Task.start(fn -> warm_up(opts) end)
                  def later(job), do: Task.start(fn -> perform(job) end)

                  def handle_cast({:run, job}, state) do
                    {:ok, pid} = Task.start(fn -> perform(job) end)
                    {:noreply, Map.put(state, pid, Process.monitor(pid))}
                  end
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              def child_spec(url), do: %{id: __MODULE__, start: {__MODULE__, :launch, [url]}}
              def launch(url), do: Task.start_link(fn -> Shop.Files.watch(url) end)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Importer do
              use Task, restart: :transient

              def start_link(products), do: Task.start_link(__MODULE__, :run, [products])
              def run(products), do: Enum.each(products, &Shop.Catalogue.put/1)
            end

            defmodule Shop.Watcher do
              def child_spec(opts), do: %{id: __MODULE__, start: {__MODULE__, :start_link, [opts]}}
              def start_link(opts), do: run(opts)

              defp run(opts), do: Task.start_link(fn -> Shop.Files.watch(opts) end)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Warmer do
              use GenServer

              def restart do
                Task.start(fn ->
                  Process.sleep(100)
                  System.restart()
                end)
              end

              def leave, do: Task.start(fn -> Shop.Node.leave() end)

              def follow(job) do
                {:ok, pid} = Task.start(job)
                Process.monitor(pid)
              end

              def run(job, supervisor) do
                {:ok, pid} =
                  if supervisor do
                    Task.Supervisor.start_child(supervisor, job)
                  else
                    Task.start_link(job)
                  end

                {pid, :erlang.monitor(:process, pid, alias: :reply_demonitor)}
              end

              @impl true
              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, opts}
              end

              @impl true
              def handle_cast(:warm_up, state) do
                {:ok, pid} = Task.start_link(Shop.Cache, :fill, [])
                {:noreply, Map.put(state, pid, :running)}
              end

              @impl true
              def handle_info({:EXIT, pid, _reason}, state), do: {:noreply, Map.delete(state, pid)}
            end

            defmodule Shop.Node do
              def leave do
                Application.put_env(:shop, :leaving, true)
                System.stop(0)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [{Task.Supervisor, name: Shop.Tasks}, {Task, fn -> Shop.Cache.fill() end}]
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/audit.ex
            defmodule Shop.Audit do
              alias Shop.Task

              def write(event), do: Elixir.Task.Supervisor.start_child(Shop.Tasks, fn -> put(event) end)
              def todo(task), do: Task.start(task)

              defp put(event), do: Shop.Repo.insert(event)
            end
            # file: lib/mix/tasks/shop.seed.ex
            defmodule Mix.Tasks.Shop.Seed do
              use Mix.Task
              def run(_args), do: Task.start(fn -> Shop.Seeds.run() end)
            end
            # file: test/shop/audit_test.exs
            defmodule Shop.AuditTest do
              use ExUnit.Case

              test "writes from another process" do
                Task.start_link(fn -> Shop.Audit.write(:hello) end)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for site in sites(module):
                if site.call.is_to("Task", "start", "start_link"):
                    yield from self._judge(file, graph, site)
            for start in quoted_starts(file.source, module, "Task.start"):
                yield self._quoted(file, module, start)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        site = site_at(project.files[finding.path].facts, finding.span)
        if site is not None and _halts_elsewhere(project, site):
            return None
        if site is not None and _stops_elsewhere(project, site):
            return structs.replace(finding, severity=Severity.HINT)
        app = project.app_of(finding.path)
        if app is None or not app.is_library:
            return finding
        return structs.replace(finding, severity=Severity.HINT, fix=FixKind.LLM)

    def _judge(self, file: FileView, graph: CallGraph, site: Site) -> Iterable[Finding]:
        if _is_child(graph, site) or tied_by_hand(site.clause, site.call):
            return
        if site.call.name == "start_link" and is_named_as_start(file.source, site):
            return
        work = started_work(graph, site.clause, site.call)
        if halts_the_system(work):
            return
        linked = site.call.name == "start_link"
        if linked and _linked_to_server(graph, site):
            if not (traps_exits(site.module) and takes_exits(site.module)):
                yield self._finding(file, site, Severity.HINT, "an error in it ends this server too")
            elif not _takes_crashes(site.module):
                yield self._finding(file, site, Severity.HINT, "no clause here takes its crash")
        elif only_stops_or_tells(graph, work):
            yield self._finding(file, site, Severity.HINT, "it only stops or tells another process")
        elif linked and is_watchdog(work):
            yield self._finding(file, site, Severity.HINT, "it ends with the process it watches")
        elif is_unused(graph, site.function, site.clause, site.call) and not _watches(site):
            yield self._finding(file, site, Severity.WARNING, _loss(site, linked))
        else:
            yield self._finding(file, site, Severity.INFORMATION, _loss(site, linked))

    def _finding(self, file: FileView, site: Site, severity: Severity, loss: str) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.call.target}` starts a task outside every supervisor: {loss}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=severity,
            fix=FixKind.UNSAFE if site.call.form == "call" else FixKind.LLM,
        )

    def _quoted(self, file: FileView, module: Module, start: QuotedCall) -> Finding:
        return self.report(
            file.facts.path,
            start.head,
            f"`{start.callback}` of each server that uses `{module.name}` starts a task here, outside every "
            f"supervisor: {_UNLINKED_LOSS}",
            snippet=syntax.text(start.node),
            scope=scope_of(module, start.macro),
            severity=Severity.HINT,
            fix=FixKind.LLM,
        )


def _is_child(graph: CallGraph, site: Site) -> bool:
    """Starts for a supervisor; what a `fn` in there starts later without a link is nobody's child."""
    starts_here = site.call.closure < 0 or site.call.name == "start_link"
    return starts_here and belongs_to_start_link(graph, site.function)


def _halts_elsewhere(project: Project, site: Site) -> bool:
    """The work ends in a function of another module that stops or restarts the virtual machine."""
    for call in started_work(call_graph(site.module), site.clause, site.call).calls:
        found = project.callee(call, holding=ENDS_THE_SYSTEM_BY)
        if found and any(halts(done) for clause in found[1].clauses for done in clause.calls):
            return True
    return False


def _stops_elsewhere(project: Project, site: Site) -> bool:
    """The work is one function of another module, which ends by stopping another process."""
    work = started_work(call_graph(site.module), site.clause, site.call)
    module, _, name_and_arity = work.foreign.rpartition(".")
    name, _, arity = name_and_arity.partition("/")
    function = project.function(module, name, int(arity)) if module and arity else None
    return function is not None and all(
        any(call.result == "returned" and stops(call) for call in clause.calls) for clause in function.clauses
    )


def _watches(site: Site) -> bool:
    """The task monitors a process itself, as a rule the one that it works for, and takes care of its end."""
    return any(monitors_process(call) and site.call.span.contains(call.span) for call in site.clause.calls)


def _loss(site: Site, linked: bool) -> str:
    if not linked:
        return _UNLINKED_LOSS
    if kinds(site.module) & _REQUEST:
        return "an error in it ends the user's request too, and shutdown does not wait for it"
    return "an error in it ends the calling process too, and shutdown does not wait for it"


def _takes_crashes(module: Module) -> bool:
    """Some clause takes `{:EXIT, pid, reason}` for another reason than `:normal`."""
    taken = (unwrapped(message) for message in messages_taken(module))
    return any(message.tag == "EXIT" and not message.items[-1].is_atom("normal") for message in taken)


def _linked_to_server(graph: CallGraph, site: Site) -> bool:
    """Started by a server of the project, in its own process: the link makes it a helper of the server."""
    if site.call.runs != "here":
        return False
    known = kinds(site.module)
    if not known and site.function.id == "init/1" and site.clause.impl:
        return True  # a server whose `use` is that of a library
    return bool(known & SERVERS) and site.function.id in callback_chains(graph)
