from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.across_modules.waits_elsewhere import WaitElsewhere, waits_elsewhere
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.comments import says_on_purpose
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, Kind, kinds
from otp_genesis_analyzers.facts.state.deferrable_init import deferrable_init
from otp_genesis_analyzers.facts.state.server_returns import starts_nothing
from otp_genesis_analyzers.facts.waits.callback_waits import (
    CallbackWait,
    callback_waits,
    continues_later,
    far_waits,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Source

_STARTED_BY_SUPERVISORS = SERVERS | frozenset[Kind](("Supervisor",))


class BlockingInit(Rule):
    """A server's `init` waits for a network, a command or another process.

    ## What it does
    Reports calls that wait, in the `init/1` of a server or a supervisor and in the functions of the module
    that it goes through: HTTP clients, TCP and TLS connects, system commands, `:rpc` and `:erpc` without a
    timeout, sleeps of 100 ms and more, `Task.await`, `GenServer.call` to a process that an argument holds.
    These are **warnings**. A wait of unknown length is **information**; a database query, a call whose
    failure is caught, and a wait that a comment calls intended, is a **hint**. Functions of other modules of
    the project are followed too: a network, a command, another node, a task or a sleep that such a function
    always waits for is a **warning**, one that it waits for in some cases is **information**, and so is the
    connection of a process that a library or a published package has for its users.

    ## Why it matters on the BEAM
    `start_link` returns when `init/1` has. A supervisor starts its children one after the other, so that
    all that come later wait, at boot and at each restart. A failure in `init/1` fails the start: a service
    that is away for a minute can keep the application from booting.

    ## When it is legitimate
    Where the children that follow must not run without the result: say so in a comment above it (`on
    purpose`, `by design`, `fail fast`, `must … before`), or suppress the finding with that reason.
    Local work (making a folder, an ETS table, reading the configuration) is not reported, nor is what a task
    or a new process does, nor the connect to a local socket, nor an `init/1` that gives `:ignore`: a step of
    the boot, in its place among the children.

    ## Use instead
    ```elixir
    def init(opts), do: {:ok, opts, {:continue, :load}}

    def handle_continue(:load, opts), do: {:noreply, Rates.fetch(opts)}
    ```
    The first message is taken after `handle_continue/2` has ended.

    ## Fix safety
    Unsafe, and only for an `init/1` that is statements and one `{:ok, state}` at the end. The first statement
    that waits, and all after it, become a clause of `handle_continue/2`. The start then succeeds before the
    work is done: what relied on its result at boot must ask the server. A failure restarts the server
    instead of failing its start, and `terminate/2` may be given the state from before the work.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:init/1
    - https://hexdocs.pm/elixir/GenServer.html#c:handle_continue/2
    - Shown by `tests/beam/init_holds_the_start.exs`
    """

    code = "OTP303"
    name = "blocking-init"
    severity = Severity.WARNING
    project_wide = True
    anchors = ("init(",)
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Rates do
              use GenServer

              @impl true
              def init(opts), do: {:ok, Req.get!(opts[:url]).body}
            #                           ^^^^^^^^ warning: its supervisor starts nothing else meanwhile

              @impl true
              def handle_call(:rates, _from, rates), do: {:reply, rates, rates}
            end

            defmodule Shop.Printer do
              use GenServer

              def init(opts) do
                Process.flag(:trap_exit, true)
                url = opts[:url]
                state = %{url: url, queue: []}
                # The printer may be asleep.
                wake(url)
            #   ^^^^ warning: waits for a connection in `:gen_tcp.connect/3`, reached through `wake/1`
                {:ok, state}
              end

              def handle_continue(:rest, state), do: {:noreply, state}

              defp wake(url) do
                {:ok, socket} = :gen_tcp.connect(url, 9100, [])
            #                   ^^^^^^^^^^^^^^^^ hint: `init/1` waits for a connection here
                :gen_tcp.close(socket)
              end
            end
            """,
            fixed="""
            defmodule Shop.Rates do
              use GenServer

              @impl true
              def init(opts), do: {:ok, nil, {:continue, {:load, opts}}}

              @impl true
              def handle_continue({:load, opts}, _state) do
                {:noreply, Req.get!(opts[:url]).body}
              end

              @impl true
              def handle_call(:rates, _from, rates), do: {:reply, rates, rates}
            end

            defmodule Shop.Printer do
              use GenServer

              def init(opts) do
                Process.flag(:trap_exit, true)
                url = opts[:url]
                state = %{url: url, queue: []}
                {:ok, state, {:continue, {:load, url}}}
              end

              def handle_continue({:load, url}, state) do
                # The printer may be asleep.
                wake(url)
                {:noreply, state}
              end

              def handle_continue(:rest, state), do: {:noreply, state}

              defp wake(url) do
                {:ok, socket} = :gen_tcp.connect(url, 9100, [])
                :gen_tcp.close(socket)
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Fleet do
              use Supervisor

              def init(opts) do
                cars = HTTPoison.get!(opts[:url])
            #          ^^^^^^^^^^^^^^ warning: waits for an HTTP answer
                Supervisor.init(Enum.map(cars, &{Shop.Car, &1}), strategy: :one_for_one)
              end
            end

            defmodule Shop.Door do
              use GenServer

              def init(opts) do
                if opts[:late] do
                  :timer.sleep(500)
            #     ^^^^^^^^^^^^ warning: a sleep of 500 ms
                end

                case System.cmd("ls", ["/dev/door"]) do
            #        ^^^^^^^^^^ warning: a system command
                  {_, 0} -> {:ok, opts}
                  _ -> :ignore
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Board do
              use GenServer

              def init(opts) do
                Process.sleep(opts[:pause])
            #   ^^^^^^^^^^^^^ information: waits for a sleep
                {:ok, %{rows: Shop.Repo.all(Shop.Row), peer: join(opts[:peer])}, 5_000}
            #                 ^^^^^^^^^^^^^ hint: the database
            #                                                ^^^^ warning: another process
              end

              defp join(pid), do: GenServer.call(pid, :join)
            end

            defmodule Shop.Till do
              use GenServer

              def init(opts) do
                # The children behind us need the till: fail fast without it.
                {:ok, socket} = :gen_tcp.connect(opts[:host], 9100, [])
            #                   ^^^^^^^^^^^^^^^^ hint: a connection
                {:ok, Enum.map(opts[:peers], &join/1) ++ Enum.map(opts[:urls], &Req.get!/1) ++ [socket]}
            #                                ^^^^^^^ warning: another process
            #                                                                  ^^^^^^^^^^^ warning: HTTP
              end

              defp join(pid), do: GenServer.call(pid, :join)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              use GenServer
              alias Shop.Bank

              def init(opts), do: {:ok, load(opts)}
            #                           ^^^^ warning: reached through `Shop.Bank.rates/1`

              defp load(opts), do: if(opts[:load], do: Bank.rates(opts[:url]))
            end

            defmodule Shop.Fleet do
              use Supervisor

              def init(opts) do
                cars = Keyword.get_lazy(opts, :cars, &list/0)
            #                                        ^^^^^^^ information: `init/1` may wait for an HTTP answer
                Supervisor.init(Enum.map(cars, &{Shop.Car, &1}), strategy: :one_for_one)
              end

              defp list, do: Shop.Cars.list()
            end
            # file: lib/shop/bank.ex
            defmodule Shop.Bank do
              defdelegate rates(url), to: __MODULE__.Client, as: :fetch
            end

            defmodule Shop.Bank.Client do
              import Shop.Web, only: [get: 1]

              def fetch(url) do
                case get(url) do
                  {:ok, body} -> body
                  _ -> []
                end
              end
            end

            defmodule Shop.Cars do
              def list do
                with {:ok, url} <- Application.fetch_env(:shop, :cars), do: Shop.Web.get(url)
              end
            end
            # file: lib/shop/web.ex
            defmodule Shop.Web do
              def get(url), do: Tesla.get(client(), url)

              defp client, do: Tesla.client([])
            end
            """
        ),
        Example(
            """
            defmodule Shop.Nodes do
              use GenServer

              def init(%{nodes: nil} = state), do: init(%{state | nodes: []})
              def init(state), do: {:ok, load(state)}
            #                            ^^^^ warning: waits for an HTTP answer

              defp load(state), do: %{state | nodes: Req.get!(state.url).body}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/nodes.ex
            defmodule Shop.Nodes do
              use GenServer

              def init(opts), do: {:ok, live(opts[:urls])}
            #                           ^^^^ information: may wait for a task in `Task.yield/2`

              defp live(urls), do: urls |> Shop.Parallel.map(&Shop.Node.height/1) |> Enum.max()
            end
            # file: lib/shop/parallel.ex
            defmodule Shop.Parallel do
              def map(items, fun) do
                items
                |> Enum.map(&Task.async(fn -> fun.(&1) end))
                |> Enum.map(&(Task.yield(&1, 15_000) || Task.shutdown(&1)))
              end
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Post.MixProject do
              use Mix.Project
              def project, do: [app: :post, version: "1.0.0", package: [licenses: ["MIT"]]]
              def application, do: [extra_applications: [:logger]]
            end
            # file: lib/post.ex
            defmodule Post do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(opts) do
                case :gen_tcp.connect(opts[:host], 25, [:binary]) do
            #        ^^^^^^^^^^^^^^^^ information: waits for a connection
                  {:ok, socket} -> {:ok, socket}
                  {:error, reason} -> {:stop, reason}
                end
              end
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Post.MixProject do
              use Mix.Project

              def project, do: [app: :post, version: "1.0.0", package: [licenses: ["MIT"]]]
            end
            # file: lib/post/connection.ex
            defmodule Post.Connection do
              use GenServer

              def init(opts), do: {:ok, Post.Transport.open(opts)}
              #                         ^^^^^^^^^^^^^^^^^^^ information: waits for a connection
            end
            # file: lib/post/transport.ex
            defmodule Post.Transport do
              def open(opts), do: :gen_tcp.connect(opts[:host], 25, [])
            end
            """
        ),
        Example(
            """
            defmodule Shop.Changes do
              use GenServer

              @impl true
              def init(opts) do
                {:ok, connection} = :epgsql.connect(opts[:database])
            #                       ^^^^^^^^^^^^^^^ warning: waits for a connection
                {:ok, connection}
              end
            end

            defmodule Shop.Directory do
              use GenServer

              @impl true
              def init(opts) do
                {:ok, handle} = :eldap.open(opts[:hosts])
            #                   ^^^^^^^^^^^ warning: waits for a connection
                {:ok, handle}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              use GenServer

              def init(opts) do
                Task.Supervisor.start_child(Shop.Tasks, fn -> Shop.Bank.rates(opts) end)
                {:ok, {Shop.Bank.name(), Shop.Bank.open(opts), Shop.Bank.list()}, {:continue, :load}}
              end

              def handle_continue(:load, opts), do: {:noreply, Shop.Bank.rates(opts)}
            end
            # file: lib/shop/bank.ex
            defmodule Shop.Bank do
              def rates(url), do: Req.get!(url).body
              def name, do: "bank"
              def list, do: Shop.Repo.all(Shop.Rate)
              def open(opts), do: Task.async(fn -> rates(opts) end)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Rates do
              use GenServer

              def init(opts), do: {:ok, nil, {:continue, {:load, opts}}}

              def handle_continue({:load, opts}, _state), do: {:noreply, Req.get!(opts[:url]).body}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Files do
              use GenServer

              @pause 50

              def init(opts) do
                File.mkdir_p!(opts[:folder])
                :ets.new(:shop_files, [:named_table])
                Process.sleep(@pause)
                {:ok, socket} = :gen_tcp.connect({:local, "/run/shop"}, 0, [])
                mode = Application.fetch_env!(:shop, :mode)
                {:ok, %{socket: socket, mode: mode, sleep: &Process.sleep/1, opts: opts}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Loader do
              use GenServer

              def init(opts) do
                task = Task.async(fn -> Req.get!(opts[:url]) end)
                Process.send_after(self(), :again, 60_000)
                :timer.apply_after(100, fn -> System.cmd("sync", []) end)
                {:ok, %{task: task, ask: fn pid -> GenServer.call(pid, :ask) end}}
              end

              def handle_info({ref, _answer}, state) when is_reference(ref), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Auth do
              @moduledoc "A plug: its `init/1` starts no process."
              @behaviour Plug

              def init(opts), do: Keyword.put(opts, :keys, Req.get!(opts[:url]).body)
              def call(conn, _opts), do: conn
            end
            # file: test/support/slow.ex
            defmodule Shop.Slow do
              use GenServer

              def init(opts) do
                Process.sleep(1_000)
                {:ok, opts}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Ledger do
              use GenServer

              # otp-genesis:ignore OTP303 -- nothing may be sold before the books are open
              def init(opts), do: {:ok, Req.get!(opts[:url]).body}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/disk_check.ex
            defmodule Shop.DiskCheck do
              @moduledoc "A step of the boot, in its place among the children: no process comes of it."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(opts) do
                case System.cmd("mount", ["-a"]) do
                  {_, 0} ->
                    Process.sleep(500)
                    :ignore

                  {_, status} ->
                    {:stop, {:mount, status, opts}}
                end
              end
            end

            defmodule Shop.Alarm do
              use GenServer

              def init(opts) do
                on_ring = Keyword.get(opts, :on_ring, &call_home/1)
                {:ok, Map.put(Map.new(opts), :on_ring, on_ring)}
              end

              defp call_home(alarm), do: Req.post!("https://example.org/alarm", json: alarm)
            end

            defmodule Shop.Licence do
              use GenServer

              def init(opts) do
                unless File.exists?(opts[:licence]) do
                  IO.puts("no licence")
                  Process.sleep(1_000)
                  System.halt(1)
                end

                {:ok, opts}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/benchmarks/client.ex
            defmodule Shop.Benchmarks.Client do
              use GenServer

              def init(opts) do
                {:ok, socket} = :gen_tcp.connect(opts[:host], 80, [])
                {:ok, socket}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            init = module.function("init", 1)
            if init is None or not init.public or not kinds(module) & _STARTED_BY_SUPERVISORS:
                continue
            if starts_nothing(file.source, init):
                continue
            graph = call_graph(module)
            for wait in callback_waits(graph, init):
                yield self._finding(file, module, wait)
            there = {wait.found.call.head: wait for wait in far_waits(file.source, graph, init)}
            for wait in there.values():
                yield self._there(file, module, wait)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        if finding.severity is not Severity.WARNING or not _is_for_others(project, finding.path):
            return finding
        facts = project.files[finding.path].facts
        is_connection = any(
            wait.call.head == finding.span and wait.found.wait.kind == "connect"
            for module in facts.modules
            if (init := module.function("init", 1)) is not None
            for wait in callback_waits(call_graph(module), init)
        )
        return structs.replace(finding, severity=Severity.INFORMATION) if is_connection else finding

    def check_project(self, project: Project) -> Iterable[Finding]:
        for wait in waits_elsewhere(project):
            if wait.callback.id != "init/1" or not kinds(wait.module) & _STARTED_BY_SUPERVISORS:
                continue
            shown = (found.span for found in project.files[wait.path].findings if found.code == self.code)
            if wait.call.head not in shown:
                found = self._elsewhere(wait)
                is_connection = wait.far.wait.kind == "connect" and _is_for_others(project, wait.path)
                yield structs.replace(found, severity=Severity.INFORMATION) if is_connection else found

    def _elsewhere(self, wait: WaitElsewhere) -> Finding:
        far, itself = wait.far, wait.far.call is wait.call
        behind = "" if itself else f", reached through `{wait.out.target}`"
        there = Related(far.path, far.call.head, f"waits for {far.wait.words} here")
        return self.report(
            wait.path,
            wait.call.head,
            f"`init/1` {'waits' if far.certain else 'may wait'} for {far.wait.words} in `{far.call.target}`"
            f"{behind}: its supervisor starts nothing else meanwhile",
            snippet=wait.call.target,
            scope=scope_of(wait.module, wait.callback),
            severity=Severity.WARNING if far.certain and far.wait.kind != "process" else Severity.INFORMATION,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=() if itself else (there,),
        )

    def _there(self, file: FileView, module: Module, wait: CallbackWait) -> Finding:
        """At the wait itself, for who looks at that function."""
        found = wait.found
        return self.report(
            file.facts.path,
            found.call.head,
            f"`init/1` waits for {found.wait.words} here: its supervisor starts nothing else meanwhile",
            snippet=file.source.text(found.call.span),
            scope=scope_of(module, found.function),
            severity=Severity.HINT,
            confidence=Confidence.STRONG,
            related=(Related(file.facts.path, wait.call.head, "`init/1` comes to it from here"),),
            fix=FixKind.LLM,
        )

    def _finding(self, file: FileView, module: Module, wait: CallbackWait) -> Finding:
        found = wait.found
        behind = "" if wait.direct else f", reached through `{wait.call.target}`"
        related: tuple[Related, ...] = ()
        if not wait.direct:
            related = (Related(file.facts.path, found.call.head, f"waits for {found.wait.words} here"),)
        return self.report(
            file.facts.path,
            wait.call.head,
            f"`init/1` waits for {found.wait.words} in `{found.call.target}`{behind}: "
            "its supervisor starts nothing else meanwhile",
            snippet=file.source.text(wait.call.span),
            scope=scope_of(module, wait.callback),
            severity=_severity(file.source, wait),
            confidence=Confidence.EXACT if wait.direct else Confidence.STRONG,
            related=related,
            fix=_fix(file, module, wait),
        )


def _is_for_others(project: Project, path: str) -> bool:
    """Whoever starts a connection of a library wants to know whether there is one."""
    app = project.app_of(path)
    return app is not None and (app.is_library or app.packaged)


def _fix(file: FileView, module: Module, wait: CallbackWait) -> FixKind:
    """Unsafe where what waits can go to `handle_continue/2`, and nothing else goes there later."""
    if "GenServer" not in kinds(module) or continues_later(file.source, module):
        return FixKind.LLM
    found = deferrable_init(file.source, wait.clause, wait.call)
    return FixKind.LLM if found is None else FixKind.UNSAFE


def _severity(source: Source, wait: CallbackWait) -> Severity:
    found = wait.found.wait
    if _is_on_purpose(source, wait):
        return Severity.HINT
    if found.kind == "query" or (found.kind == "process" and wait.found.call.guarded_by_rescue):
        return Severity.HINT
    return Severity.WARNING if found.certain else Severity.INFORMATION


def _is_on_purpose(source: Source, wait: CallbackWait) -> bool:
    """A comment at the wait, at the call that leads to it or above the clause says that it is wanted."""
    places = (wait.call.head.start, wait.found.call.head.start, wait.clause.span.start)
    return any(says_on_purpose(source, place) for place in places)
