from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from msgspec import structs

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.results import (
    bound_variable,
    keeps_monitor,
    thrown_away,
    tied_by_hand,
)
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, site_at, sites
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import WEB_PROCESSES, kinds
from otp_genesis_analyzers.facts.processes.quoted_starts import quoted_starts
from otp_genesis_analyzers.facts.processes.started_work import (
    halts_the_system,
    only_sleeps_for_ever,
    only_stops_or_tells,
    started_work,
)
from otp_genesis_analyzers.facts.processes.starts import Tie, belongs_to_start_link, spawn_tie
from otp_genesis_analyzers.facts.processes.unseen_death import harm_of, is_watchdog
from otp_genesis_analyzers.facts.reading.quoted_callbacks import QuotedCall
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of

_MISSING: dict[Tie, str] = {
    "none": (
        "no link, monitor or supervisor: no process learns of its crash and shutdown does not wait for it"
    ),
    "link": "no supervisor: a crash takes the linked caller along and shutdown does not wait for it",
    "monitor": "no supervisor, and its monitor is thrown away: no process learns of its crash",
    "unknown": "no supervisor: shutdown does not wait for it",
}


class _Judgement(NamedTuple):
    severity: Severity
    evidence: str = ""
    rewritable: bool = True


class UnsupervisedSpawn(Rule):
    """A process is started with `spawn`, outside every supervisor.

    ## What it does
    Reports `spawn`, `spawn_link` and `spawn_monitor`, also from `Process`, `Node` and `:erlang`, through
    `apply/3` and as a capture.

    It is a **warning** where the loss of the process is known to hurt: it owes a caller a
    `GenServer.reply/2`, a `receive` without `after` waits for its message, it goes on for ever, it stands
    in for a supervised start that failed, or a server callback hands it work. It is **information** in
    other application code, and a **hint** when the process is linked, only stops or tells another one, or
    only waits for the end of another one, and in callbacks that a macro gives to the servers that use it.

    ## Why it matters on the BEAM
    A supervisor restarts its children and stops them in order. A spawned process has no such parent: its
    crash is a line in the log that no other process learns of, it has neither `$ancestors` nor `$callers`
    by which tools find out who started it, and when the application stops it is killed without notice.

    ## When it is legitimate
    Inside `start_link`, where the process becomes a supervisor's child. With `spawn_monitor`, where the
    reference is used, and where the pid is linked or monitored right after. In tests, Mix tasks, scripts,
    migrations and configuration. None of these is reported. A library that starts no tree of its own gets
    hints, unless the harm is known.

    ## Use instead
    ```elixir
    Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Mailer.deliver(user) end)
    ```

    ## Fix safety
    Unsafe. `Task.Supervisor.start_child` gives `{:ok, pid}` instead of a pid, the process stops with its
    supervisor, and the link of a `spawn_link` is lost. The fix also adds a `Task.Supervisor` to the
    application where there is none.

    ## References
    - https://hexdocs.pm/elixir/process-anti-patterns.html#unsupervised-processes
    - https://hexdocs.pm/elixir/Task.Supervisor.html
    - Shown by `tests/beam/spawned_process.exs`
    """

    code = "OTP101"
    name = "unsupervised-spawn"
    severity = Severity.WARNING
    refined_by_app = True
    anchors = ("spawn", "spawn_link", "spawn_monitor", "spawn_opt", "spawn_request")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Payments do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:refund, receipt}, from, state) do
                pid = spawn(fn -> GenServer.reply(from, Shop.Gateway.refund(receipt)) end)
            #         ^^^^^ warning: owes a caller `GenServer.reply/2`
                {:noreply, [pid | state]}
              end

              def handle_cast({:book, entry}, state) do
                for line <- entry, do: store(line)
                {:noreply, state}
              end

              defp store(line), do: spawn(Shop.Ledger, :write, [line])
            #                       ^^^^^ warning: `handle_cast/2` hands it work through `store/1`
            end
            """,
            fixed="""
            # file: lib/example.ex
            defmodule Shop.Payments do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:refund, receipt}, from, state) do
                {:ok, pid} =
                  Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                    GenServer.reply(from, Shop.Gateway.refund(receipt))
                  end)

                {:noreply, [pid | state]}
              end

              def handle_cast({:book, entry}, state) do
                for line <- entry, do: store(line)
                {:noreply, state}
              end

              defp store(line),
                do: Task.Supervisor.start_child(Shop.TaskSupervisor, Shop.Ledger, :write, [line])
            end
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [{Task.Supervisor, name: Shop.TaskSupervisor}]

                Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Thumbnails do
              def watch(folder) do
                spawn(fn -> loop(folder) end)
            #   ^^^^^ warning: goes on for ever in `loop/1`
              end

              def check(path) do
                caller = self()
                spawn(fn -> send(caller, {:checked, Shop.Image.check(path)}) end)
            #   ^^^^^ warning: a `receive` waits for its message

                receive do
                  {:checked, result} -> result
                end
              end

              def render(path) do
                case Task.Supervisor.start_child(Shop.Renderers, fn -> Shop.Image.render(path) end) do
                  {:ok, pid} -> pid
                  {:error, :max_children} -> spawn(fn -> Shop.Image.render(path) end)
            #                                ^^^^^ warning: stands in for `Task.Supervisor.start_child/2`
                end
              end

              def clear(path) do
                if Process.whereis(Shop.Renderers),
                  do: Task.Supervisor.start_child(Shop.Renderers, Shop.Image, :clear, [path]),
                  else: Process.spawn(Shop.Image, :clear, [path], [])
            #           ^^^^^^^^^^^^^ warning: stands in for `Task.Supervisor.start_child/4`
              end

              defp loop(folder) do
                receive do
                  :stop -> :ok
                after
                  500 -> scan(folder)
                end
              end

              defp scan(folder), do: if(Shop.Image.render_all(folder), do: loop(folder))
            end
            """
        ),
        Example(
            """
            defmodule Shop.Notifier do
              def welcome(user), do: spawn(fn -> Shop.Mailer.deliver(user) end)
            #                        ^^^^^ information: no process learns of its crash

              def later(users), do: Enum.map(users, &Process.spawn(fn -> Shop.Mailer.deliver(&1) end, []))
            #                                        ^^^^^^^^^^^^^ information: `Process.spawn/2`

              def all(jobs), do: Enum.each(jobs, &spawn/1)
            #                                    ^^^^^^^^ information

              def by_name(user), do: apply(Kernel, :spawn, [fn -> Shop.Mailer.deliver(user) end])
            #                        ^^^^^ information: `spawn/1`

              def far(node, job), do: job |> then(&Node.spawn(node, &1))
            #                                      ^^^^^^^^^^ information: `Node.spawn/2`

              def follow(user) do
                {pid, _ref} = :erlang.spawn_monitor(fn -> Shop.Mailer.deliver(user) end)
            #                 ^^^^^^^^^^^^^^^^^^^^^ information: its monitor is thrown away
                pid
              end

              def listen(user), do: spawn_link(fn -> Shop.Mailer.deliver(user) end)
            #                       ^^^^^^^^^^ hint: no supervisor

              def dismiss(connection), do: spawn(fn -> GenServer.stop(connection, :normal, 5_000) end)
            #                              ^^^^^ hint: only stops or tells
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
              def warm(ring), do: spawn(fn -> Ring.Cache.fill(ring) end)
            #                     ^^^^^ hint
            end
            """
        ),
        Example(
            """
            defmodule Shop.Upload do
              def open(path) do
                spawn(remover(path))
            #   ^^^^^ hint: it ends with the process it watches
                File.open(path, [:write])
              end

              def announce(path), do: spawn(later(path))
            #                         ^^^^^ warning: it waits in `receive` without end

              defp remover(path) do
                owner = self()

                fn ->
                  ref = Process.monitor(owner)

                  receive do
                    {:DOWN, ^ref, :process, ^owner, _reason} -> File.rm(path)
                  end
                end
              end

              defp later(path) do
                fn ->
                  receive do
                    :uploaded -> Shop.Mailer.announce(path)
                  end
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Lease do
              def guard(owner, build) do
                spawn(fn ->
            #   ^^^^^ hint: it only stops or tells another process
                  Process.monitor(owner)
                  ref = Process.monitor(build)

                  receive do
                    {:DOWN, ^ref, _, _, _} -> :ok
                    {:DOWN, _, _, ^owner, _} -> Process.exit(build, :kill)
                  end
                end)
              end

              def give_up(pid, owner) do
                done = make_ref()
                keeper = spawn(fn -> keep(pid, owner, done) end)
            #            ^^^^^ hint: it only stops or tells another process
                Process.unlink(pid)
                send(keeper, done)
              end

              defp keep(pid, owner, done) do
                ref = Process.monitor(owner)

                receive do
                  ^done -> :ok
                  {:DOWN, ^ref, _, _, _} -> Process.exit(pid, :shutdown)
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Consumer do
              defmacro __using__(_opts) do
                quote do
                  use GenServer

                  def init(opts), do: {:ok, opts}

                  def handle_info({:deliver, message}, state) do
                    consume(message)
                    {:noreply, state}
                  end

                  defp consume(message) do
                    spawn(fn -> handle_message(message) end)
            #       ^^^^^ hint: `handle_info` of each server that uses `Shop.Consumer`
                    :ok
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
            defmodule Shop.Till do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:reboot, _from, state) do
                spawn(&Nerves.Runtime.reboot/0)
                {:reply, :ok, state}
              end

              def handle_cast(:off, state) do
                spawn(fn -> System.stop(0) end)
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Reporter do
              def start_link(opts), do: {:ok, spawn_link(fn -> loop(opts) end)}
              def start_link(:special, opts), do: {:ok, start_loop(opts)}
              def bare(opts), do: :proc_lib.spawn_link(fn -> loop(opts) end)

              defp start_loop(opts), do: spawn(fn -> loop(opts) end)
              defp loop(opts), do: if(Shop.Report.write(opts), do: loop(opts))
            end
            """
        ),
        Example(
            """
            defmodule Shop.Gateway do
              use GenServer

              def valid?(card) do
                {pid, ref} = spawn_monitor(fn -> exit({:checked, Shop.Cards.check(card)}) end)

                receive do
                  {:DOWN, ^ref, :process, ^pid, {:checked, valid?}} -> valid?
                  {:DOWN, ^ref, :process, ^pid, _reason} -> false
                end
              end

              def check_later(card), do: Process.spawn(Shop.Cards, :check, [card], [:monitor])

              def handle_info(:refill, cards) do
                pid = spawn(fn -> Enum.each(Shop.Cards.stream(), &Shop.Cards.check/1) end)
                Process.monitor(pid)
                {:noreply, [pid | cards]}
              end

              def init(opts), do: {:ok, opts}

              def handle_call({:charge, card}, from, charges) do
                {_pid, ref} = spawn_monitor(fn -> exit(Shop.Cards.charge(card)) end)
                {:noreply, Map.put(charges, ref, from)}
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/cart_test.exs
            defmodule Shop.CartTest do
              use ExUnit.Case

              test "survives its owner" do
                assert Shop.Cart.open(spawn(fn -> Process.sleep(:infinity) end))
              end
            end
            # file: test/support/shop_case.ex
            defmodule Shop.Case do
              def idle, do: spawn(fn -> Process.sleep(:infinity) end)
            end
            # file: lib/mix/tasks/shop.seed.ex
            defmodule Mix.Tasks.Shop.Seed do
              use Mix.Task
              def run(_args), do: spawn(fn -> IO.write(".") end)
            end
            # file: priv/repo/migrations/20240101000000_fill.exs
            defmodule Shop.Repo.Migrations.Fill do
              def up, do: spawn(fn -> Shop.Fill.run() end)
            end
            # file: config/runtime.exs
            spawn(fn -> :ok end)
            """
        ),
        Example(
            """
            defmodule Shop.Fish do
              @moduledoc "They spawn: `spawn(fn -> eggs() end)`."
              import Kernel, except: [spawn: 1]

              def spawn(eggs), do: Map.new(eggs, &{&1, 1})
              def spawn_all(lists), do: Enum.map(lists, &spawn/1)
              # spawn(fn -> :ok end)
              def text, do: "spawn(fn -> :ok end)"
            end

            defmodule Shop.Handler do
              defmacro __using__(_opts) do
                quote do
                  def dispatch(event), do: spawn(fn -> handle(event) end)
                end
              end
            end

            defmodule Shop.Pond, do: def(fill(eggs), do: Shop.Fish.spawn(eggs))
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for site in sites(module):
                tie = spawn_tie(site.call)
                judgement = _judge(graph, site, tie) if tie is not None else None
                if tie is not None and judgement is not None:
                    yield self._finding(file, site, tie, judgement)
            for start in quoted_starts(file.source, module, "spawn"):
                yield self._quoted(file, module, start)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        app = project.app_of(finding.path)
        if app is None or not app.is_library:
            return finding
        site = site_at(project.files[finding.path].facts, finding.span)
        harm = site is not None and spawn_tie(site.call) == "none" and harm_of(call_graph(site.module), site)
        severity = finding.severity if harm else Severity.HINT
        return structs.replace(finding, severity=severity, fix=FixKind.LLM)

    def _finding(self, file: FileView, site: Site, tie: Tie, judgement: _Judgement) -> Finding:
        evidence = f" ({judgement.evidence})" if judgement.evidence else ""
        name = site.call.target.removeprefix("Kernel.")
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{name}` starts a process with {_MISSING[tie]}{evidence}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=judgement.severity,
            fix=FixKind.UNSAFE if judgement.rewritable and _rewritable(site) else FixKind.LLM,
        )

    def _quoted(self, file: FileView, module: Module, start: QuotedCall) -> Finding:
        return self.report(
            file.facts.path,
            start.head,
            f"`{start.callback}` of each server that uses `{module.name}` starts a process here with "
            f"{_MISSING['none']}",
            snippet=syntax.text(start.node),
            scope=scope_of(module, start.macro),
            severity=Severity.HINT,
            fix=FixKind.LLM,
        )


def _judge(graph: CallGraph, site: Site, tie: Tie) -> _Judgement | None:
    if belongs_to_start_link(graph, site.function):
        return None
    match tie:
        case "monitor":
            return None if keeps_monitor(site.clause, site.call) else _Judgement(Severity.INFORMATION)
        case "link":
            return _judge_linked(graph, site)
        case "unknown":
            return _Judgement(Severity.HINT)
        case "none":
            if tied_by_hand(site.clause, site.call):
                return None
            harm = harm_of(graph, site)
            if harm is not None:
                return _Judgement(Severity.WARNING, harm.words, harm.cured_by_supervisor)
            return _judge_by_work(graph, site)


def _judge_linked(graph: CallGraph, site: Site) -> _Judgement:
    if kinds(site.module) & WEB_PROCESSES and site.function.id in callback_chains(graph):
        return _Judgement(Severity.INFORMATION, "`start_async/3` gives a view its result and its failure")
    return _Judgement(Severity.HINT)


def _judge_by_work(graph: CallGraph, site: Site) -> _Judgement | None:
    work = started_work(graph, site.clause, site.call)
    if halts_the_system(work):
        return None
    if only_stops_or_tells(graph, work):
        return _Judgement(Severity.HINT, "it only stops or tells another process")
    if only_sleeps_for_ever(work):
        return _Judgement(Severity.HINT, "it only sleeps")
    if is_watchdog(work):
        return _Judgement(Severity.HINT, "it ends with the process it watches")
    chain = callback_chains(graph).get(site.function.id) if site.call.runs == "here" else None
    if chain is None or not (work.calls or work.foreign):
        return _Judgement(Severity.INFORMATION)
    callback, function = chain[0], chain[-1]
    through = f" through `{function}`" if function != callback else ""
    return _Judgement(Severity.WARNING, f"`{callback}` hands it work{through} and never learns its fate")


def _rewritable(site: Site) -> bool:
    """A shape that `Task.Supervisor.start_child` can take the place of."""
    call = site.call
    if call.form != "call" or call.module not in ("Kernel", ":erlang") or call.arity not in (1, 3):
        return False
    if call.name not in ("spawn", "spawn_link"):
        return False
    return call.result == "returned" or bool(bound_variable(call)) or thrown_away(site.clause, call)
