from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.testing.kills import UnwatchedKill, unwatched_kills
from otp_genesis_analyzers.facts.testing.test_blocks import is_test_case, test_blocks
from otp_genesis_analyzers.findings import Finding, FixKind, Related, Severity
from otp_genesis_analyzers.roles import IN_TESTS
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class TestKillWithoutMonitor(Rule):
    """A test ends a process and looks at what is left, without waiting for its death.

    ## What it does
    Reports `Process.exit(pid, reason)` in a test or setup, when one of the next five statements asks
    `Process.alive?(pid)` or looks a name up, and nothing between waits for the `:DOWN` message of a monitor.

    ## Why it matters on the BEAM
    An exit signal is a message: the call comes back before the process is gone. A name stays registered
    until it is, and a process that traps exits first runs its `terminate`. A sleep between the two is too
    short on some machine and too long on all others; a monitor tells when the process is gone, and why.

    ## When it is legitimate
    With a monitor, a `receive`, an `assert_receive` or a function that waits in between. Straight after
    `Process.exit(pid, :kill)` the answer of `Process.alive?(pid)` is reliable: signals between two processes
    keep their order, and `:kill` can't be trapped. `GenServer.stop` waits by itself. None of these is
    reported, nor is a test that asserts that the process lives on.

    ## Use instead
    ```elixir
    ref = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, :killed}
    ```

    ## Fix safety
    Unsafe. The test waits at most the time of `assert_receive`, and fails when the process does not die.
    Where the test looks for the process that takes the place of the dead one, a monitor does not help.

    ## References
    - https://hexdocs.pm/elixir/Process.html#monitor/1
    - https://www.erlang.org/doc/apps/erts/erlang.html#is_process_alive/1
    - Shown by `tests/beam/exit_is_a_signal.exs`
    """

    code = "OTP412"
    name = "test-kill-without-monitor"
    severity = Severity.INFORMATION
    anchors = ("Process exit", ":erlang exit")
    roles = IN_TESTS
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: test/shop/cart_test.exs
            defmodule Shop.CartTest do
              use ExUnit.Case

              test "dies", %{cart: cart} do
                Process.exit(cart, :kill)
            #   ^^^^^^^^^^^^ information: the test does not wait for the process to end
                Process.sleep(50)
                refute Process.alive?(cart)
              end

              test "leaves", %{cart: cart} do
                Process.exit(cart, :shutdown)
            #   ^^^^^^^^^^^^ information: `Process.alive?` may come too early
                assert Process.alive?(cart) == false
              end
            end
            """,
            fixed="""
            # file: test/shop/cart_test.exs
            defmodule Shop.CartTest do
              use ExUnit.Case

              test "dies", %{cart: cart} do
                ref = Process.monitor(cart)
                Process.exit(cart, :kill)
                assert_receive {:DOWN, ^ref, :process, ^cart, :killed}
              end

              test "leaves", %{cart: cart} do
                ref = Process.monitor(cart)
                Process.exit(cart, :shutdown)
                assert_receive {:DOWN, ^ref, :process, ^cart, _}
              end
            end
            """,
        ),
        Example(
            """
            # file: test/shop/till_test.exs
            defmodule Shop.TillTest do
              use ExUnit.Case

              test "gives its name back" do
                pid = start_supervised!({Shop.Till, name: :till})
                Process.exit(pid, :kill)
            #   ^^^^^^^^^^^^ information: `Process.whereis` may come too early
                refute Process.whereis(:till)
              end
            end
            """,
            fixed="""
            # file: test/shop/till_test.exs
            defmodule Shop.TillTest do
              use ExUnit.Case

              test "gives its name back" do
                pid = start_supervised!({Shop.Till, name: :till})
                ref = Process.monitor(pid)
                Process.exit(pid, :kill)
                assert_receive {:DOWN, ^ref, :process, ^pid, :killed}
                refute Process.whereis(:till)
              end
            end
            """,
        ),
        Example(
            """
            # file: test/shop/restart_test.exs
            defmodule Shop.RestartTest do
              use ExUnit.Case

              test "comes back" do
                old = Process.whereis(Shop.Till)
                Process.exit(old, :kill)
            #   ^^^^^^^^^^^^ information: `Process.whereis` may come too early
                Process.sleep(100)
                new = Process.whereis(Shop.Till)
                assert new != old
              end

              test "comes back, found by name" do
                Process.exit(Process.whereis(Shop.Till), :kill)
            #   ^^^^^^^^^^^^ information: the test does not wait for the process to end
                assert GenServer.whereis(Shop.Till)
              end

              test "answers again" do
                Shop.Till |> Process.whereis() |> Process.exit(:kill)
            #                                     ^^^^^^^^^^^^ information: `GenServer.call` may
                assert GenServer.call(Shop.Till, :total) == 0
              end

              test "dies in its place", context do
                Process.exit(context.till, :shutdown)
            #   ^^^^^^^^^^^^ information: `Process.alive?` may come too early
                refute Process.alive?(context.till)
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: test/shop/monitored_test.exs
            defmodule Shop.MonitoredTest do
              use ExUnit.Case

              test "waits for the monitor", %{pid: pid} do
                ref = Process.monitor(pid)
                Process.exit(pid, :kill)
                assert_receive {:DOWN, ^ref, :process, ^pid, :killed}
                refute Process.alive?(pid)
              end

              test "waits for the exit of a linked process", %{pid: pid} do
                Process.flag(:trap_exit, true)
                Process.exit(pid, :shutdown)
                assert_receive {:EXIT, ^pid, :shutdown}
                refute Process.alive?(pid)
              end

              test "asks until it is so", %{pid: pid} do
                Process.exit(pid, :kill)
                wait_until(fn -> Process.whereis(:till) == nil end)
                refute Process.whereis(:till)
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/order_test.exs
            defmodule Shop.OrderTest do
              use ExUnit.Case

              test "no process outlives :kill to answer", %{pid: pid} do
                Process.exit(pid, :kill)
                refute Process.alive?(pid)
              end

              test "stop waits by itself", %{pid: pid} do
                GenServer.stop(pid)
                refute Process.alive?(pid)
              end

              test "an exit that is ignored", %{pid: pid} do
                Process.exit(pid, :normal)
                assert Process.alive?(pid)
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/other_test.exs
            defmodule Shop.OtherTest do
              use ExUnit.Case

              test "another process is asked", %{pid: pid, other: other} do
                Process.exit(pid, :kill)
                Process.sleep(10)
                refute Process.alive?(other)
              end

              test "nothing is asked", %{pid: pid} do
                Process.exit(pid, :kill)
                assert Shop.Till.total() == 0
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/reaper.ex
            defmodule Shop.Reaper do
              def reap(pid) do
                Process.exit(pid, :shutdown)
                Process.sleep(50)
                not Process.alive?(pid)
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/whereis_test.exs
            defmodule Shop.WhereisTest do
              use ExUnit.Case
              import ExUnit.CaptureLog

              test "looks up whom it kills" do
                capture_log(fn ->
                  true = Process.exit(Process.whereis(Shop.Till), :kill)
                end)

                assert_receive {:till, :closed}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in file.facts.modules:
            if is_test_case(module):
                for block in test_blocks(module):
                    for kill in unwatched_kills(file.source, block):
                        yield self._finding(file, kill)

    def _finding(self, file: FileView, kill: UnwatchedKill) -> Finding:
        path, call = file.facts.path, kill.site.call
        look = f"{kill.look.module}.{kill.look.name}"
        return self.report(
            path,
            call.head,
            f"the test does not wait for the process to end: `{look}` may come too early, where a monitor "
            "says when it is gone",
            snippet=file.source.text(call.span),
            scope=kill.site.scope,
            fix=FixKind.UNSAFE if kill.expects_absence and kill.process.kind == "variable" else FixKind.LLM,
            related=(Related(path, kill.look.head, "this looks at what the exit signal has done by now"),),
        )
