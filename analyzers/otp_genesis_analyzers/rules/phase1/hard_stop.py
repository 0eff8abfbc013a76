from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.processes.hard_stops import FoundStop, Stop, hard_stops
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_WORDS: dict[Stop, str] = {
    "nothing": (
        "an exit signal with the reason `:normal` ends no other process: it is dropped, or is a mere message "
        "where exits are trapped. Call `GenServer.stop/1`, let a supervisor stop it, or send `:shutdown`"
    ),
    "kill": (
        "`:kill` ends the process at once, whatever it traps: no `terminate/2` runs, and what it was about "
        "to write is lost. Let its supervisor stop it, or send `:shutdown`"
    ),
    "halt": (
        "ends the whole virtual machine at once: no supervisor stops its children, and nothing is written "
        "that waits for it. `System.stop/1` shuts the applications down in order"
    ),
}


class HardStop(Rule):
    """A process, or the whole system, is stopped without a chance to clean up, or not stopped at all.

    ## What it does
    Reports `Process.exit(pid, :normal)` to another process as a **warning**: it does not stop it. In the
    preset `strict`, `Process.exit(pid, :kill)`, `System.halt` and `:erlang.halt` are **information**.

    ## Why it matters on the BEAM
    An exit signal with the reason `:normal` is dropped by a process that does not trap exits, and is a
    message to one that does: neither ends, unless it comes from its parent. `:kill` cannot be trapped: the
    process ends without `terminate/2`, and all that are linked to it get `:killed`. `System.halt` ends the
    virtual machine with no supervisor asked; `System.stop` lets each application stop its children in order.

    ## When it is legitimate
    A kill as the last resort: in a `catch`, a `rescue` or the `after` of a `receive`, behind a stop with a
    timeout, behind another signal to the same process. A signal to `self()`. `:normal` from a module that
    starts supervisors or servers itself: such a process ends when its parent says so. A halt in a
    command-line tool, a Mix or release task. None of these is reported, nor is code in tests.

    ## Use instead
    ```elixir
    DynamicSupervisor.terminate_child(Shop.WorkerSupervisor, worker)
    ```

    ## Fix safety
    Unsafe. `:kill` becomes `:shutdown`, which a process may trap: a server that does so gets a message
    when the signal is not its parent's, and goes on.

    ## References
    - https://hexdocs.pm/elixir/Process.html#exit/2
    - https://hexdocs.pm/elixir/System.html#stop/1
    - `tests/beam/exit_signals.exs`
    """

    code = "OTP118"
    name = "hard-stop"
    severity = Severity.INFORMATION
    default_from = Severity.WARNING
    anchors = ("Process exit", ":erlang exit", "System halt", ":erlang halt")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Watcher do
              def run(order, work) do
                watcher = spawn_link(fn -> Shop.Feed.follow(order) end)
                result = work.()
                Process.exit(watcher, :normal)
            #   ^^^^^^^^^^^^ warning: ends no other process
                result
              end

              def stop(pid), do: pid |> Process.exit(:normal)
            #                           ^^^^^^^^^^^^ warning

              def old(pid), do: :erlang.exit(pid, :normal)
            #                   ^^^^^^^^^^^^ warning
            end
            """
        ),
        Example(
            """
            defmodule Shop.Workers do
              def stop(worker) do
                Process.exit(worker, :kill)
            #   ^^^^^^^^^^^^ information: whatever it traps
              end

              def restart, do: Shop.Worker |> Process.whereis() |> Process.exit(:kill)
            #                                                      ^^^^^^^^^^^^ information

              def stop_all(workers), do: Enum.each(workers, &Process.exit(&1, :kill))
            #                                                ^^^^^^^^^^^^ information
            end
            """,
            fixed="""
            defmodule Shop.Workers do
              def stop(worker) do
                Process.exit(worker, :shutdown)
              end

              def restart, do: Shop.Worker |> Process.whereis() |> Process.exit(:shutdown)

              def stop_all(workers), do: Enum.each(workers, &Process.exit(&1, :shutdown))
            end
            """,
        ),
        Example(
            """
            defmodule Shop.License do
              def check do
                unless Shop.Key.valid?(), do: System.halt(1)
            #                                 ^^^^^^^^^^^ information: ends the whole virtual machine
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Guard do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info(:tick, state) do
                for pid <- state.pids, do: :erlang.exit(pid, :kill)
            #                              ^^^^^^^^^^^^ information
                if state.over?, do: :erlang.halt()
            #                       ^^^^^^^^^^^^ information
                {:noreply, state}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Query do
              def stop(conn) do
                GenServer.stop(conn, :normal, 5_000)
              catch
                :exit, _reason -> Process.exit(conn, :kill)
              end

              def run(task) do
                case Task.yield(task, 1_000) do
                  {:ok, found} -> found
                  nil -> Process.exit(task.pid, :kill)
                end
              end

              def shut_down(pid) do
                ref = Process.monitor(pid)
                Process.exit(pid, :shutdown)

                receive do
                  {:DOWN, ^ref, :process, ^pid, _reason} -> :ok
                after
                  5_000 -> Process.exit(pid, :kill)
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Editor do
              use GenServer

              @impl true
              def init(opts), do: {:ok, %{folder: opts[:folder], checks: nil}}

              @impl true
              def handle_cast({:checks, true}, %{checks: nil} = state) do
                {:ok, checks} = Shop.Checks.Supervisor.start_link(state.folder)
                {:noreply, %{state | checks: checks}}
              end

              def handle_cast({:checks, false}, state) do
                Process.exit(state.checks, :normal)
                {:noreply, %{state | checks: nil}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Self do
              def leave, do: Process.exit(self(), :normal)
              def leave_at_once, do: Process.exit(self(), :kill)
              def done, do: exit(:normal)
              def tell(pid, reason), do: Process.exit(pid, reason)
              def shut(pid), do: Process.exit(pid, :shutdown)
              def stop, do: System.stop(0)
              def stop_server(pid), do: GenServer.stop(pid, :normal)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/cli.ex
            defmodule Shop.CLI do
              def run(_args), do: System.halt(1)
            end
            # file: lib/shop/tool.ex
            defmodule Shop.Tool do
              def main(args), do: if(args == [], do: usage(), else: :ok)
              defp usage, do: System.halt(64)
            end
            # file: lib/mix/tasks/shop.check.ex
            defmodule Mix.Tasks.Shop.Check do
              use Mix.Task
              def run(_args), do: System.halt(1)
            end
            """
        ),
        Example(
            """
            # file: test/shop/worker_test.exs
            defmodule Shop.WorkerTest do
              use ExUnit.Case

              test "is restarted", %{pid: pid} do
                ref = Process.monitor(pid)
                Process.exit(pid, :kill)
                assert_receive {:DOWN, ^ref, _, _, _}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Exits do
              alias Shop.Process

              def stop(pid), do: Process.exit(pid, :kill)
              def text, do: "Process.exit(pid, :normal)"

              defmacro stopped(pid) do
                quote do: Elixir.Process.exit(unquote(pid), :normal)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for found in hard_stops(file.source, module):
                yield self._finding(file, found)

    def _finding(self, file: FileView, found: FoundStop) -> Finding:
        call = found.site.call
        what = f"`{call.target.rpartition('/')[0]}` " if found.stop == "halt" else ""
        return self.report(
            file.facts.path,
            call.head,
            f"{what}{_WORDS[found.stop]}",
            snippet=file.source.text(call.span),
            scope=found.site.scope,
            severity=Severity.WARNING if found.stop == "nothing" else Severity.INFORMATION,
            fix=FixKind.UNSAFE if found.stop == "kill" else FixKind.LLM,
        )
