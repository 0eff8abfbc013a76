from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.across_modules.boot import when_run
from otp_genesis_analyzers.across_modules.telemetry_handlers import function_of
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.configuration import Setting, reads_application, setting_of
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.processes.started_work import Work, unending_function
from otp_genesis_analyzers.facts.waits.callback_waits import ends_start
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_WRITES = frozenset(
    {("Application", "put_env"), ("Application", "delete_env"), ("Application", "put_all_env")}
    | {(":application", "set_env"), (":application", "unset_env")}
)
_OF_A_PERSON = frozenset(
    {"Release", "ReleaseTasks", "Cli", "CLI", "Upgrade", "Migration", "Migrations", "Installer"}
)
"""Words in the names of modules that a person runs, once."""
_AT_START = ("init/1", "mount/3", "terminate/2")
_LITERALS = frozenset({"atom", "int", "float", "string", "module"})


class RuntimeEnvAsState(Rule):
    """The application environment is written at run time: a global variable without an owner.

    ## What it does
    Reports `Application.put_env`, `put_all_env` and `delete_env` in functions that run after the start of
    the application. It is a **warning** in the callback of a server, in the action of a controller and in a
    loop without an end, where a value is written again and again. It is **information** where the module
    reads the setting on the way to writing it. In preset `strict` other writes are a **hint**.

    ## Why it matters on the BEAM
    The environment is one table of the whole node. Any process may write it and nobody is told: whoever has
    read the value goes on with the old one. Two that change a part of it in two steps lose one change. What
    was written is in no file, so the next start of the node begins with the old value.

    ## When it is legitimate
    In `Application.start/2`, supervisors, and what only they call; in release tasks, Mix tasks, scripts, hot
    upgrades and tests. For the settings of other applications. For a flag that is set to one literal value
    and never back. None of these is reported; what a server writes while it starts is no warning.

    ## Use instead
    ```elixir
    def enable(flag), do: GenServer.call(__MODULE__, {:put, flag, true})
    def enabled?(flag), do: :ets.lookup(__MODULE__, flag) == [{flag, true}]
    ```
    One process owns the table and writes it, whoever reads does so in its own process.

    ## Fix safety
    There is no deterministic fix: an owner for the state has to be found, and where it is kept.

    ## References
    - https://hexdocs.pm/elixir/Application.html#put_env/4
    - Shown by `tests/beam/application_environment.exs`
    """

    code = "OTP508"
    name = "runtime-env-as-state"
    severity = Severity.INFORMATION
    default_from = Severity.INFORMATION
    anchors = (
        "Application put_env",
        "Application put_all_env",
        "Application delete_env",
        ":application set_env",
        ":application unset_env",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/flags.ex
            defmodule Shop.Flags do
              def enable(flag), do: Application.put_env(:shop, flag, true)
            #                       ^^^^^^^^^^^^^^^^^^^ hint: the environment has no owner

              def disable(flag), do: apply(Application, :put_env, [:shop, flag, false])
            #                        ^^^^^ hint
            end
            # file: lib/shop/admin_live.ex
            defmodule Shop.AdminLive do
              use Phoenix.LiveView

              def handle_event("enable", %{"flag" => flag}, socket) do
                Shop.Flags.enable(String.to_existing_atom(flag))
                Shop.Flags.disable(:other)
                {:noreply, socket}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/replica.ex
            defmodule Shop.Replica do
              use GenServer

              @impl true
              def init(interval), do: {:ok, interval, interval}

              @impl true
              def handle_info(:timeout, interval) do
                set(Shop.Repo.lag() > 5)
                {:noreply, interval, interval}
              end

              defp set(late?), do: Application.put_env(:shop, :replica_late?, late?)
            #                      ^^^^^^^^^^^^^^^^^^^ warning: in `handle_info/2`
            end
            """
        ),
        Example(
            """
            # file: lib/shop/uplink.ex
            defmodule Shop.Uplink do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts, {:continue, :find_host}}

              @impl true
              def handle_continue(:find_host, opts) do
                Application.put_env(:shop, :host, Shop.Hosts.nearest(opts))
            #   ^^^^^^^^^^^^^^^^^^^ hint
                {:noreply, opts}
              end

              def handle_continue(:find_port, opts) do
                Application.put_env(:shop, :port, Shop.Hosts.port(opts))
            #   ^^^^^^^^^^^^^^^^^^^ warning: in `handle_continue/2`
                {:noreply, opts}
              end

              @impl true
              def handle_info(:moved, opts), do: {:noreply, opts, {:continue, :find_port}}
            end
            # file: lib/shop/nodes.ex
            defmodule Shop.Nodes do
              use Task

              def start_link(_opts), do: Task.start_link(&refresh/0)

              defp refresh do
                Application.put_env(:shop, :nodes, Enum.uniq(Shop.Registry.nodes()))
            #   ^^^^^^^^^^^^^^^^^^^ warning: nobody is told of a change
                Process.sleep(300_000)
                refresh()
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop_web/login_controller.ex
            defmodule ShopWeb.LoginController do
              use ShopWeb, :controller

              def show(conn, _params) do
                if Application.get_env(:shop, :token) == nil, do: fetch_token()
                render(conn, "show.html")
              end

              def tune(limit), do: Application.put_env(:shop, :limit, limit)
            #                      ^^^^^^^^^^^^^^^^^^^ hint: nobody is told of a change

              defp fetch_token do
                Application.put_env(:shop, :token, Shop.Auth.token())
            #   ^^^^^^^^^^^^^^^^^^^ warning: in `show/2` reads and writes `:shop, :token`
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/prices.ex
            defmodule Shop.Prices do
              alias Application, as: App

              def discount(key, value) do
                discounts = App.get_env(:shop, :discounts, %{})
                App.put_env(:shop, :discounts, Map.put(discounts, key, value))
            #   ^^^^^^^^^^^ information: reads and writes `:shop, :discounts` in two steps
              end
            end
            # file: lib/shop/topics.ex
            defmodule Shop.Topics do
              @app :shop
              @key :topics

              def add(topic), do: save([topic | all()])
              def remove(topic), do: all() |> List.delete(topic) |> save()
              def all, do: Application.get_env(@app, @key, [])

              defp save(topics), do: Application.put_env(@app, @key, topics, persistent: true)
            #                        ^^^^^^^^^^^^^^^^^^^ information: reads and writes `:shop, :topics`
            end
            """
        ),
        Example(
            """
            # file: lib/shop/mode.ex
            defmodule Shop.Mode do
              def open, do: Application.put_env(:shop, :mode, :open)
            #               ^^^^^^^^^^^^^^^^^^^ hint: `Application.put_env/3`

              def closed, do: Application.put_env(:shop, :mode, :closed)
            #                 ^^^^^^^^^^^^^^^^^^^ hint
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                Application.put_env(:shop, :started_at, DateTime.utc_now())
                Shop.Setup.folders()
                Supervisor.start_link([], strategy: :one_for_one)
              end
            end
            # file: lib/shop/setup.ex
            defmodule Shop.Setup do
              def folders do
                put(:tmp, Path.expand(Application.get_env(:shop, :tmp)))
              end

              defp put(key, value), do: Application.put_env(:shop, key, value)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/repo.ex
            defmodule Shop.Repo do
              use Ecto.Repo, otp_app: :shop, adapter: Ecto.Adapters.Postgres

              @impl true
              def init(_type, config) do
                Application.put_env(:shop, :database, config[:database])
                {:ok, config}
              end
            end
            # file: lib/shop/release.ex
            defmodule Shop.Release do
              def migrate(opts), do: Application.put_env(:shop, :mode, opts[:mode])
            end
            # file: lib/shop/hot_upgrade.ex
            defmodule Shop.HotUpgrade do
              def reload(config), do: Application.put_all_env(config)
            end
            # file: lib/mix/tasks/shop.seed.ex
            defmodule Mix.Tasks.Shop.Seed do
              use Mix.Task
              def run(args), do: Application.put_env(:shop, :args, args)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/maintenance.ex
            defmodule Shop.Maintenance do
              def begin, do: Application.put_env(:shop, :maintenance, true)
              def colours(on?), do: Application.put_env(:elixir, :ansi_enabled, on?)
            end
            """
        ),
        Example(
            """
            # file: test/support/config.ex
            defmodule Shop.ConfigHelper do
              def put(key, value), do: Application.put_env(:shop, key, value)
            end
            # file: config/runtime.exs
            Application.put_env(:shop, :url, System.fetch_env!("URL"))
            # file: mix.exs
            defmodule Shop.MixProject do
              use Mix.Project

              def project, do: [app: :shop, version: "0.1.0"]
              def application, do: [mod: {Shop.Application, []}]
            end
            """
        ),
        Example(
            """
            # file: lib/shop/read.ex
            defmodule Shop.Read do
              def url, do: Application.get_env(:shop, :url)

              defmacro configure(key, value) do
                quote do: Application.put_env(:shop, unquote(key), unquote(value))
              end

              def put_env(key, value), do: :ets.insert(__MODULE__, {key, value})
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if not _is_of_a_person(module) and not kinds(module) & {"Application", "Supervisor"}:
                yield from self._in_module(file, module)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        found = function_of(project, finding)
        app = project.app_of(finding.path)
        if found is None:
            return finding
        calls = (call for clause in found[1].clauses for call in clause.calls if _writes(call))
        written = next((setting_of(call) for call in calls if call.head == finding.span), Setting("", ""))
        own = {other.name for other in project.apps} | {""}
        if app is not None and app.name and written.app not in own:
            return None
        if finding.severity is Severity.WARNING:
            return finding
        return None if when_run(project, *found) == "at boot" else finding

    def _in_module(self, file: FileView, module: Module) -> Iterator[Finding]:
        writes = [site for site in sites(module) if _writes(site.call)]
        if not writes:
            return
        graph = call_graph(module)
        chains, requests = callback_chains(graph), _in_requests(graph)
        for site in writes:
            if _is_one_way(site, writes):
                continue
            callback = chains.get(site.function.id, ("",))[0]
            starts = callback in _AT_START or ends_start(file.source, module, site.function, site.clause)
            callback = "" if starts else callback or requests.get(site.function.id, "")
            where = f" in `{callback}`" if callback else ""
            again = bool(where) or unending_function(graph, Work(functions=(site.function,))) is not None
            read = _read_on_the_way(graph, site)
            if starts or _is_literal(site) or not (again or read):
                severity = Severity.HINT
            else:
                severity = Severity.WARNING if again else self.severity
            yield self._finding(file, site, where, severity, read)

    def _finding(
        self, file: FileView, site: Site, where: str, severity: Severity, read: Call | None
    ) -> Finding:
        setting = setting_of(site.call)
        related: tuple[Related, ...] = ()
        if read is not None:
            words = (
                f"reads and writes `{setting.shown}` in two steps, and two processes that do so lose a change"
            )
            related = (Related(file.facts.path, read.head, "it is read here"),)
        else:
            words = (
                "makes a global variable of it: the environment has no owner, and nobody is told of a change"
            )
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.call.target}`{where} {words}. Let one process own it, in an ETS table for its readers",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=severity,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=related,
        )


def _read_on_the_way(graph: CallGraph, site: Site) -> Call | None:
    """Where a function that comes to the write reads the same setting, itself or through another one."""
    setting = setting_of(site.call)
    if not setting.app or not setting.key:
        return None
    for function in graph.module.functions:
        reached = graph.reached([function])
        if site.function.id in reached:
            clauses = (clause for name in reached for clause in graph.functions[name].clauses)
            calls = (call for clause in clauses for call in clause.calls)
            reads = (call for call in calls if reads_application(call) and setting_of(call) == setting)
            if (read := next(reads, None)) is not None:
                return read
    return None


def _in_requests(graph: CallGraph) -> dict[str, str]:
    """The functions that answer requests, and what these go through, with the action they come from."""
    if not kinds(graph.module) & {"Controller", "Plug"}:
        return {}
    actions = [
        function
        for function in graph.module.functions
        if function.public and function.arity == 2 and _takes_connection(function)
    ]
    return {reached: action.id for action in actions for reached in graph.reached([action])}


def _takes_connection(function: Function) -> bool:
    first = [clause.head[0] for clause in function.clauses if clause.head]
    return any(part.kind == "variable" and part.value == "conn" for term in first for part in term.walk())


def _is_of_a_person(module: Module) -> bool:
    return any(part.endswith(tuple(_OF_A_PERSON)) for part in module.name.split("."))


def _writes(call: Call) -> bool:
    return call.form != "capture" and (call.module, call.name) in _WRITES


def _is_literal(site: Site) -> bool:
    return len(site.call.args) > 2 and site.call.args[2].kind in _LITERALS


def _is_one_way(site: Site, writes: list[Site]) -> bool:
    """A named setting gets the one literal value that the module ever gives it."""
    setting = setting_of(site.call)
    if not setting.key or not _is_literal(site):
        return False
    others = [other.call.args[2:3] for other in writes if setting_of(other.call) == setting]
    return all(value == site.call.args[2:3] for value in others)
