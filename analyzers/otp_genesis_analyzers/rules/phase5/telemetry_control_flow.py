from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.across_modules.telemetry_handlers import (
    attached_here,
    attaches_elsewhere,
    function_of,
    reports_metrics,
    scope_at,
)
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.processes.started_work import started_work
from otp_genesis_analyzers.facts.telemetry.attached import attaches
from otp_genesis_analyzers.facts.telemetry.handler_acts import (
    HandlerAct,
    attached_for_one_request,
    calls_of,
    strongest_act,
    waits_for_message,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import IN_PRODUCTION, Role
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Span


class TelemetryControlFlow(Rule):
    """A telemetry handler drives the application: it calls a server, or sends somebody an answer.

    ## What it does
    Reports the call in a telemetry handler (a `fn`, or a function of the project) that ties the emitting
    process to another one. It is a **warning** when the handler waits for a server in `GenServer.call`,
    and when it sends to a process and the function that attached it waits in `receive`, or attaches it for
    one request, under an id made for that and detached again. It is a **hint** when the handler only
    nudges another process: `send`, `GenServer.cast`, a new task.

    ## Why it matters on the BEAM
    A handler runs in the process that emits the event. When it waits, every emitter waits, and a server
    that emits an event handled by a call to itself exits. A handler that raises is detached for good: the
    logic is gone until the next start. An event that comes before `attach` is lost, and so is its answer.

    ## When it is legitimate
    Handlers that log, measure, count in ETS, set spans, or emit and publish the event further. Reporters
    and exporters: of `Telemetry.Metrics`, PromEx, OpenTelemetry, Prometheus. Tests. None of these is
    reported. In development tools at most a hint is given.

    ## Use instead
    ```elixir
    def push_sync(message), do: GenServer.call(Shop.Queue, {:push_sync, message})
    ```

    ## Fix safety
    There is no deterministic fix: the answer has to come from the process that does the work.

    ## References
    - https://hexdocs.pm/telemetry/telemetry.html#attach/4
    - https://hexdocs.pm/elixir/GenServer.html#call/3
    """

    code = "OTP501"
    name = "telemetry-control-flow"
    severity = Severity.WARNING
    anchors = (
        ":telemetry attach",
        ":telemetry attach_many",
        "telemetry call",
        "telemetry send",
        "telemetry cast",
        "handle_event call",
        "handle_event send",
        "handle_event cast",
    )
    roles = IN_PRODUCTION | {Role.DEV_TOOL}
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/push.ex
            defmodule Shop.Push do
              def push_sync(message) do
                me = self()

                :telemetry.attach(
                  "push-#{message.id}",
                  [:queue, :done],
                  fn _, _, metadata, _ -> send(me, {:done, metadata.id}) end,
            #                             ^^^^ warning: `Kernel.send/2` in a telemetry handler is the answer
                  nil
                )

                Shop.Queue.push(message)

                receive do
                  {:done, _} -> :ok
                after
                  5_000 -> {:error, :timeout}
                end
              end

              def push_all(messages, timeout) do
                :telemetry.attach("push-all", [:queue, :done], &Shop.Push.tell/4, self())
                Enum.each(messages, &Shop.Queue.push/1)
                wait_for(length(messages), timeout)
              end

              def tell(_event, _measurements, metadata, pid) do
                Process.send(pid, {:done, metadata.id}, [])
            #   ^^^^^^^^^^^^ warning: that a `receive` waits for
              end

              defp wait_for(0, _timeout), do: :ok

              defp wait_for(left, timeout) do
                receive do
                  {:done, _} -> wait_for(left - 1, timeout)
                after
                  timeout -> {:error, :timeout}
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/router.ex
            defmodule Shop.Router do
              use GenServer

              @impl true
              def init(opts) do
                router = self()

                :telemetry.attach_many(
                  "router",
                  [[:shop, :order, :placed]],
                  fn event, _, metadata, _ ->
                    try do
                      GenServer.call(router, {:route, event, metadata})
            #         ^^^^^^^^^^^^^^ warning: makes whoever emits the event wait
                    catch
                      :exit, _ -> :ok
                    end
                  end,
                  nil
                )

                {:ok, opts}
              end

              @impl true
              def handle_call({:route, event, metadata}, _from, state) do
                {:reply, :ok, [{event, metadata} | state]}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                :telemetry.attach("stock", [:shop, :sale], &Shop.StockHandler.handle_event/4, nil)
                Supervisor.start_link([Shop.Stock], strategy: :one_for_one)
              end
            end
            # file: lib/shop/stock_handler.ex
            defmodule Shop.StockHandler do
              def handle_event(_event, _measurements, metadata, _config), do: reserve(metadata.item)

              defp reserve(item), do: GenServer.call(Shop.Stock, {:reserve, item})
            #                         ^^^^^^^^^^^^^^ warning: makes whoever emits the event wait
            end
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)

              @impl true
              def init(stock), do: {:ok, stock}

              @impl true
              def handle_call({:reserve, item}, _from, stock), do: {:reply, :ok, Map.put(stock, item, 1)}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/probe.ex
            defmodule Shop.Probe do
              def once(event, collector) do
                id = {__MODULE__, make_ref()}
                :telemetry.attach(id, event, fn _, _, metadata, _ -> send(collector, metadata) end, nil)
            #                                                        ^^^^ warning: answers one request
                Shop.Queue.flush()
                :telemetry.detach(id)
              end

              def watch(server) do
                :telemetry.attach("watch", [:shop], fn _, _, _, _ -> GenServer.cast(server, :sold) end, nil)
            #                                                        ^^^^^^^^^^^^^^ hint: drives another
                :telemetry.attach("mail", [:shop, :sale], &__MODULE__.mail/4, nil)
              end

              def mail(_, _, metadata, _) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Mailer.deliver(metadata) end)
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^^ hint: drives another process
              end
            end
            # file: lib/shop/debug.ex
            defmodule Shop.Debug do
              def wait_for(event) do
                me = self()
                :telemetry.attach("debug", event, fn _, _, _, _ -> send(me, :seen) end, nil)
            #                                                      ^^^^ hint: is the answer

                receive do
                  :seen -> :ok
                end
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/instruments.ex
            defmodule Shop.Instruments do
              require Logger

              def setup do
                :ets.new(:sales, [:named_table, :public])
                :telemetry.attach("log", [:shop, :sale], &__MODULE__.log/4, nil)
                :telemetry.attach("count", [:shop, :sale], &__MODULE__.count/4, nil)
                :telemetry.attach("pass-on", [:shop, :sale], &__MODULE__.pass_on/4, nil)
              end

              def log(event, _measurements, _metadata, _config), do: Logger.info(inspect({event, 1}))

              def count(_event, _measurements, metadata, _config) do
                :ets.update_counter(:sales, metadata.item, 1, {metadata.item, 0})
              end

              def pass_on(_event, measurements, metadata, _config) do
                :telemetry.execute([:shop, :revenue], measurements, metadata)
                Phoenix.PubSub.broadcast(Shop.PubSub, "sales", {:sale, metadata})
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/metrics_reporter.ex
            defmodule Shop.MetricsReporter do
              use GenServer

              @impl true
              def init(metrics) do
                me = self()
                :telemetry.attach("reporter", [:shop], fn _, m, _, _ -> GenServer.call(me, m) end, nil)
                {:ok, Enum.filter(metrics, &counter?/1)}
              end

              defp counter?(%Telemetry.Metrics.Counter{}), do: true
              defp counter?(_metric), do: false
            end
            """
        ),
        Example(
            """
            # file: test/shop/push_test.exs
            defmodule Shop.PushTest do
              use ExUnit.Case

              test "says when it is done" do
                me = self()
                :telemetry.attach("push", [:queue, :done], fn _, _, _, _ -> send(me, :done) end, nil)
                on_exit(fn -> :telemetry.detach("push") end)
                Shop.Queue.push(1)

                receive do
                  :done -> :ok
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/courier.ex
            defmodule Shop.Courier do
              def handle_event(courier, parcel, address, opts) do
                GenServer.call(courier, {:deliver, parcel, address, opts})
              end

              def deliver(parcel) do
                send(self(), {:parcel, parcel})
                :telemetry.attach("courier", [:parcel], &Shop.CourierLog.write/4, nil)

                receive do
                  {:parcel, parcel} -> parcel
                end
              end
            end
            # file: lib/shop/courier_log.ex
            defmodule Shop.CourierLog do
              def write(event, _measurements, _metadata, _config), do: IO.inspect(event)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/case.ex
            defmodule Shop.Case do
              import ExUnit.Assertions

              def assert_emitted(event) do
                me = self()
                :telemetry.attach("case", event, fn _, _, _, _ -> send(me, :emitted) end, nil)

                receive do
                  :emitted -> :ok
                after
                  100 -> flunk("not emitted")
                end
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        if file.facts.broken or reports_metrics(file.facts):
            return
        for module in file.facts.modules:
            if not kinds(module) & {"Mix task", "Test"}:
                yield from self._in_module(file, module)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """A function that may be a handler is one when another module of the application attaches it."""
        if finding.related:
            return finding
        found = function_of(project, finding)
        attach = next(attaches_elsewhere(project, *found), None) if found is not None else None
        act = strongest_act(calls_of(call_graph(found[0]), found[1])) if found is not None else None
        if act is None or attach is None:
            return None
        path, site = attach
        severity, words = _judged(call_graph(site.module), site, act)
        return structs.replace(
            finding,
            severity=min(severity, finding.severity),
            message=f"`{act.call.target}` {words}",
            related=(attached_here(path, site),),
        )

    def _in_module(self, file: FileView, module: Module) -> Iterator[Finding]:
        attached = list(attaches(module))
        possible = [function for function in module.functions if function.public and function.arity == 4]
        if not attached and not possible:
            return
        graph = call_graph(module)
        handlers: set[str] = set()
        found: dict[Span, Finding] = {}
        for site in attached:
            work = started_work(graph, site.clause, site.call)
            handlers |= {function.id for function in work.functions}
            act = strongest_act(work.calls)
            if act is not None:
                severity, words = _judged(graph, site, act)
                related = attached_here(file.facts.path, site)
                scope = scope_at(module, act.call) or site.scope
                finding = self._finding(file, act.call, scope, severity, words, (related,))
                known = found.setdefault(act.call.head, finding)
                if finding.severity > known.severity:
                    found[act.call.head] = finding
        yield from found.values()
        for function in possible:
            act = strongest_act(calls_of(graph, function)) if function.id not in handlers else None
            if act is not None:
                words = "may be reached from a telemetry handler"
                yield self._finding(file, act.call, scope_of(module, function), Severity.WARNING, words, ())

    def _finding(
        self,
        file: FileView,
        call: Call,
        scope: str,
        severity: Severity,
        words: str,
        related: tuple[Related, ...],
    ) -> Finding:
        return self.report(
            file.facts.path,
            call.head,
            f"`{call.target}` {words}",
            snippet=file.source.text(call.span),
            scope=scope,
            severity=min(severity, Severity.HINT) if file.role is Role.DEV_TOOL else severity,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=related,
        )


def _judged(graph: CallGraph, attach: Site, act: HandlerAct) -> tuple[Severity, str]:
    if act.act == "waits":
        return Severity.WARNING, "in a telemetry handler makes whoever emits the event wait for a server"
    if act.act == "sends" and waits_for_message(graph, attach.function):
        words = "in a telemetry handler is the answer that a `receive` waits for"
        return Severity.WARNING, f"{words}: an event before the attach is lost"
    if act.act == "sends" and attached_for_one_request(attach):
        words = "in a telemetry handler answers one request, for which the handler is attached and detached"
        return Severity.WARNING, f"{words}: an event before the attach is lost"
    words = "in a telemetry handler drives another process"
    return Severity.HINT, f"{words}: a handler that raises once is detached for good"
