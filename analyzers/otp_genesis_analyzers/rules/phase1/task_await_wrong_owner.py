from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.task_owners import (
    AnsweredTask,
    ForeignQuery,
    Road,
    answered_tasks,
    foreign_queries,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_WHERE_FROM: dict[Road, str] = {
    "started": "the task was started here, by another process",
    "answer": "the task comes from a server, which started it",
    "request": "the task comes with a request, from the process that started it",
}


class TaskAwaitWrongOwner(Rule):
    """A process asks for the result of a task that another process started.

    ## What it does
    Reports `Task.await`, `await_many`, `yield`, `yield_many`, `shutdown` and `ignore` of a task

    - that was started outside the `fn` they stand in, when that `fn` runs in a process of its own:
      `spawn`, `Task.start`, `Task.Supervisor.start_child` and the like;
    - that is the answer of a `GenServer.call`;
    - that a server takes out of a request.

    The task that a callback starts and gives to its caller in `{:reply, task, state}` is reported as well,
    as a **warning**: whoever awaits it raises. All others are **errors**.

    ## Why it matters on the BEAM
    A task belongs to the process that started it: its result is a message to that process alone. So
    `Task.await` and its like raise an `ArgumentError` in any other, each time they are reached.

    ## When it is legitimate
    Never. Not reported is a `fn` that runs in the same process, like that of `Enum.map`, a task that is
    started inside the same `fn`, a struct that is only looked at (`task.pid`), and code in tests.

    ## Use instead
    ```elixir
    Task.Supervisor.start_child(Shop.Tasks, fn -> GenServer.reply(from, price(order)) end)
    ```
    One process that does the work and answers takes the place of two. A server that keeps its task takes
    the result as a message, in `handle_info({ref, result}, state)`.

    ## Fix safety
    There is no mechanical fix: the work has to move into the process that needs its result. A model can
    propose one.

    ## References
    - https://hexdocs.pm/elixir/Task.html#await/2
    - `tests/beam/task_owner.exs`
    """

    code = "OTP119"
    name = "task-await-wrong-owner"
    severity = Severity.ERROR
    anchors = (
        *("Task await", "Task await_many", "Task yield", "Task yield_many", "Task shutdown", "Task ignore"),
        *("Task async", "Task async_nolink"),
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              @impl true
              def init(state), do: {:ok, state}

              @impl true
              def handle_call({:price, order}, from, state) do
                task = Task.async(fn -> Shop.Carrier.ask(order) end)
                spawn(fn -> GenServer.reply(from, Task.await(task)) end)
            #                                     ^^^^^^^^^^ error: runs in the process of `spawn/1`
                {:noreply, state}
              end

              def handle_call({:both, a, b}, from, state) do
                tasks = Enum.map([a, b], &Task.async(Shop.Carrier, :ask, [&1]))

                Task.Supervisor.start_child(Shop.Tasks, fn ->
                  prices = Enum.map(tasks, fn task -> Task.await(task, 9) end)
            #                                         ^^^^^^^^^^ error: `Task.Supervisor.start_child/2`
                  GenServer.reply(from, prices)
                end)

                {:noreply, state}
              end

              @impl true
              def handle_info({_ref, _price}, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Batch do
              alias Task.Supervisor, as: Jobs

              def run(orders) do
                tasks = for order <- orders, do: Jobs.async_nolink(Shop.Tasks, fn -> ship(order) end)
                Task.start(fn -> tasks |> Task.await_many(5_000) |> report() end)
            #                             ^^^^^^^^^^^^^^^ error
                Task.start_link(fn -> Enum.each(tasks, &Task.shutdown(&1, :brutal_kill)) end)
            #                                           ^^^^^^^^^^^^^ error
                :ok
              end

              def quick(order) do
                task = Task.async(fn -> ship(order) end)
                Process.spawn(fn -> wait(task) end, [:link])
              end

              defp wait(task) do
                case Task.yield(task, 100) || Task.shutdown(task) do
            #        ^^^^^^^^^^ error: runs in the process of `Process.spawn/2`
            #                                 ^^^^^^^^^^^^^ error: runs in the process of `Process.spawn/2`
                  {:ok, shipped} -> report(shipped)
                  nil -> report([])
                end
              end

              def slow(order) do
                task = Task.async(fn -> ship(order) end)
                wait_on = fn -> Task.await(task) end
            #                   ^^^^^^^^^^ error: process of `spawn_link/1`
                spawn_link(wait_on)
                spawn(__MODULE__, :forget, [task])
              end

              def forget(task), do: apply(Task, :ignore, [task])
            #                       ^^^^^ error: process of `spawn/3`

              defp ship(order), do: Shop.Carrier.ship(order)
              defp report(shipped), do: Shop.Report.write(shipped)
            end
            """
        ),
        Example(
            """
            defmodule Shop.TaskPool do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def run(work) do
                with {:ok, task} <- GenServer.call(__MODULE__, {:run, work}) do
                  Task.await(task)
            #     ^^^^^^^^^^ error: gets its task from a server
                end
              end

              def wait(task), do: GenServer.call(__MODULE__, {:wait, task})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:run, work}, _from, state) do
                task = Task.Supervisor.async_nolink(state.supervisor, work)
            #          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ warning: goes to the caller
                {:reply, {:ok, task}, state}
              end

              @impl true
              def handle_info({_ref, _result}, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Collector do
              use GenServer

              def collect(pid, work), do: GenServer.call(pid, {:collect, Task.async(work)})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:collect, task}, _from, results) do
                {:reply, :ok, [Task.await(task) | results]}
            #                  ^^^^^^^^^^ error: a task that a caller sent
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Boundary do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:run, work, timeout}, _from, state) do
                task = Task.async(work)

                case Task.yield(task, timeout) || Task.shutdown(task) do
                  {:ok, result} -> {:reply, result, state}
                  nil -> {:reply, {:error, :timeout}, state}
                end
              end

              def handle_call({:try, work, timeout}, _from, state) do
                task = Task.async(work)
                answer = Task.yield(task, timeout) || Task.shutdown(task, :brutal_kill)
                {:reply, answer, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              def all(orders) do
                tasks = Enum.map(orders, fn order -> Task.async(fn -> Shop.Carrier.ask(order) end) end)
                Enum.map(tasks, &Task.await/1) ++ for(task <- tasks, do: Task.shutdown(task))
              end

              def later(order, from) do
                spawn(fn ->
                  task = Task.async(fn -> Shop.Carrier.ask(order) end)
                  GenServer.reply(from, Task.await(task))
                end)
              end

              def stream(orders) do
                Task.async_stream(orders, fn order ->
                  [Task.async(fn -> Shop.Carrier.ask(order) end)] |> Task.await_many()
                end)
              end

              def start(order), do: Task.async(Shop.Carrier, :ask, [order])

              def quick(order) do
                task = start(order)
                Task.yield(task, 100) || Task.shutdown(task)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Shadowed do
              def run(order) do
                task = Task.async(fn -> Shop.Carrier.ask(order) end)
                price = Task.await(task)

                spawn(fn ->
                  task = Task.async(fn -> Shop.Report.write(price) end)
                  Task.await(task)
                end)

                spawn(fn -> Shop.Report.write(task.ref) end)
              end

              def wait(task), do: Task.await(task)
              def hand_over(task), do: Task.start(fn -> Shop.Report.write(task.pid) end)
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
              def handle_call(:fetch, _from, state) do
                task = Task.async(fn -> Shop.Api.fetch(state.id) end)
                {:reply, task.pid, %{state | task: task}}
              end

              def handle_call(:restart, _from, state) do
                %Task{pid: pid} = task = Task.async(fn -> Shop.Api.fetch(state.id) end)
                {:reply, {:ok, pid}, %{state | task: task}}
              end

              def handle_call(:result, _from, %{task: task} = state) do
                {:reply, Task.await(task), %{state | task: nil}}
              end

              def handle_call(:both, _from, state) do
                task = Task.async(fn -> Shop.Api.fetch(state.id) end)
                found = Task.await(task)
                {:reply, {:ok, found}, state}
              end

              @impl true
              def handle_continue({:wait, task}, state), do: {:noreply, [Task.await(task) | state]}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/jobs.ex
            defmodule Shop.Jobs do
              alias Shop.Task

              def run(job) do
                task = Task.async(job)
                spawn(fn -> Task.await(task) end)
              end

              def pages(pid) do
                page = GenServer.call(pid, :page)
                task = Elixir.Task.async(fn -> Shop.Report.write(page) end)
                Elixir.Task.await(task)
              end
            end
            # file: test/shop/jobs_test.exs
            defmodule Shop.JobsTest do
              use ExUnit.Case

              test "only the owner may await" do
                task = Task.async(fn -> :ok end)
                other = Task.async(fn -> assert_raise ArgumentError, fn -> Task.await(task) end end)
                Task.await_many([task, other])
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Report do
              def write(orders) do
                task = Task.async(fn -> Shop.Repo.all(orders) end)

                Logger.info(fn -> "waiting" end)
                result = Enum.find_value([task], fn task -> Task.yield(task, 10) end)
                then(task, fn task -> Task.ignore(task) end)
                result || "Task.await(task)"
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for query in foreign_queries(file.source, graph):
                yield self._of_query(file, query)
            yield from self._of_answers(file, module, graph)

    def _of_query(self, file: FileView, query: ForeignQuery) -> Finding:
        site, origin = query
        asked = f"`{site.call.target}`"
        match origin.road:
            case "started":
                evidence = f"{asked} runs in the process of `{origin.receiver.removeprefix('Kernel.')}`"
            case "answer":
                evidence = f"{asked} gets its task from a server"
            case "request":
                evidence = f"{asked} is given a task that a caller sent"
        return self.report(
            file.facts.path,
            site.call.head,
            f"{evidence}: it raises, since only the process that started the task may ask for its result. "
            "Do the work in the process that needs it",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            confidence=Confidence.EXACT if origin.road == "started" else Confidence.STRONG,
            fix=FixKind.LLM,
            related=(Related(file.facts.path, origin.place, _WHERE_FROM[origin.road]),),
        )

    def _of_answers(self, file: FileView, module: Module, graph: CallGraph) -> Iterator[Finding]:
        answers: dict[object, AnsweredTask] = {}
        for answered in answered_tasks(file.source, graph):
            answers.setdefault(answered.start, answered)
        for answered in answers.values():
            yield self.report(
                file.facts.path,
                answered.start,
                "the task goes to the caller in the reply, but it belongs to the server: whoever awaits it "
                "raises. Reply with the result, once the server has taken it in `handle_info/2`",
                snippet=file.source.text(answered.start),
                scope=f"{module.name}.{answered.function.id}",
                severity=Severity.WARNING,
                confidence=Confidence.STRONG,
                fix=FixKind.LLM,
                related=(Related(file.facts.path, answered.answer, "the reply that holds the task"),),
            )
