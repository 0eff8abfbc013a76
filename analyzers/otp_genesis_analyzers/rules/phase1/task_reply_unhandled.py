from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.messages.mailbox import messages_taken, takes_task_replies, traps_exits
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.messages.stray_messages import Fate, fate_of_stray_message
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.thrown_away_tasks import nobody_takes_result, starts_async
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.terms import Term

_TAKES_THE_REPLY = frozenset({"await", "await_many", "yield", "yield_many", "shutdown", "ignore"})
_WHAT_HAPPENS: dict[Fate, tuple[Severity, str]] = {
    "logged": (Severity.WARNING, "its result is logged and dropped"),
    "ignored": (Severity.WARNING, "the last clause drops its result"),
    "crash": (Severity.ERROR, "no clause matches its result, which ends the server"),
}
_ONLY_ITS_END = (Severity.INFORMATION, "a clause takes its end, and the last one drops its result")


class TaskReplyUnhandled(Rule):
    """A server starts a task with `async` and neither awaits it nor takes the message with its result.

    ## What it does
    Reports `Task.async`, `Task.Supervisor.async` and `Task.Supervisor.async_nolink` in the callbacks of a
    server, when the module has no clause for `{ref, result}` and nothing in the server awaits a task. It is
    an **error** where the message of the task ends the server: `handle_info/2` has clauses, and none fits.
    It is **information** where a clause takes the end of the task and the last one drops what is left, and a
    **hint** where the task is thrown away at once: OTP103 reports that place.
    Where the result is taken, a note tells of a linked task whose crash the server means to survive: it has a
    `:DOWN` clause for it, which can't run.

    ## Why it matters on the BEAM
    A task sends `{ref, result}` to the process that started it. A server that doesn't wait for it gets it
    as a plain message. Without any `handle_info/2` it is logged and lost, so nobody ever sees the result;
    with clauses of which none matches, a `FunctionClauseError` ends the server. `Task.async` links the task
    to the server too: a crash ends a server that does not trap exits, whatever its `:DOWN` clause would do.

    ## When it is legitimate
    When a clause takes `{ref, result}`, when a last clause hands every message on, when the task is awaited,
    polled with `Task.yield/2` or shut down. None of these is reported.

    ## Use instead
    ```elixir
    def handle_info({ref, result}, state) when is_reference(ref) do
      Process.demonitor(ref, [:flush])
      {:noreply, done(state, result)}
    end

    def handle_info({:DOWN, _ref, :process, _pid, reason}, state), do: {:noreply, failed(state, reason)}
    ```
    Or `Task.Supervisor.start_child/2`, which sends no result, when none is needed.

    ## Fix safety
    Unsafe. The fix adds the two clauses, and both leave the state as it is: what to do with the result is
    yours to fill in.

    ## References
    - https://hexdocs.pm/elixir/Task.html#async/1
    - https://hexdocs.pm/elixir/Task.Supervisor.html#async_nolink/3
    - Shown by `tests/beam/unawaited_task.exs`, `tests/beam/stray_messages.exs` and
      `tests/beam/linked_task_takes_its_server.exs`
    """

    code = "OTP121"
    name = "task-reply-unhandled"
    severity = Severity.WARNING
    anchors = ("Task async", "Task async_nolink")
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Trainer do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{task: nil}}

              @impl true
              def handle_cast({:train, model}, state) do
                task = Task.async(fn -> Shop.Model.train(model) end)
            #          ^^^^^^^^^^ warning: its result is logged and dropped
                {:noreply, %{state | task: task}}
              end
            end
            """,
            fixed="""
            defmodule Shop.Trainer do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{task: nil}}

              @impl true
              def handle_cast({:train, model}, state) do
                task = Task.async(fn -> Shop.Model.train(model) end)
                {:noreply, %{state | task: task}}
              end

              @impl true
              def handle_info({ref, _result}, state) when is_reference(ref) do
                Process.demonitor(ref, [:flush])
                {:noreply, state}
              end

              def handle_info({:DOWN, _ref, :process, _pid, _reason}, state) do
                {:noreply, state}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Index do
              use GenServer
              require Logger

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:build, shelf}, from, state) do
                {:noreply, build(state, shelf, from)}
              end

              @impl true
              def handle_info(message, state) do
                Logger.debug("ignored #{inspect(message)}")
                {:noreply, state}
              end

              defp build(state, shelf, from) do
                work = fn -> GenServer.reply(from, Shop.Shelf.index(shelf)) end
                task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, work)
            #          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ warning: the last clause drops its result
                %{state | tasks: [task | state.tasks]}
              end
            end
            """,
            fixed="""
            defmodule Shop.Index do
              use GenServer
              require Logger

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:build, shelf}, from, state) do
                {:noreply, build(state, shelf, from)}
              end

              @impl true
              def handle_info({ref, _result}, state) when is_reference(ref) do
                Process.demonitor(ref, [:flush])
                {:noreply, state}
              end

              def handle_info({:DOWN, _ref, :process, _pid, _reason}, state) do
                {:noreply, state}
              end

              def handle_info(message, state) do
                Logger.debug("ignored #{inspect(message)}")
                {:noreply, state}
              end

              defp build(state, shelf, from) do
                work = fn -> GenServer.reply(from, Shop.Shelf.index(shelf)) end
                task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, work)
                %{state | tasks: [task | state.tasks]}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              @impl true
              def init(shops), do: {:ok, %{shops: shops, tasks: []}}

              @impl true
              def handle_info(:refresh, state) do
                tasks = Enum.map(state.shops, fn shop -> Task.async(Shop.Price, :fetch, [shop]) end)
            #                                            ^^^^^^^^^^ error: which ends the server
                {:noreply, %{state | tasks: tasks}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Importer do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{task: nil}}

              @impl true
              def handle_call({:import, file}, from, state) do
                task = Task.async(fn -> Shop.Csv.read!(file) end)
            #          ^^^^^^^^^^ information: before its `:DOWN` clause runs
                {:noreply, %{state | task: {task, from}}}
              end

              @impl true
              def handle_info({ref, rows}, state) when is_reference(ref) do
                Process.demonitor(ref, [:flush])
                {:noreply, answered(state, {:ok, rows})}
              end

              def handle_info({:DOWN, _ref, :process, _pid, reason}, state) do
                {:noreply, answered(state, {:error, reason})}
              end

              defp answered(%{task: {_task, from}} = state, answer) do
                GenServer.reply(from, answer)
                %{state | task: nil}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Sweeper do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{sweeps: %{}}}

              @impl true
              def handle_cast({:sweep, shelf}, state) do
                task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, fn -> Shop.Shelf.sweep(shelf) end)
            #          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: a clause takes its end
                {:noreply, put_in(state.sweeps[task.ref], shelf)}
              end

              @impl true
              def handle_info({:DOWN, ref, :process, _pid, :normal}, state) do
                {:noreply, %{state | sweeps: Map.delete(state.sweeps, ref)}}
              end

              def handle_info(_message, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Index do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast(:build, state) do
                Task.Supervisor.async_nolink(Shop.TaskSupervisor, &build/0)
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ hint: its result is logged and dropped
                {:noreply, state}
              end

              defp build, do: Shop.Search.build()
            end

            defmodule Shop.Bell do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info(:ring, state) do
                Task.async(fn -> Shop.Door.ring(state) end)
            #   ^^^^^^^^^^ error: no clause matches its result
                {:noreply, state}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Reader do
              use GenServer

              def init(_opts) do
                Process.flag(:trap_exit, true)
                {:ok, Task.async(fn -> Shop.Csv.read!("a.csv") end)}
              end

              def handle_info({ref, rows}, _) when is_reference(ref), do: {:noreply, rows}
              def handle_info({:DOWN, _, :process, _, reason}, _), do: {:noreply, reason}
              def handle_info({:EXIT, _, _}, state), do: {:noreply, state}
            end

            defmodule Shop.Watcher do
              use GenServer

              def init(pid) do
                Process.monitor(pid)
                {:ok, Task.async(fn -> Shop.Csv.read!("a.csv") end)}
              end

              def handle_info({ref, rows}, _) when is_reference(ref), do: {:noreply, rows}
              def handle_info({:DOWN, _, :process, _, reason}, _), do: {:stop, reason, nil}
            end

            defmodule Shop.Careless do
              use GenServer

              def init(_opts), do: {:ok, Task.async(fn -> Shop.Csv.read!("a.csv") end)}
              def handle_info({ref, rows}, _) when is_reference(ref), do: {:noreply, rows}
              def handle_info({:DOWN, _, :process, _, _reason}, state), do: {:noreply, state}
            end

            defmodule Shop.Waiter do
              @behaviour :gen_statem

              def callback_mode, do: :handle_event_function
              def init(data), do: {:ok, :ready, data}

              def handle_event(:cast, :go, _, data) do
                {:keep_state, Map.put(data, :task, Task.async(fn -> Shop.Map.locate(data.id) end))}
              end

              def handle_event(:info, {ref, _}, _, _) when is_reference(ref), do: :keep_state_and_data
              def handle_event(:info, {:DOWN, _, :process, _, :normal}, _, _), do: :keep_state_and_data
            end
            """
        ),
        Example(
            """
            defmodule Shop.Trainer do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{task: nil}}

              @impl true
              def handle_cast({:train, model}, state) do
                task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, fn -> Shop.Model.train(model) end)
                {:noreply, %{state | task: task}}
              end

              @impl true
              def handle_info({ref, result}, %{task: %{ref: ref}} = state) do
                Process.demonitor(ref, [:flush])
                {:noreply, %{state | task: nil, result: result}}
              end

              def handle_info({:DOWN, _ref, _, _, _reason}, state), do: {:noreply, %{state | task: nil}}
            end

            defmodule Shop.Car do
              @behaviour :gen_statem

              def callback_mode, do: :handle_event_function
              def init(data), do: {:ok, :parked, data}

              def handle_event(:cast, :locate, _state, data) do
                {:keep_state, %{data | task: Task.async(fn -> Shop.Map.locate(data.id) end)}}
              end

              def handle_event(:info, {ref, _}, _, _) when is_reference(ref), do: :keep_state_and_data
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              @impl true
              def init(shops), do: {:ok, shops}

              @impl true
              def handle_call(:all, _from, shops) do
                tasks = Enum.map(shops, &Task.async(Shop.Price, :fetch, [&1]))
                {:reply, Task.await_many(tasks), shops}
              end
            end

            defmodule Shop.Terrain do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:height, place}, _from, state) do
                task = Task.async(fn -> Shop.Map.height(place) end)
                {:reply, Task.yield(task, 100) || Task.shutdown(task), state}
              end
            end

            defmodule Shop.Poll do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:ask, _from, state) do
                %{ref: ref} = Task.async(fn -> Shop.Vote.ask() end)

                receive do
                  {^ref, answer} -> {:reply, answer, state}
                after
                  1_000 -> {:reply, nil, state}
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Relay do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:go, work}, state), do: {:noreply, [Task.async(work) | state]}

              @impl true
              def handle_info(message, state), do: Shop.Messages.handle(message, state)
            end

            defmodule Shop.Mail do
              use GenServer

              def deliver(mail), do: Task.async(fn -> Shop.Smtp.send(mail) end)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:deliver, mail}, state) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Smtp.send(mail) end)
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Task.await(deliver(mail)) end)
                {:noreply, state}
              end

              def handle_cast({:batch, mails}, state) do
                mails |> Task.async_stream(&Shop.Smtp.send/1) |> Stream.run()
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Report do
              def build(shop) do
                task = Task.async(fn -> Shop.Sales.sum(shop) end)
                {:ok, task}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if not module.complete or not kinds(module) & SERVERS:
                continue
            if takes_task_replies(module):
                if _expects_crashes_of_tasks(module):
                    yield from (self._linked(file, site) for site in _linked_tasks(module))
                continue
            for site in _tasks_left_alone(module):
                fate = fate_of_stray_message(file.source, module)
                if fate not in _WHAT_HAPPENS:
                    continue
                severity, words = _WHAT_HAPPENS[fate]
                if fate == "ignored" and _takes_ends(module):
                    severity, words = _ONLY_ITS_END
                if fate != "crash" and nobody_takes_result(call_graph(module), site):
                    severity = Severity.HINT  # OTP103 reports it
                yield self._finding(file, site, severity, words)

    def _finding(self, file: FileView, site: Site, severity: Severity, words: str) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            f"the task of `{site.call.target}` is not awaited, no clause takes `{{ref, result}}`: {words}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=severity,
            fix=FixKind.UNSAFE,
        )

    def _linked(self, file: FileView, site: Site) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.call.target}` links the task to the server, which a crash of the task ends before its "
            "`:DOWN` clause runs: `Task.Supervisor.async_nolink` starts one that is not linked",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=Severity.INFORMATION,
            fix=FixKind.LLM,
        )


def _takes_ends(module: Module) -> bool:
    """A clause was written for the end of a task: `:DOWN`, or `:EXIT` of a linked one."""
    return any(unwrapped(message).tag in ("DOWN", "EXIT") for message in messages_taken(module))


def _expects_crashes_of_tasks(module: Module) -> bool:
    """A clause does something with the reason of a `:DOWN`, and only tasks can be meant."""
    takes_crashes = any(
        message.tag == "DOWN" and len(message.items) == 5 and _is_used(message.items[4])
        for message in messages_taken(module)
    )
    return takes_crashes and not traps_exits(module) and not any(map(_is_monitored, sites(module)))


def _is_used(reason: Term) -> bool:
    return reason.kind == "variable" and not reason.value.startswith("_")


def _is_monitored(site: Site) -> bool:
    call = site.call
    return call.name in ("monitor", "async_nolink", "spawn_monitor", "spawn_opt")


def _linked_tasks(module: Module) -> Iterator[Site]:
    """The linked tasks that the server itself starts and never waits for."""
    inside = callback_chains(call_graph(module))
    own = [site for site in sites(module) if site.function.id in inside and site.call.runs == "here"]
    if not any(_takes_reply(site) for site in own):
        yield from (site for site in own if site.call.name == "async" and starts_async(site.call))


def _tasks_left_alone(module: Module) -> Iterator[Site]:
    """The tasks that the server itself starts and never waits for."""
    graph = call_graph(module)
    inside = callback_chains(graph)
    own = [site for site in sites(module) if site.function.id in inside and site.call.runs == "here"]
    if any(_takes_reply(site) for site in own) or _receives_reply(module):
        return
    for site in own:
        if starts_async(site.call):
            yield site


def _takes_reply(site: Site) -> bool:
    return site.call.module == "Task" and site.call.name in _TAKES_THE_REPLY


def _receives_reply(module: Module) -> bool:
    return any(
        pattern.kind == "tuple" and len(pattern.items) == 2 and pattern.items[0].kind in ("variable", "pin")
        for function in module.functions
        for clause in function.clauses
        for receive in clause.receives
        for pattern in receive.patterns
    )
