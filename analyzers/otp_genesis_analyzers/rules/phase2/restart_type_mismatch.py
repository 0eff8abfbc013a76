from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.lasting_work import may_last, work_of
from otp_genesis_analyzers.facts.processes.restart_types import (
    Mismatch,
    RestartMismatch,
    declared_mismatches,
    listed_mismatches,
    work_behind,
)
from otp_genesis_analyzers.facts.processes.started_work import Work
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.supervision import forest

_SNIPPETS: dict[Mismatch, str] = {
    "ends": "restart: :permanent",
    "stays away": "restart: :temporary",
    "does not start": "significant: true",
}


class RestartTypeMismatch(Rule):
    """A process says when it is to be started again, and that does not fit what it does.

    ## What it does
    Reports three mistakes, each a **warning**: a task with `restart: :permanent` whose work comes to an end,
    also one in a child map that says no `:restart`; a server with `restart: :temporary` that is
    registered by a name and is a fixed child of a supervisor; a child with `significant: true` in a
    supervisor without `:auto_shutdown`. A server with a name that answers no calls is **information**.

    ## Why it matters on the BEAM
    A permanent child is started again whenever it ends, in good order too: a task that is done is done again
    at once, until the supervisor has restarted too often and ends, and with it perhaps the
    application. A temporary child is never started again: after its first crash nobody answers to its name.
    A significant child needs a supervisor that may shut down because of it; without one the
    supervisor does not start.

    ## When it is legitimate
    A task that loops, waits for messages or sleeps for ever, and children of a `DynamicSupervisor`, which are
    many and come and go. A server that stops itself or may say `:ignore` is a step of the start, and is not
    reported. What a child list itself says of a server was meant.

    ## Use instead
    ```elixir
    defmodule Shop.Import do
      use Task, restart: :transient

      def start_link(path), do: Task.start_link(__MODULE__, :run, [path])
    end
    ```
    Started again when it fails, not when it is done. `use Task` alone means `:temporary`.

    ## Fix safety
    Unsafe: a task becomes `:transient`, a server `:permanent`. A server that keeps crashing may then end its
    supervisor. Where a child is significant, which children may end their supervisor is a decision.

    ## References
    - https://hexdocs.pm/elixir/Supervisor.html#module-restart-values-restart
    - https://hexdocs.pm/elixir/Task.html
    - tests/beam/restart_types.exs
    """

    code = "OTP207"
    name = "restart-type-mismatch"
    severity = Severity.WARNING
    anchors = (
        "Task permanent start_link",
        "temporary start_link",
        "temporary init(",
        "temporary handle_",
        "Task Supervisor start_link",
        "Task Supervisor init",
        "significant start_link",
        "significant init",
    )
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Import do
              use Task, restart: :permanent
            #                    ^^^^^^^^^^ warning: its work comes to an end

              def start_link(path), do: Task.start_link(__MODULE__, :run, [path])

              def run(path) do
                path |> File.stream!() |> Enum.each(&Shop.Orders.insert/1)
              end
            end
            """,
            fixed="""
            defmodule Shop.Import do
              use Task, restart: :transient

              def start_link(path), do: Task.start_link(__MODULE__, :run, [path])

              def run(path) do
                path |> File.stream!() |> Enum.each(&Shop.Orders.insert/1)
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  Shop.Prices,
                  Supervisor.child_spec({Task, fn -> Shop.Pages.warm() end}, restart: :permanent),
            #                                                                         ^^^^^^^^^^ warning
                  %{id: :seeds, start: {Task, :start_link, [&seed/0]}}
            #                           ^^^^ warning: says no `:restart`, which means `:permanent`
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end

              defp seed, do: Enum.each(Shop.Seeds.all(), &Shop.Repo.insert!/1)
            end
            # file: lib/shop/prices.ex
            defmodule Shop.Prices do
              use GenServer, restart: :temporary
            #                         ^^^^^^^^^^ warning: nobody answers to its name

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def init(opts), do: {:ok, opts}
              def handle_call(:prices, _from, state), do: {:reply, state, state}
            end
            """,
            fixed="""
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  Shop.Prices,
                  Supervisor.child_spec({Task, fn -> Shop.Pages.warm() end}, restart: :transient),
                  %{id: :seeds, start: {Task, :start_link, [&seed/0]}, restart: :transient}
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end

              defp seed, do: Enum.each(Shop.Seeds.all(), &Shop.Repo.insert!/1)
            end
            # file: lib/shop/prices.ex
            defmodule Shop.Prices do
              use GenServer, restart: :permanent

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def init(opts), do: {:ok, opts}
              def handle_call(:prices, _from, state), do: {:reply, state, state}
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/meters.ex
            defmodule Shop.Meters do
              use Supervisor

              alias Shop.Meter

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)

              def init(_opts) do
                Supervisor.init(
                  [
                    Meter,
                    %{id: :pump, start: {Shop.Pump, :start_link, [[]]}, significant: true}
            #                                                                        ^^^^ warning: not start
                  ],
                  strategy: :one_for_one
                )
              end
            end
            # file: lib/shop/meter.ex
            defmodule Shop.Meter do
              use GenServer, shutdown: 1_000, restart: :temporary
            #                                          ^^^^^^^^^^ information: is never started again

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: :meter)
              def init(_opts), do: {:ok, 0}
              def handle_info(:tick, count), do: {:noreply, count + 1}
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Poll do
              use Task, restart: :permanent

              def start_link(url), do: Task.start_link(__MODULE__, :run, [url])

              def run(url) do
                Shop.Feed.fetch(url)
                Process.sleep(1_000)
                run(url)
              end
            end

            defmodule Shop.Listener do
              use Task, restart: :permanent

              def start_link(_opts), do: Task.start_link(fn -> hear() end)

              defp hear do
                receive do
                  :stop -> :ok
                end
              end
            end

            defmodule Shop.Ticker do
              use Task, restart: :permanent

              def start_link(_opts), do: Task.start_link(&run/0)
              def run, do: Stream.interval(1_000) |> Enum.each(&Shop.Clock.tick/1)
            end

            defmodule Shop.Acceptor do
              use Task, restart: :permanent

              def start_link(socket), do: Task.start_link(Shop.Wire, :serve, [socket])
            end
            """
        ),
        Example(
            """
            defmodule Shop.Import do
              use Task, restart: :transient

              def start_link(path), do: Task.start_link(__MODULE__, :run, [path])
              def run(path), do: File.read!(path)
            end

            defmodule Shop.Warm do
              use Task

              def start_link(_opts), do: Task.start_link(fn -> Shop.Pages.warm() end)
            end

            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [
                  {Task, fn -> Shop.Pages.warm() end},
                  Shop.Import,
                  Shop.Warm,
                  %{id: :once, start: {Task, :start_link, [fn -> Shop.Pages.warm() end]}, restart: :temporary}
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/tables.ex
            defmodule Shop.Tables do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)

              def init(_opts) do
                children = [{DynamicSupervisor, name: Shop.TableSupervisor}, Shop.Migrate, Shop.Optional]
                Supervisor.init(children, strategy: :one_for_one)
              end

              def open(id), do: DynamicSupervisor.start_child(Shop.TableSupervisor, {Shop.Table, id})
            end
            # file: lib/shop/table.ex
            defmodule Shop.Table do
              use GenServer, restart: :temporary

              def start_link(_id), do: GenServer.start_link(__MODULE__, nil, name: Shop.Table)
              def init(_opts), do: {:ok, nil}
              def handle_call(:get, _from, state), do: {:reply, state, state}
            end
            # file: lib/shop/migrate.ex
            defmodule Shop.Migrate do
              use GenServer, restart: :temporary

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
              def init(_opts), do: {:ok, nil, {:continue, :run}}
              def handle_continue(:run, state), do: {:stop, :normal, Shop.Release.migrate(state)}
            end
            # file: lib/shop/optional.ex
            defmodule Shop.Optional do
              use GenServer, restart: :temporary

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
              def init(_opts), do: if(Shop.enabled?(), do: {:ok, nil}, else: :ignore)
              def handle_call(:get, _from, state), do: {:reply, state, state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/watch.ex
            defmodule Shop.Watch do
              use Task, restart: :permanent

              def start_link(_opts), do: Task.start_link(fn -> Shop.Feed.read_all(1) end)
            end
            # file: lib/shop/feed.ex
            defmodule Shop.Feed do
              def read_all(page) do
                Shop.Orders.insert(page)
                Process.sleep(60_000)
                read_all(page + 1)
              end
            end
            # file: lib/shop/pumps.ex
            defmodule Shop.Pumps do
              use Supervisor

              def init(_opts) do
                Supervisor.init(
                  [%{id: :pump, start: {Shop.Pump, :start_link, []}, restart: :transient, significant: true}],
                  strategy: :one_for_one,
                  auto_shutdown: :any_significant
                )
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
                children = [Supervisor.child_spec(Shop.Prices, restart: :permanent), Shop.Anonymous]
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/prices.ex
            defmodule Shop.Prices do
              use GenServer, restart: :temporary

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_call(:prices, _from, state), do: {:reply, state, state}
            end
            # file: lib/shop/anonymous.ex
            defmodule Shop.Anonymous do
              use GenServer, restart: :temporary

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
              def init(opts), do: {:ok, opts}
              def handle_call(:get, _from, state), do: {:reply, state, state}
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            if not module.complete:
                continue
            for mismatch in declared_mismatches(file.source, graph):
                yield self._finding(file, module, mismatch)
            for children in module.child_lists:
                if children.kind == "static":
                    for mismatch in listed_mismatches(file.source, graph, children):
                        yield self._finding(file, module, mismatch)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """A server is judged where it stands in the tree, a task by what it calls in other modules."""
        module = next(
            module
            for module in reversed(project.files[finding.path].facts.modules)
            if module.span.contains(finding.span)
        )
        if finding.snippet == _SNIPPETS["stays away"]:
            return _as_fixed_child(finding, project, module)
        if finding.snippet == _SNIPPETS["ends"]:
            app = project.app_of(finding.path)
            work = work_behind(call_graph(module), finding.span)
            if (app is not None and not project.complete(app)) or (
                work and _goes_on_elsewhere(project, work)
            ):
                return None
            return None if _only_dynamic(project, module, finding) else finding
        return finding

    def _finding(self, file: FileView, module: Module, mismatch: RestartMismatch) -> Finding:
        answers = module.function("handle_call", 3) is not None or any(
            u.module == "Agent" for u in module.uses
        )
        quiet = mismatch.kind == "stays away" and not answers
        return self.report(
            file.facts.path,
            mismatch.span,
            _message(module, mismatch),
            snippet=_SNIPPETS[mismatch.kind],
            scope=module.name,
            severity=Severity.INFORMATION if quiet else Severity.WARNING,
            confidence=Confidence.STRONG,
            fix=None if mismatch.kind == "does not start" else FixKind.UNSAFE,
        )


def _message(module: Module, mismatch: RestartMismatch) -> str:
    match mismatch.kind:
        case "ends":
            says = "is `:permanent`" if mismatch.written else "says no `:restart`, which means `:permanent`"
            return (
                f"the task {says}, and its work comes to an end: its supervisor starts it again and again, "
                "until it gives up; make it `:transient`"
            )
        case "stays away":
            return (
                f"`{module.name}` is never started again: after its first crash nobody answers to its name; "
                "make it `:permanent`"
            )
        case "does not start":
            return (
                "a significant child needs a supervisor with `:auto_shutdown`: without it the supervisor "
                "does not start"
            )


def _as_fixed_child(finding: Finding, project: Project, module: Module) -> Finding | None:
    """Kept where a static list takes the server as its `use` has it."""
    for node, child in forest(project).started.get(module.name, ()):
        if (
            node.children.kind == "static"
            and child.module == module.name
            and not (child.restart or child.start)
        ):
            place = Related(node.path, child.span, f"a fixed child of `{node.module.name}`")
            return structs.replace(finding, related=(place,))
    return None


def _only_dynamic(project: Project, module: Module, finding: Finding) -> bool:
    """Every place that starts the module does so with `start_child`, or says another `:restart`."""
    if any(child.span.contains(finding.span) for listing in module.child_lists for child in listing.children):
        return False
    places = forest(project).started.get(module.name, ())
    return bool(places) and all(
        node.children.kind != "static" or child.restart not in ("", "permanent") for node, child in places
    )


def _goes_on_elsewhere(project: Project, work: Work) -> bool:
    """A function of another module of the project that the task calls may not come back."""
    for call in work.calls:
        found = project.callee(call)
        if found is not None:
            entry, function = found
            graph = call_graph(entry.module)
            inner = work_of(graph, function)
            if inner.calls and may_last(graph, inner):
                return True
    return False
