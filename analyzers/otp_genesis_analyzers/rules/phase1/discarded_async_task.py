from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.outside_calls import outside_calls
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.results import thrown_away
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, site_at, sites
from otp_genesis_analyzers.facts.messages.mailbox import takes_any_task_reply, takes_task_replies
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.processes.thrown_away_tasks import (
    nobody_takes_result,
    received,
    starts_async,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import OUTSIDE_TESTS
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source

_TASKS = frozenset({"Task", "Task.Supervisor"})
_BLOCKS = frozenset({"body", "do_block", "else_block", "block", "stab_clause", "source"})


class DiscardedAsyncTask(Rule):
    """The task of a `Task.async` is thrown away, so nobody will await it.

    ## What it does
    Reports `Task.async`, `Task.Supervisor.async` and `Task.Supervisor.async_nolink` whose task is a
    statement's unused value, is bound to `_`, or is returned to callers who all drop it.
    It is **information** for a task without a link whose starter ends there: its result reaches nobody; and
    in a live component, where a view of the project takes `{ref, result}`. It is a **hint** in a function
    of a server that takes the results of all tasks, when no callback is seen to call it.

    ## Why it matters on the BEAM
    A task sends its result to the process that started it. With nobody to await it, the message stays in
    the mailbox or reaches a `handle_info` that doesn't expect it. The task of `async` is linked as well:
    an error in it ends the process that did not want to wait for it.

    ## When it is legitimate
    In a server whose `handle_info` takes `{ref, result}`; in front of a `receive` that takes it. Both are
    not reported, nor is anything in tests.

    ## Use instead
    ```elixir
    Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Search.reindex(id) end)
    ```

    ## Fix safety
    Unsafe. The link is lost and no result is sent. The fix also adds a `Task.Supervisor` to the
    application where there is none.

    ## References
    - https://hexdocs.pm/elixir/Task.html#async/1
    - https://hexdocs.pm/elixir/Task.Supervisor.html#start_child/3
    - Shown by `tests/beam/unawaited_task.exs`
    """

    code = "OTP103"
    name = "discarded-async-task"
    severity = Severity.WARNING
    project_wide = True
    anchors = ("Task async", "Task async_nolink")
    roles = OUTSIDE_TESTS
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Search do
              def update(product) do
                Task.async(fn -> Shop.Index.put(product) end)
            #   ^^^^^^^^^^ warning: its crash ends the caller
                :ok
              end

              def forget(product) do
                _task = Task.async(Shop.Index, :delete, [product])
            #           ^^^^^^^^^^ warning: stays in the caller's mailbox
                :ok
              end

              def rebuild do
                Task.Supervisor.async_nolink(Shop.Tasks, &Shop.Index.rebuild/0)
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ warning
                :ok
              end
            end
            """,
            fixed="""
            # file: lib/example.ex
            defmodule Shop.Search do
              def update(product) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Index.put(product) end)
                :ok
              end

              def forget(product) do
                _task = Task.Supervisor.start_child(Shop.TaskSupervisor, Shop.Index, :delete, [product])
                :ok
              end

              def rebuild do
                Task.Supervisor.start_child(Shop.Tasks, &Shop.Index.rebuild/0)
                :ok
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
            # file: lib/shop/audit.ex
            defmodule Shop.Audit do
              def record(action) do
                if Application.get_env(:shop, :audit) do
                  Task.Supervisor.async_nolink(Shop.Tasks, fn -> Shop.Repo.insert(action) end)
            #     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ warning: thrown away by all who call `record/1`
                end
              end

              def count, do: Task.async(fn -> Shop.Repo.aggregate(Shop.Action, :count) end)
            end
            # file: lib/shop_web/order_controller.ex
            defmodule ShopWeb.OrderController do
              use ShopWeb, :controller

              def delete(conn, %{"id" => id}) do
                Shop.Audit.record({:delete, id})
                count = Shop.Audit.count()
                render(conn, "deleted.html", count: Task.await(count))
              end

              def show(conn, %{"id" => id}) do
                Shop.Audit.record({:show, id})
                render(conn, "order.html", id: id)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop_web/live/sales_chart.ex
            defmodule ShopWeb.SalesChart do
              use Phoenix.LiveComponent

              @impl true
              def update(%{days: days}, socket) do
                Task.async(fn -> {:ok, Shop.Sales.of(days)} end)
            #   ^^^^^^^^^^ information: is thrown away
                {:ok, assign(socket, loading: true)}
              end

              def update(%{sales: sales}, socket), do: {:ok, assign(socket, sales: sales, loading: false)}
            end
            # file: lib/shop_web/live/sales_live.ex
            defmodule ShopWeb.SalesLive do
              use Phoenix.LiveView

              @impl true
              def handle_info({_ref, {:ok, sales}}, socket) do
                send_update(ShopWeb.SalesChart, id: "chart", sales: sales)
                {:noreply, socket}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Catalogue do
              use GenServer

              def refresh(sku) do
                Task.async(fn -> Shop.Index.put(sku) end)
            #   ^^^^^^^^^^ warning
                :ok
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast(:rebuild, state) do
                task = Task.async(fn -> Shop.Index.rebuild() end)
                {:noreply, %{state | rebuild: task.ref}}
              end

              @impl true
              def handle_info({ref, built}, %{rebuild: ref} = state), do: {:noreply, %{state | index: built}}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:quote, items}, _from, state) do
                Enum.each(items, fn item -> Task.async(fn -> Shop.Carrier.ask(item) end) end)
            #                               ^^^^^^^^^^ warning
                notify(items)
                {:reply, :ok, state}
              end

              def handle_call(:warm_up, _from, state) do
                notify([])
                {:reply, :ok, state}
              end

              @impl true
              def handle_info({:priced, item}, state), do: {:noreply, [item | state]}

              defp notify(items), do: Task.async(fn -> Shop.Mailer.deliver(items) end)
            #                         ^^^^^^^^^^ warning
            end
            """
        ),
        Example(
            """
            defmodule Shop.Upgrade do
              use GenServer

              @impl true
              def init(opts) do
                case Shop.Schema.upgrade(opts) do
                  {:ok, version} ->
                    Task.Supervisor.async_nolink(Shop.Tasks, Shop.Audit, :write, [version])
            #       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: the process that its result is for ends
                    :ignore

                  {:error, reason} ->
                    Task.async(fn -> Shop.Audit.write(reason) end)
            #       ^^^^^^^^^^ warning: its crash ends the caller
                    {:stop, reason}
                end
              end

              @impl true
              def handle_info(:timeout, state) do
                Task.Supervisor.async_nolink(Shop.Tasks, fn -> Shop.Mailer.late(state) end)
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information
                {:stop, :normal, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Feed do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_cast({:changed, sku}, state) do
                {module, function} = Shop.Config.get(:on_change, {__MODULE__, :on_change})
                apply(module, function, [sku])
                {:noreply, state}
              end

              def handle_info({ref, :ok}, state) when is_reference(ref), do: {:noreply, state}

              def on_change(sku) do
                Task.Supervisor.async_nolink(Shop.Tasks, fn -> Shop.Index.put(sku) end)
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ hint
                :ok
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Subscriber do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_cast(shadow, state) do
                event = Shop.Bus.fetch(shadow)
                {:noreply, Shop.Bus.handled(event, fn -> handle_event(event, state) end)}
              end

              def handle_info({ref, :ok}, state) when is_reference(ref), do: {:noreply, state}
              def handle_info({:DOWN, _ref, :process, _pid, _reason}, state), do: {:noreply, state}

              defp handle_event(event, state) do
                Task.Supervisor.async_nolink(Shop.Tasks, fn -> Shop.Mailer.tell(event) end)
                Shop.Bus.done(event)
                state
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/index.ex
            defmodule Shop.Index do
              def rebuild, do: Task.async(fn -> Shop.Repo.all(Shop.Word) end)
              def sweep, do: Task.Supervisor.async_nolink(Shop.Tasks, fn -> Shop.Repo.sweep() end)
              def warm, do: Task.Supervisor.async_nolink(Shop.Tasks, fn -> Shop.Repo.warm() end)
              def count(pid), do: Task.async(fn -> send(pid, {:count, Shop.Repo.count()}) end)
            end
            # file: lib/shop/index_job.ex
            defmodule Shop.IndexJob do
              use Oban.Worker

              def perform(_job) do
                Shop.Index.count(self())
                wait()
              end

              defp wait do
                receive do
                  {:count, count} -> {:ok, count}
                after
                  5_000 -> :error
                end
              end
            end
            # file: lib/shop/keeper.ex
            defmodule Shop.Keeper do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_info(:sweep, state) do
                Shop.Index.sweep()
                Shop.Index.rebuild()
                {:noreply, state}
              end

              def handle_info({ref, _swept}, state) when is_reference(ref), do: {:noreply, state}
            end
            # file: scripts/try.exs
            defmodule Shop.Try do
              use ExUnit.Case

              test "starts" do
                Task.async(fn -> System.cmd("mix", ["run"]) end)
                Process.sleep(1_000)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Search do
              def both(phrase) do
                task = Task.async(fn -> Shop.Index.find(phrase) end)
                others = Shop.Archive.find(phrase)
                others ++ Task.await(task)
              end

              def all(phrases) do
                phrases |> Enum.map(&Task.async(fn -> Shop.Index.find(&1) end)) |> Task.await_many()
              end

              def start(phrase), do: Task.async(fn -> Shop.Index.find(phrase) end)

              def quick(phrase) do
                task = start_quick(phrase)
                Task.yield(task, 100) || Task.shutdown(task)
              end

              def stream(phrases), do: Task.async_stream(phrases, &Shop.Index.find/1) |> Enum.to_list()

              def by_message(phrase) do
                Task.async(fn -> Shop.Index.find(phrase) end)

                receive do
                  {_ref, found} -> found
                end
              end

              def counted(phrases) do
                owner = self()

                Enum.each(phrases, fn phrase ->
                  Task.async(fn -> send(owner, {:found, Shop.Index.find(phrase)}) end)
                end)

                collect(length(phrases), [])
              end

              defp collect(0, found), do: found

              defp collect(left, found) do
                receive do
                  {:found, more} -> collect(left - 1, [more | found])
                end
              end

              defp start_quick(phrase), do: Task.async(fn -> Shop.Index.find(phrase) end)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Vehicle do
              @behaviour :gen_statem

              def init(opts), do: {:ok, :waiting, opts}
              def callback_mode, do: :handle_event_function

              def handle_event(:internal, :fetch, :waiting, data) do
                Task.async(fn -> Shop.Api.fetch(data.id) end)
                {:keep_state, data}
              end

              def handle_event(:info, {ref, result}, :waiting, data) when is_reference(ref) do
                {:next_state, :ready, %{data | result: result}}
              end

              def handle_event(:info, {:DOWN, _ref, :process, _pid, _reason}, _state, data) do
                {:keep_state, data}
              end
            end

            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def handle_event("load", _params, socket) do
                load(socket)
                {:noreply, socket}
              end

              def handle_info({ref, items}, socket) do
                Process.demonitor(ref, [:flush])
                {:noreply, assign(socket, items: items)}
              end

              defp load(socket), do: Task.Supervisor.async_nolink(Shop.Tasks, fn -> socket.assigns.items end)
            end
            """
        ),
        Example(
            """
            # file: test/shop/search_test.exs
            defmodule Shop.SearchTest do
              use ExUnit.Case

              test "is not disturbed by another search" do
                Task.async(fn -> Shop.Search.both("pot") end)
                assert Shop.Search.both("pan") == []
              end
            end
            # file: lib/shop/batch.ex
            defmodule Shop.Batch do
              import Shop.Jobs, only: [async: 1]

              def run(job) do
                async(job)
                :ok
              end

              def text, do: "Task.async(fn -> :ok end)"
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in file.facts.modules:
            if "Test" in kinds(module):
                continue
            graph = call_graph(module)
            for site in sites(module):
                if starts_async(site.call) and nobody_takes_result(graph, site):
                    yield self._finding(file, site)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """The process of a component is that of its view, which may take the result."""
        site = site_at(project.files[finding.path].facts, finding.span)
        if site is None or "LiveComponent" not in kinds(site.module):
            return finding
        if any(map(takes_task_replies, _views(project, finding.path))):
            return structs.replace(finding, severity=Severity.INFORMATION)
        return finding

    def check_project(self, project: Project) -> Iterable[Finding]:
        """Tasks that a public function returns, where everybody who calls it throws them away."""
        for path, analysis in project.files.items():
            facts = analysis.facts
            if _TASKS.isdisjoint(facts.references):
                continue
            for module in production_modules(facts, project.role_of(path)):
                for site in sites(module):
                    if (
                        starts_async(site.call)
                        and site.call.result == "returned"
                        and site.function.kind == "def"
                    ):
                        caller = _first_of_droppers(project, site)
                        if caller is not None:
                            yield self._returned(project, path, site, caller)

    def _returned(self, project: Project, path: str, site: Site, caller: Site) -> Finding:
        there = project.module(caller.module.name)
        is_linked = site.call.name != "async_nolink"
        return self.report(
            path,
            site.call.head,
            f"the task of `{site.call.target}` is thrown away by all who call `{site.function.id}`: its "
            f"result stays in their mailboxes{', and its crash ends them' if is_linked else ''}",
            snippet=site.call.target,
            scope=site.scope,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=(Related(there.path if there else path, caller.call.head, "it is thrown away here"),),
        )

    def _finding(self, file: FileView, site: Site) -> Finding:
        is_linked = site.call.name != "async_nolink"
        ends = not is_linked and _ends_with_process(file.source, site.call)
        fate = (
            "the process that its result is for ends" if ends else "its result stays in the caller's mailbox"
        )
        harm = ", and its crash ends the caller" if is_linked else ""
        rewritable = file.role.is_application_code and site.call.form == "call"
        return self.report(
            file.facts.path,
            site.call.head,
            f"the task of `{site.call.target}` is thrown away: {fate}{harm}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=_severity(site, ends),
            fix=FixKind.UNSAFE if rewritable else FixKind.LLM,
        )


def _views(project: Project, path: str) -> Iterator[Module]:
    """The views of the application that take messages; `path` is a file that knows the same wrappers."""
    wrappers = project.settings_of(path).wrappers
    brings_view = (name for name, used in wrappers.items() if "Phoenix.LiveView" in used)
    for name in ("Phoenix.LiveView", ":live_view", *brings_view):
        for facts in project.naming(name, holding=("handle_info",), in_application=True):
            yield from (module for module in facts.modules if "LiveView" in kinds(module))


def _severity(site: Site, ends: bool) -> Severity:
    if takes_any_task_reply(site.module):
        return Severity.HINT  # called by name only, perhaps in its own process
    return Severity.INFORMATION if ends else Severity.WARNING


def _first_of_droppers(project: Project, site: Site) -> Site | None:
    """A caller of the function around the call, when no caller does anything with what it gives."""
    graph, function = call_graph(site.module), site.function
    if site.clause.impl or not site.module.complete:
        return None
    inside = (Site(site.module, *caller) for caller in graph.callers(function) if caller[0] is not function)
    callers = [*inside, *outside_calls(project, site.module, [function])]
    return callers[0] if callers and all(map(_drops, callers)) else None


def _drops(caller: Site) -> bool:
    if caller.call.form != "call" or not thrown_away(caller.clause, caller.call):
        return False
    return not takes_task_replies(caller.module) and not received(call_graph(caller.module), caller)


def _ends_with_process(source: Source, call: Call) -> bool:
    """Its block gives `:ignore` or `{:stop, ...}`: nobody is left whose mailbox could fill."""
    statement = source.node_at(call.span)
    while statement.parent is not None and statement.parent.type not in _BLOCKS:
        statement = statement.parent
    last = syntax.children(statement.parent)[-1] if statement.parent is not None else statement
    if last.type == "tuple" and syntax.children(last):
        last = syntax.children(last)[0]
    return last.type == "atom" and syntax.text(last) in (":ignore", ":stop", ":stop_and_reply")
