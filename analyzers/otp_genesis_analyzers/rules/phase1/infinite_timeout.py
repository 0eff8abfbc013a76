from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, site_at
from otp_genesis_analyzers.facts.messages.client_api import addressee
from otp_genesis_analyzers.facts.messages.shapes import has_shape_of, taken
from otp_genesis_analyzers.facts.waits.endless_waits import (
    EndlessWait,
    endless_waits,
    is_server_call,
    unwatched_reply,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class InfiniteTimeout(Rule):
    """A call waits for ever for its answer.

    ## What it does
    Reports `:infinity` as the timeout of `GenServer.call` and its like, `Task.await`, `Task.await_many`,
    `Task.yield`, `Task.yield_many` and `Task.async_stream`. It is a **hint**, and a **warning** where

    - the server's clause leaves the answer to a process that nobody watches: when that one crashes, the
      caller waits for ever;
    - the awaited tasks ask the network or a system command.

    ## Why it matters on the BEAM
    A call monitors its server, so it ends when the server does. It does not end when the answer is lost:
    then the caller keeps its memory, its connection, its place in a pool, and those that wait for it wait
    too. A timeout turns this into an error at the place where it can be handled.

    ## When it is legitimate
    Where a queue or a pool decides whose turn it is, where the server or the work has a timeout of its own,
    in code reloaders, Mix tasks, scripts and tests. Waits for a checkout or in a queue are not reported,
    nor is `shutdown: :infinity` of a supervisor.

    ## Use instead
    ```elixir
    @build_timeout Application.compile_env(:shop, [__MODULE__, :build_timeout], 60_000)

    def build(pid), do: GenServer.call(pid, :build, @build_timeout)
    ```

    ## Fix safety
    Unsafe. The timeout becomes a module attribute that the configuration can set, with a default of one
    minute: an answer that takes longer is an exit of the caller from then on.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#call/3
    - `tests/beam/infinite_timeout.exs`
    """

    code = "OTP117"
    name = "infinite-timeout"
    severity = Severity.INFORMATION
    default = False
    anchors = (
        *("infinity GenServer call", "infinity GenStage call", "infinity :gen_server call"),
        *("infinity :gen_statem call", "infinity Task await", "infinity Task await_many"),
        *("infinity Task yield", "infinity Task yield_many", "infinity Task async_stream"),
        "infinity Task async_stream_nolink",
    )
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/press.ex
            defmodule Shop.Press do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:print, order}, from, state) do
                spawn(fn -> GenServer.reply(from, Shop.Printer.print(order)) end)
                {:noreply, state}
              end

              def handle_call(:status, _from, state), do: {:reply, :ok, state}
            end
            # file: lib/shop/office.ex
            defmodule Shop.Office do
              def print(order), do: GenServer.call(Shop.Press, {:print, order}, :infinity)
            #                       ^^^^^^^^^^^^^^ warning: the answer comes from a process
              def status, do: GenServer.call(Shop.Press, :status, :infinity)
            #                 ^^^^^^^^^^^^^^ hint: waits for ever
            end
            """
        ),
        Example(
            """
            defmodule Shop.Rates do
              def all(banks) do
                banks
                |> Enum.map(fn bank -> Task.async(fn -> Req.get!(bank.url) end) end)
                |> Task.await_many(:infinity)
            #      ^^^^^^^^^^^^^^^ warning: while its tasks wait for `Req.get!`
              end

              def sizes(files) do
                task = Task.async(fn -> System.cmd("du", files) end)
                Task.yield(task, :infinity)
            #   ^^^^^^^^^^ warning: `System.cmd`
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Index do
              alias Shop.Search

              @doc "Builds it."
              def build(pid) do
                GenServer.call(pid, :build, :infinity)
            #   ^^^^^^^^^^^^^^ hint
              end

              def search(words) do
                words |> Task.async_stream(&Search.run/1, timeout: :infinity) |> Enum.to_list()
            #            ^^^^^^^^^^^^^^^^^ hint
              end

              def wait(task), do: task |> Task.await(:infinity)
            #                             ^^^^^^^^^^ hint
            end
            """,
            fixed="""
            defmodule Shop.Index do
              alias Shop.Search

              @call_timeout Application.compile_env(:shop, [__MODULE__, :call_timeout], 60_000)

              @stream_timeout Application.compile_env(:shop, [__MODULE__, :stream_timeout], 60_000)

              @await_timeout Application.compile_env(:shop, [__MODULE__, :await_timeout], 60_000)

              @doc "Builds it."
              def build(pid) do
                GenServer.call(pid, :build, @call_timeout)
              end

              def search(words) do
                words |> Task.async_stream(&Search.run/1, timeout: @stream_timeout) |> Enum.to_list()
              end

              def wait(task), do: task |> Task.await(@await_timeout)
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Journal do
              @timeout :infinity

              def read(server), do: :gen_server.call(server, :read, @timeout)
            #                       ^^^^^^^^^^^^^^^^ hint
              def write(server, line), do: server |> GenServer.call({:write, line}, :infinity)
            #                                        ^^^^^^^^^^^^^^ hint
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Index do
              @build_timeout :timer.minutes(2)

              def build(pid), do: GenServer.call(pid, :build, @build_timeout)
              def rebuild(pid), do: GenServer.call(pid, :build)
              def wait(task), do: Task.await(task, 10_000)
              def all(words), do: words |> Task.async_stream(&Shop.Search.run/1) |> Enum.to_list()
              def slow(words), do: Task.async_stream(words, &Shop.Search.run/1, timeout: 60_000)
              def park, do: Process.sleep(:infinity)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Pool do
              def checkout(pool), do: GenServer.call(pool, :take, :infinity)
              def take(pool), do: GenServer.call(pool, {:checkout, self()}, :infinity)
              def push(queue, job), do: GenServer.call(queue, {:enqueue, job}, :infinity)
              def run(pid, timeout), do: GenServer.call(pid, :run, timeout)
            end

            defmodule Shop.Reloader do
              def reload(pid), do: GenServer.call(pid, :reload, :infinity)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Supervisor do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)

              @impl true
              def init(_opts) do
                children = [%{id: :worker, start: {Shop.Worker, :start_link, []}, shutdown: :infinity}]
                Supervisor.init(children, strategy: :one_for_one)
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/index_test.exs
            defmodule Shop.IndexTest do
              use ExUnit.Case
              test "waits", %{pid: pid}, do: assert(GenServer.call(pid, :build, :infinity) == :ok)
            end
            # file: lib/mix/tasks/shop.build.ex
            defmodule Mix.Tasks.Shop.Build do
              use Mix.Task
              def run(_args), do: GenServer.call(Shop.Index, :build, :infinity)
            end
            # file: lib/shop/repo.ex
            defmodule Shop.Repo do
              alias Shop.GenServer

              def all(query), do: Shop.Database.all(query, timeout: :infinity)
              def call(pid), do: GenServer.call(pid, :all, :infinity)
              def text, do: "GenServer.call(pid, :all, :infinity)"
            end
            """
        ),
        Example(
            """
            defmodule Shop.Limits do
              def timeout, do: :infinity
              def call(pid, request), do: GenServer.call(pid, {request, :infinity})
              def inspect_all(value), do: inspect(value, limit: :infinity)
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for wait in endless_waits(call_graph(module)):
                yield self._finding(file, wait)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """A call whose answer the server leaves to a process that nobody watches, as a warning."""
        site = site_at(project.files[finding.path].facts, finding.span)
        if site is None or not is_server_call(site.call):
            return finding
        related = _unwatched(site, project)
        if related is None:
            return finding
        return structs.replace(
            finding,
            severity=Severity.WARNING,
            confidence=Confidence.STRONG,
            message=f"`{site.call.target.rpartition('/')[0]}` waits for ever, and the answer comes from a "
            "process that nobody watches: when that crashes, nothing ends the wait. Give the call a timeout",
            related=(related,),
        )

    def _finding(self, file: FileView, wait: EndlessWait) -> Finding:
        call = wait.site.call
        asked = f"`{call.target.rpartition('/')[0]}`"
        if wait.work:
            words = f"{asked} waits for ever while its tasks wait for `{wait.work}`: give it a timeout"
        else:
            words = f"{asked} waits for ever: when the answer is lost, so is the caller. Give it a timeout"
        return self.report(
            file.facts.path,
            call.head,
            words,
            snippet=file.source.text(call.span),
            scope=wait.site.scope,
            severity=Severity.WARNING if wait.work else Severity.HINT,
            confidence=Confidence.STRONG if wait.work else Confidence.HEURISTIC,
            fix=FixKind.UNSAFE,
        )


def _unwatched(site: Site, project: Project) -> Related | None:
    """Where the server that is called starts the process that is to answer."""
    entry = project.module(addressee(site.module, site.call.args[0]))
    if entry is None:
        return None
    graph = call_graph(entry.module)
    for message in taken(entry.module):
        if message.way == "call" and has_shape_of(message.pattern, site.call.args[1]):
            start = unwatched_reply(graph, message.clause)
            if start is not None:
                return Related(entry.path, start.head, "starts the process that is to answer")
    return None
