from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.testing.telemetry_waits import TelemetryWait, telemetry_waits
from otp_genesis_analyzers.facts.testing.test_blocks import TestBlock, is_test_case
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.roles import IN_TESTS
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Span


class TestTelemetrySync(Rule):
    """A test waits for a telemetry event as the sign that something else is done.

    ## What it does
    Reports `assert_receive` of the message that a telemetry handler of the test sends, when nothing of the
    event is looked at or kept, and the next assertion is about something else.

    ## Why it matters on the BEAM
    A handler runs where the event is emitted, in the middle of the work: its message is sent before the
    emitter goes on, so what is asserted next may not have happened yet. And the test depends on an event
    that nobody promised to keep. A call to the process comes back when all is done that was asked before.

    ## When it is legitimate
    Where the event is what the test is about: it is named so, or a part of the message is matched or used.
    Events of libraries (`[:oban, ...]`, `[:phoenix, ...]`), whose work can't be waited for in a call.
    None of these is reported.

    ## Use instead
    ```elixir
    Shop.Queue.push(item)
    assert Shop.Queue.flush() == :ok
    assert Shop.Queue.size() == 0
    ```

    ## Fix safety
    There is no deterministic fix: the server needs a function that comes back when the work is done. Until
    there is one, `:sys.get_state(server)` comes back behind all messages that were sent before it.

    ## References
    - https://hexdocs.pm/telemetry/telemetry.html#execute/3
    - https://hexdocs.pm/ex_unit/ExUnit.Assertions.html#assert_receive/3
    - Shown by `tests/beam/message_before_the_rest.exs`
    """

    code = "OTP411"
    name = "test-telemetry-sync"
    severity = Severity.INFORMATION
    anchors = (":telemetry assert_receive", ":telemetry attach", ":telemetry attach_many")
    roles = IN_TESTS
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: test/shop/queue_test.exs
            defmodule Shop.QueueTest do
              use ExUnit.Case

              test "is empty in the end" do
                me = self()
                :telemetry.attach("q", [:done], fn _, _, _, _ -> send(me, {:telemetry, :done}) end, nil)
                on_exit(fn -> :telemetry.detach("q") end)
                Shop.Queue.push(:item)
                assert_receive {:telemetry, _}
            #   ^^^^^^^^^^^^^^ information: takes a telemetry event for the end of the work
                assert Shop.Queue.size() == 0
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/store_test.exs
            defmodule Shop.StoreTest do
              use ExUnit.Case

              setup do
                listen(self())
              end

              test "saves the order", %{order: order} do
                Shop.Store.save(order)
                assert_receive :saved, 1_000
            #   ^^^^^^^^^^^^^^ information
                saved = Shop.Store.get(order.id)
                assert saved.total == order.total
              end

              defp listen(pid) do
                :telemetry.attach({__MODULE__, pid}, [:store, :saved], &__MODULE__.tell/4, pid)
                on_exit(fn -> :telemetry.detach({__MODULE__, pid}) end)
              end

              def tell(_event, _measurements, _metadata, pid), do: send(pid, :saved)
            end
            """
        ),
        Example(
            """
            # file: test/shop/cart_test.exs
            defmodule Shop.CartTest do
              use ExUnit.Case

              test "counts" do
                ref = :telemetry_test.attach_event_handlers(self(), [[:cart, :added]])
                Shop.Cart.add(:apple)
                assert_receive {[:cart, :added], ^ref, _measurements, %{}}
            #   ^^^^^^^^^^^^^^ information
                :telemetry.detach(ref)
                assert Shop.Cart.count() == 1
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/mail_test.exs
            defmodule Shop.MailTest do
              use ExUnit.Case

              test "is delivered" do
                me = self()
                ref = make_ref()

                :telemetry.attach_many(
                  ref,
                  [[:mail, :sent], [:mail, :failed]],
                  fn event, _, metadata, _ -> send(me, {ref, event, metadata}) end,
                  %{}
                )

                Shop.Mail.deliver("hello")
                assert_receive {^ref, [:mail, :sent], _metadata}
            #   ^^^^^^^^^^^^^^ information
                assert [_mail] = Shop.Mail.delivered()
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: test/shop/event_test.exs
            defmodule Shop.EventTest do
              use ExUnit.Case

              test "counts what is added" do
                ref = :telemetry_test.attach_event_handlers(self(), [[:cart, :added]])
                Shop.Cart.add(:apple)
                assert_receive {[:cart, :added], ^ref, %{count: 1}, _}
                assert Shop.Cart.count() == 1
              end

              test "says what was added" do
                :telemetry.attach("added", [:cart, :added], &__MODULE__.tell/4, self())
                Shop.Cart.add(:apple)
                assert_receive {:added, metadata}
                assert metadata.item == :apple
                :telemetry.detach("added")
              end

              test "emits an event" do
                :telemetry.attach("emits", [:cart, :added], &__MODULE__.tell/4, self())
                Shop.Cart.add(:apple)
                assert_receive {:added, _}
                assert Shop.Cart.count() == 1
                :telemetry.detach("emits")
              end

              def tell(_event, _measurements, metadata, pid), do: send(pid, {:added, metadata})
            end
            """
        ),
        Example(
            """
            # file: test/shop/order_test.exs
            defmodule Shop.OrderTest do
              use ExUnit.Case

              test "is confirmed" do
                me = self()
                :telemetry.attach("o", [:order, :done], fn _, _, _, _ -> send(me, :done) end, nil)
                assert Shop.Order.confirm(1) == :ok
                assert_receive :done
                :telemetry.detach("o")
              end

              test "is confirmed by the shop" do
                Shop.Order.subscribe()
                :telemetry.attach("p", [:order, :done], fn _, _, _, _ -> send(self(), :done) end, nil)
                assert_receive {:confirmed, _}
                assert Shop.Order.state() == :confirmed
                :telemetry.detach("p")
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/job_test.exs
            defmodule Shop.JobTest do
              use ExUnit.Case

              test "is worked off" do
                me = self()
                :telemetry.attach("j", [:oban, :job, :stop], fn _, _, _, _ -> send(me, :stopped) end, nil)
                Shop.Job.enqueue()
                assert_receive :stopped
                assert Shop.Job.count() == 0
                :telemetry.detach("j")
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/twice_test.exs
            defmodule Shop.TwiceTest do
              use ExUnit.Case

              test "starts and stops" do
                me = self()
                :telemetry.attach("t", [:shop, :run], fn event, _, _, _ -> send(me, {:run, event}) end, nil)
                Shop.run()
                assert_receive {:run, _}
                assert_receive {:run, _}
                refute_receive {:run, _}
                :telemetry.detach("t")
              end

              test "answers without a handler" do
                send(self(), :answer)
                assert_receive :answer
                assert Shop.answered?()
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/worker.ex
            defmodule Shop.Worker do
              def attach, do: :telemetry.attach("w", [:shop, :run], &__MODULE__.tell/4, self())
              def tell(_, _, _, pid), do: send(pid, :ran)
            end
            """
        ),
        Example(
            """
            # file: test/shop/kind_test.exs
            defmodule Shop.KindTest do
              use ExUnit.Case

              test "comes from the store" do
                me = self()
                tell = fn _, _, metadata, _ -> send(me, {:found, metadata.source, metadata.count}) end
                :telemetry.attach("kind", [:cart, :found], tell, nil)
                total = Shop.Cart.count()
                assert Shop.Cart.find(:apple) == :ok
                assert_receive {:found, :store, ^total}
                assert Shop.Cart.found?(:apple)
                :telemetry.detach("kind")
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/beat_test.exs
            defmodule Shop.BeatTest do
              use ExUnit.Case

              setup do
                me = self()
                :telemetry.attach({:beat, me}, [:shop, :beat], fn _, _, _, _ -> send(me, :beat) end, nil)
                on_exit(fn -> :telemetry.detach({:beat, me}) end)
              end

              test "lives on", %{pid: pid} do
                Shop.Heart.start(pid)
                assert_receive :beat
                assert Process.alive?(pid)
              end

              test "stays stopped", %{pid: pid} do
                Shop.Heart.stop(pid)
                assert_receive :beat
                Process.sleep(200)
                assert Shop.Heart.stopped?(pid)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in file.facts.modules:
            if is_test_case(module):
                for block, wait in telemetry_waits(file.source, call_graph(module)):
                    yield self._finding(file, block, wait)

    def _finding(self, file: FileView, block: TestBlock, wait: TelemetryWait) -> Finding:
        path, target = file.facts.path, syntax.call_target(wait.waits) or wait.waits
        line = file.source.lines.line_of(wait.looks.start_byte) + 1
        return self.report(
            path,
            Span.of(target),
            "`assert_receive` takes a telemetry event for the end of the work: the event is emitted before"
            f" the emitter goes on, and line {line} asserts on something else. Wait in a call to the process",
            snippet=file.source.text(Span.of(wait.waits)),
            scope=block.site(wait.attach).scope,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
            related=(Related(path, wait.attach.head, "the handler that sends the message is attached here"),),
        )
