from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.processes.abandoned_tasks import Abandoned, abandoned_tasks, is_wait
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class AwaitTimeoutWithoutShutdown(Rule):
    """When the time for a task is up, it is left running and forgotten.

    ## What it does
    Reports `Task.yield` of a task that the same function started, and `Task.await` whose timeout is caught,
    when the task is neither shut down nor used again; and `Task.yield_many` without `on_timeout: :kill_task`
    where nothing in the module shuts tasks down.

    ## Why it matters on the BEAM
    A timeout ends the waiting, not the task. It goes on with its work, holds its connection, and is still
    linked: when it crashes later, it takes its caller along. When it comes to an end, it sends its result,
    which nobody expects any more, to the mailbox of the caller. `Task.shutdown/2` ends the task, and
    takes a result that came at the last moment.

    ## When it is legitimate
    When the task is shut down or ignored anywhere in the function, when it is kept and its result is taken
    later, when the function raises because it got no answer, since linked tasks end with the caller.
    A task that somebody else started is theirs to end. None of these is reported.

    ## Use instead
    ```elixir
    case Task.yield(task, 1_000) || Task.shutdown(task, :brutal_kill) do
      {:ok, result} -> result
      nil -> {:error, :timeout}
    end
    ```

    ## Fix safety
    Unsafe: the task is killed where it ran on before, perhaps in the middle of its work. Offered for
    `Task.yield(task, timeout)` in a `case` or on the right of `=`.

    ## References
    - https://hexdocs.pm/elixir/Task.html#yield/2
    - https://hexdocs.pm/elixir/Task.html#await/2
    - `tests/beam/a_task_runs_on_after_its_timeout.exs`
    """

    code = "OTP125"
    name = "await-timeout-without-shutdown"
    severity = Severity.WARNING
    anchors = ("yield", "yield_many", "catch await")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Prices do
              def price(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)

                case Task.yield(task, 1_000) do
            #        ^^^^^^^^^^ warning: runs on when the time is up
                  {:ok, price} -> price
                  nil -> {:error, :timeout}
                end
              end

              def maybe(item) do
                task = Task.Supervisor.async_nolink(Shop.Tasks, Shop.Http, :price, [item])
                price = Task.yield(task)
            #           ^^^^^^^^^^ warning
                Shop.Log.price(item, price)
              end
            end
            """,
            fixed="""
            defmodule Shop.Prices do
              def price(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)

                case Task.yield(task, 1_000) || Task.shutdown(task, :brutal_kill) do
                  {:ok, price} -> price
                  nil -> {:error, :timeout}
                end
              end

              def maybe(item) do
                task = Task.Supervisor.async_nolink(Shop.Tasks, Shop.Http, :price, [item])
                price = Task.yield(task) || Task.shutdown(task, :brutal_kill)
                Shop.Log.price(item, price)
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Checks do
              alias Task, as: Work

              def check(fun, timeout) do
                task = Work.async(fn -> fun.() end)

                try do
                  Work.await(task, timeout)
            #     ^^^^^^^^^^ warning: its timeout is caught
                catch
                  :exit, {:timeout, _} -> {:error, :timeout}
                end
              end

              def quick(fun) do
                fun |> Work.async() |> Work.yield(10)
            #                          ^^^^^^^^^^ warning
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Reports do
              def report(id) do
                task = Task.async(Shop.Report, :build, [id])
                Task.await(task)
            #   ^^^^^^^^^^ warning: its timeout is caught
              catch
                :exit, _ -> nil
              end

              def all(ids) do
                Enum.map(ids, fn id ->
                  task = Task.async(fn -> Shop.Report.build(id) end)
                  with {:ok, report} <- Task.yield(task, 50), do: report
            #                           ^^^^^^^^^^ warning
                end)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Nodes do
              def all(nodes) do
                tasks = Enum.map(nodes, fn node -> Task.async(fn -> Shop.Node.tree(node) end) end)

                Enum.map(tasks, fn task ->
                  try do
                    Task.await(task, 10_000)
            #       ^^^^^^^^^^ warning: its timeout is caught
                  catch
                    :exit, {:timeout, _} -> {:error, :timeout}
                  end
                end)
              end

              def some(nodes) do
                nodes
                |> Enum.map(&Task.async(fn -> Shop.Node.tree(&1) end))
                |> Enum.map(fn task -> Task.yield(task, 100) end)
            #                          ^^^^^^^^^^ warning
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Overview do
              def build(user) do
                orders = Task.async(fn -> {:orders, Shop.Orders.of(user)} end)
                carts = if user.shops?, do: Task.async(fn -> {:carts, Shop.Carts.of(user)} end)
                results = [orders, carts] |> Enum.filter(& &1) |> Task.yield_many(5_000)
            #                                                     ^^^^^^^^^^^^^^^ warning: run on
                for {_task, {:ok, part}} <- results, do: part
              end

              def all(users) do
                tasks = Enum.map(users, fn user -> Task.async(fn -> Shop.Orders.of(user) end) end)

                Task.yield_many(tasks, timeout: 1_000)
            #   ^^^^^^^^^^^^^^^ warning
                |> Enum.map(fn
                  {_task, {:ok, orders}} -> orders
                  {_task, nil} -> []
                end)
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Summary do
              def all(users) do
                users |> start() |> Task.yield_many(timeout: 1_000, on_timeout: :kill_task)
              end

              def given(tasks), do: Task.yield_many(tasks, 1_000)

              def killed(users) do
                tasks = Enum.map(users, &Task.async(fn -> Shop.Orders.of(&1) end))
                Task.yield_many(tasks, timeout: 1_000, on_timeout: :kill_task)
              end

              def patient(users) do
                tasks = Enum.map(users, &Task.async(fn -> Shop.Orders.of(&1) end))
                Task.yield_many(tasks, :infinity)
              end

              def strict(users) do
                tasks = Enum.map(users, &Task.async(fn -> Shop.Orders.of(&1) end))

                Enum.map(Task.yield_many(tasks, 1_000), fn
                  {_task, {:ok, orders}} -> orders
                  {_task, nil} -> raise "too late"
                end)
              end

              def kept(users) do
                tasks = Enum.map(users, &Task.async(fn -> Shop.Orders.of(&1) end))
                {done, late} = Enum.split_with(Task.yield_many(tasks, 1_000), fn {_task, got} -> got end)
                Shop.Late.keep(tasks)
                {done, late}
              end

              def told(users) do
                tasks = Enum.map(users, &Task.async(fn -> Shop.Orders.of(&1) end))

                Enum.map(Task.yield_many(tasks, 1_000), fn
                  {_task, {:ok, orders}} -> orders
                  {task, nil} -> Shop.Late.stop(task)
                end)
              end

              defp start(users), do: Enum.map(users, &Task.async(fn -> Shop.Orders.of(&1) end))
            end
            """
        ),
        Example(
            """
            defmodule Shop.Ended do
              def all(users) do
                tasks = Enum.map(users, &Task.async(fn -> Shop.Orders.of(&1) end))
                tasks |> Task.yield_many(1_000) |> Enum.map(&taken/1)
              end

              defp taken({task, nil}), do: Task.shutdown(task, :brutal_kill)
              defp taken({_task, result}), do: result
            end
            """
        ),
        Example(
            """
            defmodule Shop.Nodes do
              def all(nodes) do
                tasks = Enum.map(nodes, fn node -> Task.async(fn -> Shop.Node.tree(node) end) end)
                Enum.map(tasks, fn task -> Task.yield(task, 100) || Task.shutdown(task) end)
              end

              def late(nodes) do
                tasks = Enum.map(nodes, fn node -> Task.async(fn -> Shop.Node.tree(node) end) end)
                Enum.map(tasks, fn task -> Task.yield(task, 100) || Shop.Late.keep(task) end)
              end

              def given(tasks), do: Enum.map(tasks, fn task -> Task.yield(task, 100) end)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              def price(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)

                case Task.yield(task, 1_000) || Task.shutdown(task, :brutal_kill) do
                  {:ok, price} -> price
                  nil -> {:error, :timeout}
                end
              end

              def slow(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)

                case Task.yield(task, 1_000) do
                  {:ok, price} ->
                    price

                  nil ->
                    Task.shutdown(task)
                    {:error, :timeout}
                end
              end

              def caught(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)

                try do
                  Task.await(task, 100)
                catch
                  :exit, {:timeout, _} ->
                    Task.shutdown(task, :brutal_kill)
                    nil
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Kept do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:price, item}, _from, state) do
                task = Task.async(fn -> Shop.Http.price(item) end)

                case Task.yield(task, 100) do
                  {:ok, price} -> {:reply, price, state}
                  nil -> {:reply, :later, Map.put(state, task.ref, item)}
                end
              end

              @impl true
              def handle_info({ref, price}, state) do
                Process.demonitor(ref, [:flush])
                {:noreply, Map.put(state, ref, price)}
              end

              def more(fun) do
                task = Task.async(fun)
                if Task.yield(task, 100) == nil, do: Shop.Log.slow()
                Task.await(task)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Plain do
              def await(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)
                Task.await(task, 1_000)
              end

              def patient(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)
                {:ok, price} = Task.yield(task, :infinity)
                price
              end

              def strict(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)

                case Task.yield(task, 1_000) do
                  {:ok, price} -> price
                  nil -> raise "no price for #{item}"
                end
              end

              def told(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)

                case Task.yield(task, 1_000) do
                  {:ok, price} -> price
                  nil -> Mix.raise("no price for #{item}")
                end
              end

              def again(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)
                Task.await(task, 1_000)
              catch
                :exit, reason ->
                  Shop.Log.exit(reason)
                  exit(reason)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Given do
              def poll(task) do
                case Task.yield(task, 100) do
                  {:ok, result} -> result
                  nil -> :running
                end
              end

              def crashed(item) do
                task = Task.async(fn -> Shop.Http.price(item) end)
                Task.await(task, 1_000)
              catch
                :exit, {:noproc, _} -> nil
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/prices_test.exs
            defmodule Shop.PricesTest do
              use ExUnit.Case

              test "is slow" do
                task = Task.async(fn -> Process.sleep(:infinity) end)
                assert Task.yield(task, 10) == nil
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for site in sites(module):
                found = abandoned_tasks(file.source, site) if is_wait(site.call) else None
                if found is not None:
                    yield self._finding(file, site, found)

    def _finding(self, file: FileView, site: Site, found: Abandoned) -> Finding:
        call = site.call
        if found.how == "yield_many":
            return self._many(file, site)
        when = "its timeout is caught, and the task" if found.how == "await" else "the task"
        rewritable = found.how == "yield" and not call.piped and call.result in ("subject", "bound")
        return self.report(
            file.facts.path,
            call.head,
            f"{when} runs on when the time is up, and its late result goes to the mailbox: shut it down",
            snippet=file.source.text(call.span),
            scope=site.scope,
            fix=FixKind.UNSAFE if rewritable else FixKind.LLM,
        )

    def _many(self, file: FileView, site: Site) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            "tasks that are late run on when the time is up, and their results go to the mailbox: shut each"
            " down whose result is `nil`, or give `on_timeout: :kill_task`",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            fix=FixKind.LLM,
        )
