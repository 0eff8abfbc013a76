from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.across_modules.boot import is_started_by_application
from otp_genesis_analyzers.across_modules.outside_calls import outside_calls
from otp_genesis_analyzers.across_modules.process_owners import (
    is_in_tree,
    is_named_by_child,
    runs_on_other_nodes,
)
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.results import thrown_away, tied_by_hand
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, site_at, sites
from otp_genesis_analyzers.facts.messages.mailbox import takes_anything, takes_exits, traps_exits
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.monitors import monitors_process
from otp_genesis_analyzers.facts.processes.named_as_start import is_named_as_start
from otp_genesis_analyzers.facts.processes.starts import Start, belongs_to_start, start_of
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.supervision import forest

_DIES_WITH_CALLER = "a crash of its caller ends it, and nobody starts it again"
_GOES_UNSEEN = "its crash goes unseen, this server traps exits and takes none"
_LEFT_BEHIND = "it is linked to the supervisor of this one, which leaves it behind at each restart"
_ENDS_WITH_CALLER = "it is linked to whoever calls this, and ends with him"


class StartOutsideTree(Rule):
    """A server, agent or supervisor is started by ordinary code, outside the supervision tree.

    ## What it does
    Reports servers, agents and supervisors that application code starts itself. It is a **warning** for
    `start`, which links nothing, under a constant name; for `start_link` under a constant name where no
    child list of the project has the module, also through the module's own `start_link`; and for a
    supervisor started by a server that traps exits and takes every message, so that nobody sees its crash.
    Other starts outside the tree are **information** or, in a server's callback, a **hint**; so is a
    `Registry` that ordinary code starts, a server of the project without a constant name, and a `start` of
    the module's own that ordinary code calls. So is `start_link` of another server in one that traps exits
    and has no clause for them (**information** where the pid is not kept), and in `start_link` above the
    start of the process itself.

    ## Why it matters on the BEAM
    A process that no supervisor starts is not started again. Linked, it ends when the code that happened
    to start it crashes; not linked, nobody learns of its own crash. With a constant name, all who call it
    fail from then on.

    ## When it is legitimate
    In `start_link`, `start`, `init`, `child_spec` and `start_child`, and in their private helpers. Where a
    child specification names the function. For a helper that a server starts in `init` and is linked to.
    For an unnamed `start` that is monitored at once. In a module that `:rpc` or `:erpc` runs on other nodes.
    In tests, Mix tasks and scripts. None of these is reported. Libraries get hints, and what a published
    package starts for nobody but its users is information.

    ## Use instead
    ```elixir
    DynamicSupervisor.start_child(Shop.RunSupervisor, {Shop.Run, order})
    ```

    ## Fix safety
    There is no mechanical fix: which supervisor, which name and when to restart are decisions. A model can
    propose them.

    ## References
    - https://hexdocs.pm/elixir/process-anti-patterns.html#unsupervised-processes
    - https://hexdocs.pm/elixir/DynamicSupervisor.html
    - Shown by `tests/beam/started_by_ordinary_code.exs`
    """

    code = "OTP105"
    name = "start-outside-tree"
    severity = Severity.WARNING
    anchors = (
        "GenServer start",
        "Agent start",
        "Supervisor start",
        "GenStage start",
        ":gen_ start",
        "start_link",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/audit.ex
            defmodule Shop.Audit do
              use GenServer

              def enable(path) do
                {:ok, pid} = GenServer.start_link(__MODULE__, path, name: __MODULE__)
            #                ^^^^^^^^^^^^^^^^^^^^ warning: in `enable/1` starts `Shop.Audit` outside
                pid
              end

              def init(path), do: {:ok, path}
            end

            defmodule Shop.Output do
              use GenServer

              def start, do: GenServer.start(__MODULE__, [], name: :output)
            #                ^^^^^^^^^^^^^^^ warning: starts `:output`
              def quiet, do: GenServer.start(__MODULE__, :quiet)
            #                ^^^^^^^^^^^^^^^ information: no process learns of its crash

              def init(opts), do: {:ok, opts}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/coupons.ex
            defmodule Shop.Coupons do
              use Agent

              def start_link(coupons \\\\ %{}), do: Agent.start_link(fn -> coupons end, name: __MODULE__)

              def get(code) do
                ensure_started()
                Agent.get(__MODULE__, &Map.get(&1, code))
              end

              defp ensure_started do
                if Process.whereis(__MODULE__) == nil, do: start_link()
            #                                              ^^^^^^^^^^ warning: a crash of its caller ends it
              end
            end
            # file: lib/shop/campaign.ex
            defmodule Shop.Campaign do
              alias Shop.Coupons

              def open(coupons), do: Coupons.start_link(coupons)
            #                        ^^^^^^^^^^^^^^^^^^ warning: `Shop.Coupons.start_link/1` in `open/1`
            end
            """
        ),
        Example(
            """
            defmodule Shop.Pool do
              use GenServer

              def init(opts) do
                Process.flag(:trap_exit, true)
                {:ok, workers} = DynamicSupervisor.start_link(strategy: :one_for_one)
            #                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ warning: its crash goes unseen
                {:ok, {opts, workers}}
              end

              def handle_cast({:open, url}, state) do
                {:ok, socket} = GenServer.start_link(Shop.Socket, url)
            #                   ^^^^^^^^^^^^^^^^^^^^ hint: linked to this server
                {:noreply, {socket, state}}
              end

              def handle_info(_message, state), do: {:noreply, state}

              def run(order), do: GenServer.start_link(Shop.Run, order, name: {:global, {:run, order}})
            #                     ^^^^^^^^^^^^^^^^^^^^ information: starts `Shop.Run` outside
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [Shop.Repo] ++ Application.get_env(:shop, :children, [])
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/audit.ex
            defmodule Shop.Audit do
              use GenServer

              def enable(path), do: GenServer.start_link(__MODULE__, path, name: __MODULE__)
            #                       ^^^^^^^^^^^^^^^^^^^^ information

              def init(path), do: {:ok, path}
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Ring.MixProject do
              use Mix.Project
              def project, do: [app: :ring, version: "1.0.0", package: [licenses: ["MIT"]]]
              def application, do: [mod: {Ring.Application, []}]
            end
            # file: lib/ring/application.ex
            defmodule Ring.Application do
              use Application
              def start(_type, _args), do: Supervisor.start_link([], strategy: :one_for_one)
            end
            # file: lib/ring/trace.ex
            defmodule Ring.Trace do
              use GenServer
              def trace(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
            #                      ^^^^^^^^^^^^^^^^^^^^ information: starts `Ring.Trace` outside
              def follow(opts), do: GenServer.start_link(__MODULE__, opts, name: Ring.Follower)
            #                       ^^^^^^^^^^^^^^^^^^^^ warning: starts `Ring.Follower` outside
              def init(opts), do: {:ok, opts}
            end
            # file: lib/ring.ex
            defmodule Ring do
              def open(path), do: Ring.Trace.follow(path)
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Spec.MixProject do
              use Mix.Project
              def project, do: [app: :spec, version: "1.0.0"]
              def application, do: [extra_applications: [:logger]]
            end
            # file: lib/spec/output.ex
            defmodule Spec.Output do
              use GenServer
              def start_link, do: GenServer.start_link(__MODULE__, [], name: __MODULE__)
              def init(opts), do: {:ok, opts}
            end
            # file: lib/spec.ex
            defmodule Spec do
              def run do
                Spec.Output.start_link()
            #   ^^^^^^^^^^^^^^^^^^^^^^ hint
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Parcels do
              def send(parcel) do
                with {:ok, pid} <- GenServer.start_link(Shop.Parcel, parcel) do
            #                      ^^^^^^^^^^^^^^^^^^^^ information: a crash of its caller ends it
                  {:ok, pid}
                end
              end

              def track(parcel), do: apply(GenServer, :start_link, [Shop.Tracker, parcel])
            #                        ^^^^^ information: starts `Shop.Tracker`
            end
            """
        ),
        Example(
            """
            defmodule Shop.Names do
              def prepare do
                case Process.whereis(Shop.Registry) do
                  nil -> Registry.start_link(keys: :unique, name: Shop.Registry)
            #            ^^^^^^^^^^^^^^^^^^^ hint: it is linked to whoever calls this
                  pid -> {:ok, pid}
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/host.ex
            defmodule Shop.Host do
              use GenServer

              def init(key) do
                Process.flag(:trap_exit, true)
                Shop.Pulse.start_link(key)
            #   ^^^^^^^^^^^^^^^^^^^^^ information: this server traps exits and takes none
                {:ok, %{key: key}}
              end

              def handle_call(:key, _from, state), do: {:reply, state.key, state}
            end
            # file: lib/shop/pulse.ex
            defmodule Shop.Pulse do
              use GenServer

              def start(key, message), do: GenServer.start(__MODULE__, {key, message})
            #                              ^^^^^^^^^^^^^^^ hint: no process learns of its crash
              def start_link(key), do: GenServer.start_link(__MODULE__, key, name: Shop.Keys.of(key))
              def init(key), do: {:ok, key}
            end
            # file: lib/shop/chat.ex
            defmodule Shop.Chat do
              def ask(question) do
                {:ok, pulse} = Shop.Pulse.start(question, :waiting)
                Task.Supervisor.start_child(Shop.Tasks, fn -> Shop.Ai.ask(question, pulse) end)
              end

              def alarm(error) do
                case Registry.lookup(Shop.Keys, error) do
                  [] -> Shop.Pulse.start_link(error)
            #           ^^^^^^^^^^^^^^^^^^^^^ hint: a crash of its caller ends it
                  [{pid, _}] -> send(pid, :again)
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/monitor.ex
            defmodule Shop.Monitor do
              use GenServer

              def start_link(opts) do
                with {:ok, store} <- Shop.Store.start_link(),
            #                        ^^^^^^^^^^^^^^^^^^^^^ hint: leaves it behind at each restart
                     do: GenServer.start_link(__MODULE__, store, opts)
              end

              def init(store), do: {:ok, store}
            end
            # file: lib/shop/store.ex
            defmodule Shop.Store do
              defdelegate start_link(opts \\\\ []), to: Shop.RedisStore
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/host.ex
            defmodule Shop.Host do
              use GenServer

              def init(key) do
                Process.flag(:trap_exit, true)
                {:ok, pulse} = Shop.Pulse.start_link(key)
                {:ok, %{key: key, pulse: pulse}}
              end

              def handle_info({:EXIT, pid, reason}, %{pulse: pid} = state), do: {:stop, reason, state}
            end
            # file: lib/shop/plain_host.ex
            defmodule Shop.PlainHost do
              use GenServer

              def init(key) do
                {:ok, pulse} = Shop.Pulse.start_link(key)
                {:ok, %{key: key, pulse: pulse}}
              end
            end
            # file: lib/shop/pulse.ex
            defmodule Shop.Pulse do
              use GenServer

              def start_link(key), do: GenServer.start_link(__MODULE__, key)
              def start(key), do: GenServer.start(__MODULE__, key)
              def init(key), do: {:ok, key}
            end
            # file: lib/shop/import.ex
            defmodule Shop.Import do
              def run(file) do
                {:ok, pulse} = Shop.Pulse.start_link(file)
                Shop.Csv.load(file)
                GenServer.stop(pulse)
              end

              def watched(file) do
                {:ok, pulse} = Shop.Pulse.start(file)
                Process.monitor(pulse)
                pulse
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application
              def start(_type, _args), do: Shop.Clients.boot!()
            end
            # file: lib/shop/clients.ex
            defmodule Shop.Clients do
              use DynamicSupervisor

              def boot!, do: DynamicSupervisor.start_link(__MODULE__, [], name: :clients)

              def open(client), do: DynamicSupervisor.start_child(:clients, {Shop.Client, client})

              @impl true
              def init(_), do: DynamicSupervisor.init(strategy: :one_for_one)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Names do
              def child_spec(opts), do: %{id: __MODULE__, start: {__MODULE__, :begin, [opts]}}
              def begin(_opts), do: Registry.start_link(keys: :unique, name: Shop.Registry)
              def children, do: [{Registry, keys: :unique, name: Shop.OtherRegistry}]
            end

            defmodule Shop.Rooms do
              def start_link(_opts), do: Registry.start_link(keys: :duplicate, name: __MODULE__)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Visit do
              use GenServer

              def child_spec(user), do: %{id: user, start: {__MODULE__, :begin, [user]}}
              def begin(user), do: GenServer.start_link(__MODULE__, user, name: {:via, Registry, {Names, 1}})

              @impl true
              def init(user), do: {:ok, user}
            end

            defmodule Shop.Visits do
              def open(user), do: DynamicSupervisor.start_child(Shop.VisitSupervisor, {Shop.Visit, user})
            end
            """
        ),
        Example(
            """
            defmodule Shop.Lessons.Agents do
              use Shop.Lessons

              lesson "an agent keeps a state" do
                Agent.start_link(fn -> [] end, name: :shop_basket)
                Agent.get(:shop_basket, &length/1)
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
                {:ok, _} = Agent.start_link(fn -> %{} end, name: Shop.Boot)
                children = [Shop.Coupons, {DynamicSupervisor, name: Shop.Runs, strategy: :one_for_one}]
                Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
              end
            end
            # file: lib/shop/coupons.ex
            defmodule Shop.Coupons do
              use Agent
              def start_link(_opts), do: start_named(__MODULE__)
              def ensure_started, do: start_link([])

              defp start_named(_name), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
            end
            # file: lib/shop/run.ex
            defmodule Shop.Run do
              use GenServer
              def begin(order), do: GenServer.start_link(__MODULE__, order, name: via(order))

              def open(order) do
                DynamicSupervisor.start_child(Shop.Runs, %{id: order, start: {__MODULE__, :begin, [order]}})
              end

              def init(order), do: {:ok, order}

              defp via(order), do: {:via, Registry, {Shop.Registry, order}}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/session.ex
            defmodule Shop.Session do
              use GenServer
              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def init(opts) do
                {:ok, reader} = GenServer.start_link(Shop.Reader, self())
                {:ok, workers} = start_workers()
                {:ok, {opts, reader, workers}}
              end

              defp start_workers, do: DynamicSupervisor.start_link(strategy: :one_for_one)
            end
            # file: lib/shop/total.ex
            defmodule Shop.Total do
              def of(items) do
                {:ok, sum} = Agent.start_link(fn -> 0 end)
                Enum.each(items, fn item -> Agent.update(sum, &(&1 + item.price)) end)
                Agent.get(sum, & &1)
              end

              def watched(order) do
                {:ok, pid} = GenServer.start(Shop.Run, order)
                Process.monitor(pid)
              end

              def joined(order) do
                pid =
                  case :gen_server.start({:via, Registry, {Shop.Registry, order.id}}, Shop.Run, order, []) do
                    {:ok, pid} -> pid
                    {:error, {:already_started, pid}} -> pid
                  end

                {pid, Process.monitor(pid)}
              end
            end
            # file: lib/shop/remote.ex
            defmodule Shop.Remote do
              use GenServer
              def start_on(node), do: :erpc.call(node, Shop.Remote, :start, [[]])
              def start(opts), do: GenServer.start(__MODULE__, opts, name: __MODULE__)

              def init(opts), do: {:ok, opts}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/timer.ex
            defmodule Shop.Timer do
              def start(timer), do: %{timer | running: true}
            end
            # file: lib/shop/race.ex
            defmodule Shop.Race do
              alias Shop.Timer

              def run(timer) do
                Timer.start(timer)
                Redix.start_link("redis://localhost")
                start(timer)
              end

              defp start(timer), do: timer
            end
            # file: lib/mix/tasks/shop.seed.ex
            defmodule Mix.Tasks.Shop.Seed do
              use Mix.Task
              def run(_args), do: Agent.start_link(fn -> [] end, name: :seeds)
            end
            # file: test/shop/race_test.exs
            defmodule Shop.RaceTest do
              use ExUnit.Case

              test "starts" do
                GenServer.start(Shop.Remote, [], name: :remote)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for site in sites(module):
                if site.function.kind == "block" and site.call.closure < 0:
                    continue  # what a macro makes of its block, and which process runs it, is out of sight
                judgement = _judge(graph, site)
                if judgement is not None and not is_named_as_start(file.source, site):
                    yield self._finding(file, site, *judgement)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        site = site_at(project.files[finding.path].facts, finding.span)
        if site is None:
            return None
        start, app = start_of(site.call), project.app_of(finding.path)
        if _starts_registry(site):
            named_by_child = is_named_by_child(forest(project), site.module, site.function)
            return None if named_by_child else finding
        if start is None:
            found = _refine_call_of_start(finding, project, site)
            if found is not None and app is not None and app.is_library:
                return structs.replace(found, severity=Severity.HINT)
            return found
        if is_named_by_child(forest(project), site.module, site.function):
            return None
        if runs_on_other_nodes(project, site.module.name):
            return None
        if finding.severity is Severity.HINT and not start.linked:
            return _if_called(finding, project, site)
        if start.linked and is_started_by_application(project, site.module, site.function):
            return None
        if app is not None and app.is_library:
            return structs.replace(finding, severity=Severity.HINT)
        if app is not None and app.packaged and _is_for_users(project, site):
            finding = structs.replace(finding, severity=min(finding.severity, Severity.INFORMATION))
        if _depends_on_tree(finding, start):
            return _unless_in_tree(finding, project, start.module if start.runs_module else site.module.name)
        return finding

    def _finding(self, file: FileView, site: Site, severity: Severity, consequence: str) -> Finding:
        start = start_of(site.call)
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.call.target}` in `{site.function.id}` starts {_what(start)} "
            f"outside the supervision tree: {consequence}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=severity,
            confidence=Confidence.STRONG if consequence is _DIES_WITH_CALLER else Confidence.EXACT,
            fix=FixKind.LLM,
        )


def _judge(graph: CallGraph, site: Site) -> tuple[Severity, str] | None:
    start = start_of(site.call)
    if _starts_registry(site):
        is_own = belongs_to_start(graph, site.function) or site.function.id in callback_chains(graph)
        return None if is_own else (Severity.HINT, _ENDS_WITH_CALLER)
    if start is not None:
        return _judge_linked(graph, site, start) if start.linked else _judge_unlinked(graph, site, start)
    if site.call.name not in ("start", "start_link") or site.call.form == "capture":
        return None
    if site.function.id in callback_chains(graph):
        is_lost = site.call.name == "start_link" and site.call.runs == "here" and _drops_exits(site.module)
        forgotten = thrown_away(site.clause, site.call)
        return (Severity.INFORMATION if forgotten else Severity.HINT, _GOES_UNSEEN) if is_lost else None
    if belongs_to_start(graph, site.function):
        return (Severity.HINT, _LEFT_BEHIND) if _precedes_own_start(site) else None
    return Severity.WARNING, _DIES_WITH_CALLER


def _precedes_own_start(site: Site) -> bool:
    """`{:ok, store} = Store.start_link()` in `start_link`, above the start of the process itself."""
    call = site.call
    if site.function.name != "start_link" or call.name != "start_link" or call.module in ("", "?"):
        return False
    return (
        call.module != site.module.name
        and call.result in ("bound", "subject")
        and any(
            other.name == "start_link"
            and other.result == "returned"
            and other.is_to("GenServer", "start_link")
            for other in site.clause.calls
            if other.head.start > call.head.start
        )
    )


def _starts_registry(site: Site) -> bool:
    return site.call.form == "call" and site.call.is_to("Registry", "start_link")


def _judge_unlinked(graph: CallGraph, site: Site, start: Start) -> tuple[Severity, str] | None:
    if start.constant_name:
        return Severity.WARNING, "after a crash the name is gone until somebody starts it again"
    if tied_by_hand(site.clause, site.call) or _is_monitored_after(site):
        return None
    if belongs_to_start(graph, site.function):
        return (Severity.HINT, "no process learns of its crash") if _is_own_start(site) else None
    return Severity.INFORMATION, "no process learns of its crash"


def _is_own_start(site: Site) -> bool:
    """`def start(order), do: GenServer.start(__MODULE__, order)`: who calls it is asked of the project."""
    return site.function.public and site.function.name == "start" and site.call.result == "returned"


def _is_monitored_after(site: Site) -> bool:
    """The pid comes out of a `case` around the start, and is monitored behind it."""
    return site.call.result == "subject" and any(
        monitors_process(call) and call.head.start > site.call.span.end for call in site.clause.calls
    )


def _judge_linked(graph: CallGraph, site: Site, start: Start) -> tuple[Severity, str] | None:
    chain = callback_chains(graph).get(site.function.id) if site.call.runs == "here" else None
    if chain is not None and start.is_supervisor and _swallows_exits(site.module):
        return Severity.WARNING, "its crash goes unseen, this server traps exits and takes every message"
    if belongs_to_start(graph, site.function):
        return None
    if chain is not None:
        return Severity.HINT, "it is linked to this server, which does not restart it"
    if start.constant_name:
        return Severity.WARNING, _DIES_WITH_CALLER
    if start.name is not None or start.runs_module or thrown_away(site.clause, site.call):
        return Severity.INFORMATION, _DIES_WITH_CALLER
    return None


def _swallows_exits(module: Module) -> bool:
    return (
        bool(kinds(module) & SERVERS)
        and module.complete
        and traps_exits(module)
        and takes_anything(module)
        and not takes_exits(module)
    )


def _drops_exits(module: Module) -> bool:
    """It traps exits, and what comes of them is logged at most, by `use GenServer` or a clause for all."""
    has_clauses = module.function("handle_info", 2) is not None
    return (
        bool(kinds(module) & SERVERS)
        and module.complete
        and traps_exits(module)
        and not takes_exits(module)
        and (takes_anything(module) or not has_clauses)
    )


def _depends_on_tree(finding: Finding, start: Start) -> bool:
    return start.linked and bool(start.constant_name) and finding.confidence is Confidence.STRONG


def _is_for_users(project: Project, site: Site) -> bool:
    """No code of the project starts it: whoever uses the package does, at will."""
    function, name = site.function, site.module.name
    if not function.public or any(True for _ in call_graph(site.module).callers(function)):
        return False
    return not any(
        other.call.module == name and other.call.name == function.name
        for facts in project.naming(name, calling=(function.name,), in_application=True)
        for module in facts.modules
        for other in sites(module)
    )


def _what(start: Start | None) -> str:
    if start is None:
        return "a process"
    if start.constant_name:
        return f"`{start.constant_name}`"
    return f"`{start.module}`" if start.runs_module else "a process"


def _if_called(finding: Finding, project: Project, site: Site) -> Finding | None:
    """Kept when ordinary code calls the module's own `start`, and ties the process to nothing."""
    for caller in outside_calls(project, site.module, [site.function]):
        is_start = belongs_to_start(call_graph(caller.module), caller.function)
        if not is_start and not tied_by_hand(caller.clause, caller.call):
            there = project.module(caller.module.name)
            place = Related(there.path if there else finding.path, caller.call.head, "it is started here")
            return structs.replace(finding, related=(place,))
    return None


def _refine_call_of_start(finding: Finding, project: Project, site: Site) -> Finding | None:
    """Kept when the function called starts a server of this project; a hint without a name of its own."""
    module_name = site.call.module or site.module.name
    entry = project.module(module_name)
    function = entry.module.function(site.call.name, site.call.arity) if entry is not None else None
    if entry is None or function is None:
        return None
    calls = [call for clause in function.clauses for call in clause.calls]
    if belongs_to_start(call_graph(site.module), site.function):
        return finding
    started = [(call, start) for call in calls if (start := start_of(call)) is not None]
    linked = next((call for call, start in started if start.linked), None)
    if site.function.id in callback_chains(call_graph(site.module)):
        return structs.replace(finding, related=_starts_there(entry.path, linked)) if linked else None
    for call, start in started:
        if start.constant_name:
            place = Related(entry.path, call.head, f"registers `{start.constant_name}`")
            return _unless_in_tree(structs.replace(finding, related=(place,)), project, module_name)
    if linked is None or site.call.result in ("bound", "subject") or _is_stopped(site):
        return None  # a helper for a while, which its starter knows
    found = _unless_in_tree(finding, project, module_name)
    related = _starts_there(entry.path, linked)
    return structs.replace(found, severity=Severity.HINT, related=related) if found is not None else None


def _starts_there(path: str, call: Call) -> tuple[Related, ...]:
    return (Related(path, call.head, "the process is started here"),)


def _is_stopped(site: Site) -> bool:
    """The clause stops what it starts, or what stands for it: it has its time, and an end."""
    return any("stop" in call.name or "close" in call.name for call in site.clause.calls)


def _unless_in_tree(finding: Finding, project: Project, module_name: str) -> Finding | None:
    """None when a supervisor starts the module; less sure when the tree is not known to its end."""
    match is_in_tree(project, forest(project), project.app_of(finding.path), module_name):
        case "yes":
            return None
        case "no":
            return finding
        case "unknown":
            return structs.replace(finding, severity=Severity.INFORMATION, confidence=Confidence.HEURISTIC)
