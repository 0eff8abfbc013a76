from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.across_modules.awaited_cast import awaited_cast
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.testing.kills import unwatched_kills
from otp_genesis_analyzers.facts.testing.sleep_purpose import Purpose, acts_before, purpose_of_sleep
from otp_genesis_analyzers.facts.testing.sleeps import is_sleep, slept_milliseconds
from otp_genesis_analyzers.facts.testing.test_blocks import (
    TestBlock,
    asserts,
    blocks_and_functions,
    following,
    is_refuted_next,
    is_test_case,
    is_test_helper,
    refutes,
    test_call_at,
)
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import IN_TESTS
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

SHORTEST_MS = 5
"""A shorter sleep only lets other processes run, unless what they did is looked at next."""

_SLOW_WORDS = ("slow", "sleep", "delay", "simulat", "wait")
"""Parts of the names of functions that sleep for the sake of it."""

_JUDGEMENTS: dict[Purpose, tuple[Severity, str]] = {
    "state": (
        Severity.WARNING,
        "and hopes that the other process is done: what it asserts next fails on a slow machine",
    ),
    "progress": (
        Severity.INFORMATION,
        "for another process to get somewhere: wait for a message, or ask until it is there",
    ),
    "time": (Severity.HINT, "to let time pass: a clock that the test can set is faster and exact"),
    "start": (Severity.HINT, "before it begins, for what was started: ask until it is there"),
    "helper": (
        Severity.HINT,
        "in a helper, and so wherever that is called: wait for a message instead",
    ),
    "end": (Severity.HINT, "at its end: what still runs by then runs into the next test"),
    "capture": (
        Severity.HINT,
        "at the end of what it captures: what comes later is missed, so wait for what logs or prints it",
    ),
    "task": (
        Severity.HINT,
        "in a task before it looks: wait for a message, or ask until it is there",
    ),
    "match": (
        Severity.HINT,
        "for what a pattern behind it takes: wait for a message, or ask until it is there",
    ),
    "silence": (Severity.HINT, "to see that nothing happens: `refute_receive` or a barrier says when"),
}


