from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.results import is_unused
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.processes.task_owners import is_task_query
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_STREAMS = ("async_stream", "async_stream_nolink")


class UnsupervisedAsync(Rule):
    """A task is started with `Task.async` or `Task.async_stream`, outside every supervisor.

    ## What it does
    Reports, as a **hint**, `Task.async` whose task is awaited in the same function, and
    `Task.async_stream`. Where one task is started for each element of a collection, the message says so:
    nothing limits how many run at a time.

    ## Why it matters on the BEAM
    Such a task is linked to the process that starts it: it does not outlive it, and is no orphan. But it
    stands in no supervisor: nothing lists it, and at shutdown it ends with its caller, whenever that is. A
    `Task.Supervisor` shows what runs, and gives each task its time when the application stops.

    ## When it is legitimate
    Mostly: `Task.async` with `Task.await` in one function is what both are for. So the rule runs in the
    preset `strict` only. Not reported are tests, Mix tasks and scripts, and a task that is kept to be
    answered in `handle_info`. One that is thrown away belongs to OTP103.

    ## Use instead
    ```elixir
    Task.Supervisor.async(Shop.TaskSupervisor, &load/0)
    Task.Supervisor.async_stream(Shop.TaskSupervisor, orders, &ship/1)
    ```

    ## Fix safety
    Unsafe. The task stays linked to its caller, and is now a child of the application's `Task.Supervisor`
    as well, which has to run: the fix adds one where there is none.

    ## References
    - https://hexdocs.pm/elixir/Task.Supervisor.html#async/3
    - `tests/beam/supervised_async.exs`
    """

    code = "OTP104"
    name = "unsupervised-async"
    severity = Severity.HINT
    default = False
    anchors = ("Task async", "Task async_stream")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Dashboard do
              def load(user) do
                orders = Task.async(fn -> Shop.Orders.of(user) end)
            #            ^^^^^^^^^^ hint: in no supervisor
                carts = Task.async(Shop.Carts, :of, [user])
            #           ^^^^^^^^^^ hint
                {Task.await(orders), Task.await(carts)}
              end
            end
            """,
            fixed="""
            # file: lib/example.ex
            defmodule Shop.Dashboard do
              def load(user) do
                orders = Task.Supervisor.async(Shop.TaskSupervisor, fn -> Shop.Orders.of(user) end)
                carts = Task.Supervisor.async(Shop.TaskSupervisor, Shop.Carts, :of, [user])
                {Task.await(orders), Task.await(carts)}
              end
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
            defmodule Shop.Shipping do
              def all(orders) do
                orders |> Task.async_stream(&ship/1, timeout: 5_000) |> Enum.to_list()
            #             ^^^^^^^^^^^^^^^^^ hint: in no supervisor
              end

              def each(orders) do
                Task.async_stream(orders, fn order -> ship(order) end) |> Stream.run()
            #   ^^^^^^^^^^^^^^^^^ hint
              end

              defp ship(order), do: Shop.Carrier.ship(order)
            end
            """,
            fixed="""
            # file: lib/example.ex
            defmodule Shop.Shipping do
              def all(orders) do
                Task.Supervisor.async_stream(Shop.TaskSupervisor, orders, &ship/1, timeout: 5_000)
                |> Enum.to_list()
              end

              def each(orders) do
                Task.Supervisor.async_stream(Shop.TaskSupervisor, orders, fn order -> ship(order) end)
                |> Stream.run()
              end

              defp ship(order), do: Shop.Carrier.ship(order)
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
            defmodule Shop.Prices do
              def all(orders) do
                orders
                |> Enum.map(&Task.async(fn -> Shop.Carrier.ask(&1) end))
            #                ^^^^^^^^^^ hint: one task for each element
                |> Task.await_many()
              end

              def each(orders) do
                tasks = for order <- orders, do: Task.async(fn -> Shop.Carrier.ask(order) end)
            #                                    ^^^^^^^^^^ hint
                Enum.map(tasks, &Task.await/1)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Search do
              alias Task, as: Job

              def quick(phrase) do
                job = Job.async(fn -> Shop.Index.find(phrase) end)
            #         ^^^^^^^^^ hint
                Job.yield(job, 100) || Job.shutdown(job)
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Dashboard do
              def load(user) do
                orders = Task.Supervisor.async(Shop.Tasks, fn -> Shop.Orders.of(user) end)
                carts = Task.Supervisor.async_nolink(Shop.Tasks, Shop.Carts, :of, [user])
                Task.await_many([orders, carts])
              end

              def ship(orders), do: Task.Supervisor.async_stream(Shop.Tasks, orders, &Shop.Carrier.ship/1)
              def later(user), do: Task.Supervisor.start_child(Shop.Tasks, fn -> Shop.Orders.of(user) end)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Vehicle do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast(:fetch, state) do
                task = Task.async(fn -> Shop.Api.fetch(state.id) end)
                {:noreply, %{state | task: task.ref}}
              end

              @impl true
              def handle_info({ref, found}, %{task: ref} = state), do: {:noreply, %{state | found: found}}
              def handle_info({:DOWN, _ref, :process, _pid, _reason}, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Reindex do
              def start(id), do: Task.async(fn -> Shop.Index.put(id) end)

              def forget(id) do
                Task.async(fn -> Shop.Index.delete(id) end)
                :ok
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/search_test.exs
            defmodule Shop.SearchTest do
              use ExUnit.Case

              test "finds" do
                task = Task.async(fn -> Shop.Search.find("pot") end)
                assert Task.await(task) == []
                assert [1, 2] |> Task.async_stream(& &1) |> Enum.to_list() == [ok: 1, ok: 2]
              end
            end
            # file: lib/mix/tasks/shop.index.ex
            defmodule Mix.Tasks.Shop.Index do
              use Mix.Task
              def run(args), do: args |> Task.async_stream(&Shop.Index.put/1) |> Stream.run()
            end
            """
        ),
        Example(
            """
            defmodule Shop.Jobs do
              alias Shop.Task

              def run(job) do
                task = Task.async(job)
                Task.await(task)
              end

              def all(jobs), do: Task.async_stream(jobs, & &1)
              def text, do: "Task.async_stream(jobs, & &1)"
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for site in sites(module):
                if site.call.module == "Task" and _is_awaited(graph, site):
                    yield self._finding(file, site)

    def _finding(self, file: FileView, site: Site) -> Finding:
        asked = f"`{site.call.target.rpartition('/')[0]}`"
        if _is_for_each(site):
            words = (
                f"{asked} starts one task for each element, and nothing limits how many run at a time: "
                "`Task.Supervisor.async_stream` does"
            )
        else:
            words = (
                f"{asked} starts a task that stands in no supervisor: it is linked to its caller, but "
                "nothing lists it. `Task.Supervisor` has the same function"
            )
        return self.report(
            file.facts.path,
            site.call.head,
            words,
            snippet=file.source.text(site.call.head),
            scope=site.scope,
            fix=FixKind.UNSAFE if site.call.form == "call" else FixKind.LLM,
        )


def _is_awaited(graph: CallGraph, site: Site) -> bool:
    if site.call.name in _STREAMS:
        return site.call.form != "apply"
    if site.call.name != "async" or site.call.form == "apply":
        return False
    awaited = any(is_task_query(call) and call.span.end > site.call.head.start for call in site.clause.calls)
    return awaited and not is_unused(graph, site.function, site.clause, site.call)


def _is_for_each(site: Site) -> bool:
    """Stands in the `fn` of `Enum.map`, or in a comprehension."""
    call = site.call
    if call.name in _STREAMS or call.closure < 0:
        return False
    return site.clause.closures[call.closure].receiver.startswith("Enum.")