class TestSleep(Rule):
    """A test sleeps for a fixed time and then checks what another process did.

    ## What it does
    Reports `Process.sleep` and `:timer.sleep` of a literal, finite time that stand as a statement in a
    `test` or `setup` block, also inside `capture_log`, `try` and `with_mock`, with an assertion later in the
    block.

    It is a **warning** when the next statement asserts on some state: the sleep stands for a message that
    nobody waits for. The same holds in a helper of the test module that is no loop. It is **information**
    when other statements come first, and a **hint** when time itself is what is tested (an interval, what the
    test's name or the comment above says), or when the test wants to see that nothing happens (its name says
    "does not", what it asserts was so before). It is a hint, too, as a step of a `setup` that asserts
    nothing, as the last step of a test or of what `capture_log` runs, in a task in front of what that
    asserts, in a private helper, and in a module of helpers behind a step that starts or changes something;
    where no assertion but a pattern (`{:ok, [order]} = Orders.list()`) takes what should be there by then;
    and for less than 5 ms with a look at another process behind it.

    ## Why it matters on the BEAM
    The time is a guess. On a busy machine the other process is not yet done and the test fails; on every
    other run the rest of the time is wasted. Processes tell each other when something is done: a message,
    a monitor's `:DOWN`, or the answer to a call, which comes after all that was sent before it.

    ## When it is legitimate
    `Process.sleep(:infinity)` as a placeholder. In a `fn` or a fixture module, where it stands for slow
    work. In a loop that asks again until a limit. With a time that is only known at run time. None of these
    is reported. A sleep between `Process.exit` and a look at what is left belongs
    to OTP412.

    ## Use instead
    ```elixir
    Worker.kick(pid)
    assert_receive {:done, ^pid}

    Counter.bump(pid)
    :sys.get_state(pid)
    assert Counter.value(pid) == 1
    ```

    ## Fix safety
    Unsafe. Between a cast and an assertion the sleep becomes `:sys.get_state(server)`, which comes back
    when the cast was handled, but does not wait for what the server handed to others. In front of
    `refute_received` it becomes the timeout of a `refute_receive`.

    ## References
    - https://hexdocs.pm/ex_unit/ExUnit.Assertions.html#assert_receive/3
    - https://www.erlang.org/doc/apps/stdlib/sys.html#get_state/1
    - Shown by `tests/beam/call_after_cast.exs`
    """

    code = "OTP408"
    name = "test-sleep"
    severity = Severity.INFORMATION
    anchors = ("sleep",)
    roles = IN_TESTS
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/counter.ex
            defmodule Shop.Counter do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, 0, opts)
              def bump(counter), do: GenServer.cast(counter, :bump)
              def value(counter), do: GenServer.call(counter, :value)

              @impl true
              def init(value), do: {:ok, value}

              @impl true
              def handle_cast(:bump, value), do: {:noreply, value + 1}

              @impl true
              def handle_call(:value, _from, value), do: {:reply, value, value}
            end
            # file: test/shop/counter_test.exs
            defmodule Shop.CounterTest do
              use ExUnit.Case

              alias Shop.Counter

              test "counts" do
                counter = start_supervised!(Counter)
                Counter.bump(counter)
                Process.sleep(100)
            #   ^^^^^^^^^^^^^ warning: sleeps 100 ms and hopes
                assert Counter.value(counter) == 1
              end
            end
            """,
            fixed="""
            # file: test/shop/counter_test.exs
            defmodule Shop.CounterTest do
              use ExUnit.Case

              alias Shop.Counter

              test "counts" do
                counter = start_supervised!(Counter)
                Counter.bump(counter)
                :sys.get_state(counter)
                assert Counter.value(counter) == 1
              end
            end
            """,
        ),
        Example(
            """
            # file: test/shop/clapper_test.exs
            defmodule Shop.ClapperTest do
              use ExUnit.Case

              test "goes with the shop", %{clapper: clapper} do
                Shop.close()
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                refute Process.alive?(clapper)
              end

              test "swings twice", %{clapper: clapper} do
                Shop.Bell.ring(clapper)
                :timer.sleep(1)
            #   ^^^^^^^^^^^^ hint: sleeps 1 ms
                assert Shop.Bell.swings(clapper) == 2
              end

              test "is heard next door" do
                Shop.Bell.ring_all()
                Process.sleep(100)
            #   ^^^^^^^^^^^^^ hint: for what a pattern behind it takes
                visitors = Shop.Door.visitors()
                [{_, :bell}] = Shop.Door.heard(visitors)
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/bell_test.exs
            defmodule Shop.BellTest do
              use ExUnit.Case

              test "stays silent without a customer" do
                Shop.Bell.listen(self())
                :timer.sleep(50)
            #   ^^^^^^^^^^^^ hint: sleeps 50 ms to see that nothing happens
                refute_received {:rang, _}
              end
            end
            """,
            fixed="""
            # file: test/shop/bell_test.exs
            defmodule Shop.BellTest do
              use ExUnit.Case

              test "stays silent without a customer" do
                Shop.Bell.listen(self())
                refute_receive {:rang, _}, 50
              end
            end
            """,
        ),
        Example(
            """
            # file: test/shop/orders_test.exs
            defmodule Shop.OrdersTest do
              use ExUnit.Case
              import ExUnit.CaptureLog

              setup do
                start_supervised!(Shop.Orders)
                Process.sleep(:timer.seconds(1))
            #   ^^^^^^^^^^^^^ warning: sleeps 1000 ms and hopes
                assert Shop.Orders.ready?()
                :ok
              end

              test "ships" do
                Shop.Orders.ship(1)
                Process.sleep(200)
            #   ^^^^^^^^^^^^^ warning: fails on a slow machine
                order = Shop.Repo.get(Shop.Order, 1)
                assert order.shipped
              end

              test "logs" do
                log =
                  capture_log(fn ->
                    Shop.Orders.ship(-1)
                    Process.sleep(200)
            #       ^^^^^^^^^^^^^ warning: fails on a slow machine
                  end)

                assert log =~ "no such order"
                assert_shipped_later()
              end

              defp assert_shipped_later do
                Process.sleep(20)
            #   ^^^^^^^^^^^^^ warning: sleeps 20 ms
                assert Shop.Orders.count() == 1
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/ledger_test.exs
            defmodule Shop.LedgerTest do
              use ExUnit.Case
              import Mock

              setup_all do
                start_supervised!(Shop.Ledger)
                Process.sleep(500)
            #   ^^^^^^^^^^^^^ hint: before it begins, for what was started
                :ok
              end

              test "is written" do
                Shop.Ledger.open("tmp/ledger")

                try do
                  Shop.Ledger.write("a book")
                  Process.sleep(100)
            #     ^^^^^^^^^^^^^ warning: sleeps 100 ms and hopes
                  lines = File.read!("tmp/ledger")
                  assert lines =~ "a book"
                after
                  File.rm!("tmp/ledger")
                end
              end

              test "is printed" do
                with_mocks [{Shop.Printer, [:passthrough], []}] do
                  Shop.Ledger.write("a book")
                  :timer.sleep(20)
            #     ^^^^^^^^^^^^ warning: sleeps 20 ms and hopes
                  assert called(Shop.Printer.print("a book"))
                end
              end

              test "keeps the order of the entries" do
                first = Shop.Ledger.insert("a book")
                Process.sleep(1_000)
            #   ^^^^^^^^^^^^^ hint: to let time pass
                second = Shop.Ledger.insert("a pen")
                assert Shop.Ledger.all() == [first, second]
              end

              test "is sent" do
                expect(Shop.Post, :send, fn "a book" -> :ok end)
                Shop.Ledger.write("a book")
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: at its end
              end

              test "is locked while it is written" do
                spawn(fn -> Shop.Ledger.write("a book") end)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens
                assert Shop.Ledger.alive?()
              end

              test "is opened again" do
                Shop.Ledger.close()
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                assert :ok == Shop.Ledger.write("a pen")
              end

              test "takes two entries each second" do
                assert {:error, 2} = Shop.Ledger.check("a pen", 1_000, 2)
                Process.sleep(1_000)
            #   ^^^^^^^^^^^^^ hint: to let time pass
                assert {:ok, 1} = Shop.Ledger.check("a pen", 1_000, 2)
              end

              test "is empty at first" do
                Shop.Ledger.close()
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens
                # a line should not be written
                assert Shop.Ledger.all() == []
              end

              test "is closed" do
                for page <- 1..3 do
                  Shop.Ledger.turn(page)
                  Process.sleep(20)
                  assert Shop.Ledger.page() == page
                end
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/leader_test.exs
            defmodule Shop.LeaderTest do
              use ExUnit.Case

              test "the first one leads" do
                first = start_supervised!({Shop.Leader, name: :first})
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                start_supervised!({Shop.Leader, name: :second})
                assert Shop.Leader.current() == first
              end

              test "nobody is left" do
                Shop.Leader.retire_all()
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                assert [] = Shop.Leader.list()
              end

              test "is elected once" do
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                assert {:ok, _} = Shop.Leader.start_election()
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/socket_test.exs
            defmodule Shop.SocketTest do
              use ExUnit.Case

              test "answers twice", %{socket: socket} do
                first = ask(socket, :open?)
                assert answer(socket, first) == true
                settle()
              end

              defp ask(socket, question) do
                ref = Shop.Socket.push(socket, question)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: sleeps 50 ms in a helper
                ref
              end

              defp settle, do: :timer.sleep(10)
            #                  ^^^^^^^^^^^^ hint: in a helper

              defp answer(socket, ref) do
                Enum.find_value(1..10, fn _attempt ->
                  Process.sleep(10)
                  Shop.Socket.answer(socket, ref)
                end)
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/cache_test.exs
            defmodule Shop.CacheTest do
              use ExUnit.Case

              test "entries expire" do
                Shop.Cache.put(:a, 1)
                Process.sleep(60)
            #   ^^^^^^^^^^^^^ hint: sleeps 60 ms to let time pass
                assert Shop.Cache.get(:a) == nil
              end

              test "are dropped one by one" do
                Shop.Cache.put(:a, 1, ttl: 50)
                Process.sleep(60)
            #   ^^^^^^^^^^^^^ hint: to let time pass
                assert Shop.Cache.size() < 2
              end

              test "keep the second they were written in" do
                Shop.Cache.put(:a, 1)
                Process.sleep(1_010)
            #   ^^^^^^^^^^^^^ hint: to let time pass
                assert Shop.Cache.age(:a) == 1
              end

              test "survives nonsense" do
                send(Shop.Cache, :nonsense)
                Process.sleep(10)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens
                assert Process.alive?(Process.whereis(Shop.Cache))
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/stillness_test.exs
            defmodule Shop.StillnessTest do
              use ExUnit.Case

              test "does not sell what is not there" do
                Shop.Till.sell(:unicorn)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens
                assert Shop.Till.count() == 3
              end

              test "counts what was sold when the till is not open" do
                Shop.Till.sell(:apple)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ warning: and hopes
                assert Shop.Till.count() == 4
              end

              test "another till changes nothing in this one" do
                assert Shop.Till.count() == 3
                Shop.Till.open(:other)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens
                assert Shop.Till.count() == 3
              end

              test "takes the last one back" do
                assert Shop.Till.count() == 3
                Shop.Till.sell(:apple)
                assert Shop.Till.count() == 4
                Shop.Till.take_back(:apple)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ warning: and hopes
                assert Shop.Till.count() == 3
              end

              test "the list is empty at first" do
                Shop.Till.listen(self())
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                sold = Shop.Till.list()
                assert sold == []
              end

              test "a second till keeps running" do
                Shop.Till.open(:second)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens
                pid = Shop.Till.whereis(:second)
                assert Process.alive?(pid)
              end

              test "a lock is held as long as was said" do
                Shop.Till.lock(:second, 100)
                Process.sleep(75)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                Shop.Till.touch(:second)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: to let time pass
                assert Shop.Till.locked?(:second)
              end

              test "does not fail when there is no till" do
                Shop.Till.close_all()
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ warning: and hopes
                sales = Shop.Till.list()
                assert length(sales) > 0
              end

              test "logs what it does from now on" do
                Shop.Till.open(:third)
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                assert ExUnit.CaptureLog.capture_log(fn -> Shop.Till.sell(:pear) end) =~ "pear"
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/clock_test.exs
            defmodule Shop.ClockTest do
              use ExUnit.Case

              test "a date is kept" do
                {:ok, date} = Shop.Clock.get_date()
                Process.sleep(10)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens
                assert {:ok, ^date} = Shop.Clock.get_date()
              end

              test "the bell rings" do
                Shop.Clock.wind()
                # Wait for the timer of the bell.
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: to let time pass
                assert Shop.Clock.rang?()
              end

              test "is started by its first user" do
                pid = Shop.Clock.pid()
                Shop.Clock.wind()
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ warning: and hopes
                assert is_pid(pid)
                assert Shop.Clock.wound?()
              end

              test "takes its time" do
                Shop.Clock.wind()
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ information: for another process to get somewhere
                assert :gen_tcp.recv(Shop.Clock.socket(), 0, 10) == {:error, :timeout}
              end

              test "hands nothing out" do
                Shop.Clock.wind()
                Process.sleep(50)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens
                assert match?([], Shop.Clock.bells())
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/log_test.exs
            defmodule Shop.LogTest do
              use ExUnit.Case
              import ExUnit.CaptureLog

              test "refuses strangers" do
                capture_log(fn ->
                  assert {:error, 401} = Shop.Door.open("stranger")
                  Process.sleep(30)
            #     ^^^^^^^^^^^^^ hint: at the end of what it captures
                end)
              end

              test "another process reads the ledger" do
                Task.async(fn ->
                  Shop.Ledger.write(:apple)
                  Process.sleep(50)
            #     ^^^^^^^^^^^^^ hint: in a task before it looks
                  assert Shop.Ledger.read() == [:apple]
                end)
                |> Task.await()
              end
            end
            # file: test/support/ledger_helpers.ex
            defmodule Shop.LedgerHelpers do
              def start_ledger(pages) do
                Shop.Ledger.start_link(pages)
                Process.sleep(100)
            #   ^^^^^^^^^^^^^ hint: in a helper
                Shop.Ledger.pid()
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/job_test.exs
            defmodule Shop.JobTest do
              use ExUnit.Case

              test "starting a cancelled job" do
                {:ok, cancelled} = Shop.Job.cancel(Shop.Job.new())
                assert cancelled.status == :cancelled

                {:ok, _pid} = Shop.Job.start(cancelled.id)
                Process.sleep(200)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens

                fresh = Shop.Job.get(cancelled.id)
                assert fresh.status == :cancelled
              end

              test "a failed answer" do
                Shop.Job.start("x")
                Process.sleep(100)
            #   ^^^^^^^^^^^^^ hint: to see that nothing happens

                # The title should remain as it was
                job = Shop.Job.get("x")
                assert job.title == "x"
              end

              test "starting a job" do
                {:ok, job} = Shop.Job.new()
                assert job.status == :waiting
                Process.sleep(200)
            #   ^^^^^^^^^^^^^ warning

                job = Shop.Job.get(job.id)
                assert job.status == :done
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/timetable_test.exs
            defmodule Shop.TimetableTest do
              use ExUnit.Case

              @delay_ms 200
              @patience_ms 100

              test "runs the job" do
                Shop.Timetable.run_in(&Shop.Log.note/0, @delay_ms)
                Process.sleep(2 * @delay_ms)
            #   ^^^^^^^^^^^^^ hint: to let time pass
                assert Shop.Log.notes() == [:noted]
              end

              test "notes what it does" do
                Shop.Timetable.run()
                assert_receive :ran, @patience_ms
                Process.sleep(@patience_ms)
            #   ^^^^^^^^^^^^^ warning: hopes that the other process is done
                assert Shop.Log.notes() == [:noted]
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: test/shop/race_test.exs
            defmodule Shop.RaceTest do
              use ExUnit.Case
              import ExUnit.CaptureLog

              test "waits for whoever is slow" do
                task =
                  Task.async(fn ->
                    Process.sleep(50)
                    :late
                  end)

                assert Shop.Race.winner(task) == :late
                capture_log(fn -> Process.sleep(10) end)
              end
            end
            # file: test/support/server_helpers.ex
            defmodule Shop.ServerHelpers do
              def slow_answer(conn) do
                Shop.Ledger.write(conn)
                Process.sleep(100)
                conn
              end

              def answer(conn) do
                text = "late"
                Process.sleep(100)
                {conn, text}
              end

              def until_empty do
                Shop.Ledger.update()
                Process.sleep(10)
                until_empty()
              end
            end
            # file: test/support/case_server.ex
            defmodule Shop.CaseServer do
              use GenServer

              def init(opts) do
                Shop.Ledger.start_link(opts)
                Process.sleep(100)
                {:ok, opts}
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/placeholder_test.exs
            defmodule Shop.PlaceholderTest do
              use ExUnit.Case

              test "a placeholder, slow work and a moment of rest" do
                pid = spawn(fn -> Process.sleep(:infinity) end)
                task = Task.async(fn -> Process.sleep(100) end)
                Shop.Pool.run(fn _ -> :timer.sleep(20) end)
                Process.sleep(1)
                assert Process.alive?(pid)
                assert Task.await(task) == :ok
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/waiting_test.exs
            defmodule Shop.WaitingTest do
              use ExUnit.Case

              test "ready in the end" do
                wait_until(fn -> Shop.Orders.ready?() end, 10)

                Enum.reduce_while(1..30, nil, fn _, _ ->
                  Process.sleep(10)
                  if Shop.Orders.ready?(), do: {:halt, :ok}, else: {:cont, nil}
                end)

                assert Shop.Orders.ready?()
              end

              defp wait_until(condition, attempts) do
                unless condition.() do
                  Process.sleep(10)
                  assert attempts > 0
                  wait_until(condition, attempts - 1)
                end
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/delay_test.exs
            defmodule Shop.DelayTest do
              use ExUnit.Case

              defmodule SlowGateway do
                def perform(_order) do
                  Process.sleep(50)
                  {:ok, :paid}
                end
              end

              test "a time that the test computes", %{delay_ms: delay_ms} do
                Shop.Delay.start(delay_ms)
                Process.sleep(delay_ms + 10)
                assert Shop.Delay.over?()
              end

              test "code in a string" do
                assert Shop.Notebook.run("Process.sleep(100)\\nassert true")
              end

              test "with nothing asserted behind it" do
                assert Shop.Delay.start(10)
                Process.sleep(20)
                Shop.Delay.stop()
              end

              test "with a start behind it" do
                Shop.Delay.start(10)
                Process.sleep(20)
                {:ok, _} = Shop.Delay.start(20)
              end

              test "a moment", %{delay: delay} do
                Shop.Delay.start(delay)
                Process.sleep(1)
                Shop.Delay.stop(delay)
                Process.sleep(2)
                refute_received {:delayed, _}
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/kill_test.exs
            defmodule Shop.KillTest do
              use ExUnit.Case

              test "the sleep of a kill belongs to the kill", %{pid: pid} do
                Process.exit(pid, :kill)
                Process.sleep(50)
                refute Process.alive?(pid)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/poller.ex
            defmodule Shop.Poller do
              def warm_up do
                Shop.Cache.warm()
                Process.sleep(100)
                assert(Shop.Cache.warm?())
              end

              defp assert(true), do: :ok
            end
            """
        ),
        Example(
            """
            # file: test/support/backoff.ex
            defmodule Shop.Backoff do
              import ExUnit.Assertions

              def settle do
                Process.sleep(100)
                assert Shop.Cache.warm?()
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/web_test.exs
            defmodule Shop.WebTest do
              use ExUnit.Case

              test "gives up on a client that left" do
                assert Shop.Web.request("/slow") == {:error, :closed}
              end

              def slow(conn) do
                Process.sleep(100)
                assert Shop.Web.chunk(conn, "late") == {:error, :closed}
                conn
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in file.facts.modules:
            if is_test_case(module):
                for block in blocks_and_functions(module):
                    yield from self._in_block(file, block)
            elif is_test_helper(module):
                for block in blocks_and_functions(module):
                    yield from self._in_helper(file, block)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """A cast in front of the sleep, to a server that the project knows, can be waited for."""
        if finding.severity is Severity.HINT:
            return finding
        site = test_call_at(project.files[finding.path].facts, finding.span)
        if site is None or site.call.closure >= 0 or awaited_cast(project, site) is None:
            return finding
        return structs.replace(finding, fix=FixKind.UNSAFE)

    def _in_block(self, file: FileView, block: TestBlock) -> Iterator[Finding]:
        sleeps = [call for call in block.clause.calls if is_sleep(call)]
        if not sleeps or _repeats(block) or _is_run_by_others(block):
            return
        of_kills = {sleep for kill in unwatched_kills(file.source, block) for sleep in kill.sleeps}
        for call in sleeps:
            slept_ms = slept_milliseconds(call)
            if call not in of_kills and slept_ms is not None and slept_ms > 0:
                purpose = purpose_of_sleep(file.source, block, call, slept_ms)
                if purpose is None or (
                    slept_ms < SHORTEST_MS and not _looks_next(file, block, call, purpose)
                ):
                    continue
                if block.is_test or purpose in ("state", "helper"):
                    yield self._finding(file, block, call, slept_ms, purpose)

    def _in_helper(self, file: FileView, block: TestBlock) -> Iterator[Finding]:
        """A function that several test cases call: it has done something, and sleeps until that is there."""
        if _repeats(block) or any(word in block.function.name for word in _SLOW_WORDS):
            return
        for call in block.clause.calls:
            slept_ms = slept_milliseconds(call) if is_sleep(call) and call.closure < 0 else None
            if slept_ms is not None and slept_ms >= SHORTEST_MS and acts_before(file.source, block, call):
                yield self._finding(file, block, call, slept_ms, "helper")

    def _finding(
        self, file: FileView, block: TestBlock, call: Call, slept_ms: int, purpose: Purpose
    ) -> Finding:
        severity, evidence = _JUDGEMENTS[purpose]
        if slept_ms < SHORTEST_MS:
            severity = Severity.HINT
        becomes_timeout = is_refuted_next(file.source, block.clause, call)
        return self.report(
            file.facts.path,
            call.head,
            f"the test sleeps {slept_ms} ms {evidence}",
            snippet=file.source.text(call.span),
            scope=block.site(call).scope,
            severity=severity,
            fix=FixKind.UNSAFE if becomes_timeout else FixKind.LLM,
        )


def _is_run_by_others(block: TestBlock) -> bool:
    """A public function that its module never calls: a plug, a handler, with its slow work."""
    function = block.function
    return function.public and next(call_graph(block.module).callers(function), None) is None


def _looks_next(file: FileView, block: TestBlock, sleep: Call, purpose: Purpose) -> bool:
    """The next statement asserts or refutes what another process has done."""
    behind = following(file.source, block.clause, sleep) if purpose in ("state", "progress") else []
    return bool(behind) and (asserts(behind[0]) or refutes(behind[0]))


def _repeats(block: TestBlock) -> bool:
    """A function that calls itself: it asks again and again."""
    return not block.is_test and any(
        not call.module and call.name == block.function.name for call in block.clause.calls
    )
