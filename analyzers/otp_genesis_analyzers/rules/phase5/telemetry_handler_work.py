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
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.started_work import started_work
from otp_genesis_analyzers.facts.telemetry.attached import attaches
from otp_genesis_analyzers.facts.telemetry.handler_acts import calls_of, strongest_act
from otp_genesis_analyzers.facts.telemetry.handler_work import SlowWork, only_on_failures, slow_work
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Source

_NEAR_LINES = 2


class TelemetryHandlerWork(Rule):
    """A telemetry handler waits for a database, a network or a file, and every emitter waits with it.

    ## What it does
    Reports the first call in a telemetry handler (a `fn`, or a function of the project) that waits: for the
    database, an HTTP answer, a connection, a system command, another node, a task, a sleep, a file. It is a
    hint where the handler is attached to failures alone (`[:oban, :job, :exception]`), which are rare.
    A hint stands where the handler is attached, too, some lines away.

    ## Why it matters on the BEAM
    A handler is no process of its own: it runs in the process that emits the event, before the emitter goes
    on. What it waits for is added to each request, each query and each job that is measured. And a handler
    that raises, for a broken connection as for a bug, is detached for good, until the next start.

    ## When it is legitimate
    Handlers that log, count in ETS, set spans, emit further events, or hand the work to a task. Reporters
    and exporters: of `Telemetry.Metrics`, PromEx, OpenTelemetry, Prometheus. Tests, Mix tasks and scripts.
    None of these is reported. A handler that calls a server is reported by `telemetry-control-flow`.

    ## Use instead
    ```elixir
    def handle_event(_event, measurements, metadata, table) do
      :ets.insert(table, {System.unique_integer([:monotonic]), measurements.duration, metadata.path})
    end
    ```
    A process of its own takes the rows from the table every few seconds and writes them in one go.

    ## Fix safety
    There is no deterministic fix: it must be decided what may be lost, and who writes the rest.

    ## References
    - https://hexdocs.pm/telemetry/telemetry.html#attach/4
    - https://hexdocs.pm/telemetry/telemetry.html#execute/3
    """

    code = "OTP502"
    name = "telemetry-handler-work"
    severity = Severity.INFORMATION
    anchors = (
        ":telemetry attach",
        ":telemetry attach_many",
        "elemetry insert",
        "elemetry insert_all",
        "elemetry write",
        "elemetry post",
        "elemetry request",
        "elemetry sleep",
        "elemetry cmd",
        "handle_event( insert",
        "handle_event( post",
        "handle_event( request",
        "handle_event( write",
        "handle_event( sleep",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/request_log.ex
            defmodule Shop.RequestLog do
              alias Shop.Repo

              def setup do
                :telemetry.attach("requests", [:phoenix, :endpoint, :stop], &__MODULE__.handle_event/4, nil)
            #   ^^^^^^^^^^^^^^^^^ hint: that is attached here
              end

              def handle_event(_event, measurements, metadata, _config) do
                Repo.insert!(%Shop.Log{duration: measurements.duration, path: metadata.path})
            #   ^^^^^^^^^^^^ information: makes whoever emits the event wait for the database
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/alerts.ex
            defmodule Shop.Alerts do
              def setup(url) do
                :telemetry.attach_many(
            #   ^^^^^^^^^^^^^^^^^^^^^^ hint: that is attached here
                  "alerts",
                  [[:shop, :sale, :stop], [:shop, :sale, :exception]],
                  fn event, _, metadata, _ ->
                    if important?(metadata), do: tell(url, event)
                  end,
                  nil
                )
              end

              defp important?(metadata), do: metadata.total > 1_000

              defp tell(url, event) do
                File.write!("alerts.log", inspect(event), [:append])
            #   ^^^^^^^^^^^ information: wait for the disk, and 1 other call
                Req.post!(url, json: event)
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
                :telemetry.attach("sales", [:shop, :sale], &Shop.TelemetryLog.sale/4, [])
                Supervisor.start_link([], strategy: :one_for_one)
              end
            end
            # file: lib/shop/telemetry_log.ex
            defmodule Shop.TelemetryLog do
              def sale(_event, measurements, metadata, _config) do
                Shop.Repo.insert_all("sales", [Map.merge(measurements, metadata)])
            #   ^^^^^^^^^^^^^^^^^^^^ information: in a telemetry handler makes whoever emits
              end

              # Nobody attaches this one.
              def refund(_event, _measurements, metadata, _config) do
                Shop.Repo.insert_all("refunds", [metadata])
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/job_errors.ex
            defmodule Shop.JobErrors do
              def setup do
                :telemetry.attach("errors", [:oban, :job, :exception], &__MODULE__.handle_event/4, nil)
            #   ^^^^^^^^^^^^^^^^^ hint: that is attached here
              end

              def handle_event(_event, _measurements, metadata, _config) do
                Shop.Repo.insert(%Shop.Failure{reason: inspect(metadata.reason)})
            #   ^^^^^^^^^^^^^^^^ hint
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                :telemetry.attach("audit", [:shop, :paid], &Shop.Audit.handle_event/4, nil)
                Supervisor.start_link([], strategy: :one_for_one)
              end
            end
            # file: lib/shop/audit.ex
            defmodule Shop.Audit do
              def handle_event(_event, measurements, _metadata, _config) do
                File.write!("audit.log", inspect(measurements), [:append])
            #   ^^^^^^^^^^^ information: wait for the disk
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Usage do
              @repo Application.compile_env(:shop, :repo)

              def setup do
                :telemetry.attach_many("usage", [[:shop, :visit]], &Shop.Usage.handle_event/4, nil)
            #   ^^^^^^^^^^^^^^^^^^^^^^ hint: that is attached here
              end

              def handle_event([:shop, :visit], measurements, metadata, _config) do
                @repo.insert(Shop.Visit.new(metadata.user_id, measurements))
            #   ^^^^^^^^^^^^ information: for the database
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/metrics.ex
            defmodule Shop.Metrics do
              require Logger

              def setup do
                :telemetry.attach("metrics", [:shop, :sale], &__MODULE__.handle_event/4, %{table: :sales})
              end

              def handle_event(event, %{duration: duration}, metadata, %{table: table}) do
                :ets.insert(table, {System.unique_integer(), duration})
                :ets.update_counter(table, event, 1, {event, 0})
                Logger.info("sold", total: metadata.total)
                :telemetry.execute([:shop, :sale, :counted], %{count: 1}, metadata)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/audit.ex
            defmodule Shop.Audit do
              def setup do
                :telemetry.attach("audit", [:shop, :sale], &__MODULE__.handle_event/4, nil)
              end

              def handle_event(event, measurements, _metadata, _config) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                  Shop.Repo.insert!(%Shop.Log{event: inspect(event), ms: measurements.duration})
                end)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/index_live.ex
            defmodule Shop.IndexLive do
              use Phoenix.LiveView

              # No handler of telemetry, for all its name.
              def handle_event("buy", params, socket), do: handle_event("buy", params, socket, [])

              def handle_event("buy", params, socket, _opts) do
                Shop.Repo.insert!(params)
                {:noreply, socket}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/reporter.ex
            defmodule Shop.Reporter do
              import Telemetry.Metrics

              def metrics, do: [counter("shop.sale")]

              def setup do
                :telemetry.attach("reporter", [:shop, :sale], &__MODULE__.handle_event/4, metrics())
              end

              def handle_event(_event, _measurements, _metadata, metrics) do
                Telemetry.Metrics.ConsoleReporter.report(metrics)
                File.write!("metrics", inspect(metrics))
              end
            end
            """
        ),
        Example(
            """
            # file: test/support/telemetry_helper.ex
            defmodule Shop.TelemetryHelper do
              def setup do
                :telemetry.attach("helper", [:shop, :sale], &__MODULE__.handle_event/4, nil)
              end

              def handle_event(_event, _measurements, metadata, _config), do: Shop.Repo.insert!(metadata)
            end
            # file: lib/shop/router.ex
            defmodule Shop.Router do
              def setup do
                # The call is what counts, and reported under OTP501.
                :telemetry.attach("router", [:shop, :sale], &__MODULE__.route/4, nil)
              end

              def route(_event, _measurements, metadata, _config) do
                GenServer.call(Shop.Queue, {:route, metadata})
                Shop.Repo.insert!(metadata)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        if file.facts.broken or reports_metrics(file.facts):
            return
        for module in production_modules(file.facts, file.role):
            yield from self._in_module(file, module)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """A function that may be a handler is one when another module of the application attaches it."""
        if finding.related:
            return finding
        found = function_of(project, finding)
        attach = next(attaches_elsewhere(project, *found), None) if found is not None else None
        if attach is None:
            return None
        path, site = attach
        return structs.replace(finding, severity=_severity(site.call), related=(attached_here(path, site),))

    def _in_module(self, file: FileView, module: Module) -> Iterator[Finding]:
        attached = list(attaches(module))
        possible = [function for function in module.functions if function.public and function.arity == 4]
        if not attached and not possible:
            return
        graph = call_graph(module)
        handlers: set[str] = set()
        judged: list[tuple[Call, ...]] = []
        for site in attached:
            work = started_work(graph, site.clause, site.call)
            handlers |= {function.id for function in work.functions}
            if work.calls not in judged:  # the same handler, attached to other events
                judged.append(work.calls)
                related = (attached_here(file.facts.path, site),)
                yield from self._judged(file, module, work.calls, related, site)
        for function in possible:
            if function.id not in handlers:
                calls = tuple(calls_of(graph, function))
                for finding in self._judged(file, module, calls, (), None):
                    yield structs.replace(finding, scope=scope_of(module, function))

    def _judged(
        self,
        file: FileView,
        module: Module,
        calls: tuple[Call, ...],
        related: tuple[Related, ...],
        attach: Site | None,
    ) -> Iterator[Finding]:
        act = strongest_act(calls)
        slow = sorted(slow_work(file.source, calls), key=lambda work: work.call.head.start)
        if slow and (act is None or act.act != "waits"):
            yield self.report(
                file.facts.path,
                slow[0].call.head,
                _message(file.source, slow),
                snippet=file.source.text(slow[0].call.span),
                scope=scope_at(module, slow[0].call),
                severity=_severity(attach.call) if attach is not None else Severity.INFORMATION,
                confidence=Confidence.STRONG,
                fix=FixKind.LLM,
                related=related,
            )
            if attach is not None and _is_apart(file.source, attach.call, slow[0].call):
                yield self._at_attach(file, module, attach, slow[0])

    def _at_attach(self, file: FileView, module: Module, attach: Site, slow: SlowWork) -> Finding:
        return self.report(
            file.facts.path,
            attach.call.head,
            f"the handler that is attached here makes whoever emits the event wait for {slow.words}",
            snippet=file.source.text(attach.call.head),
            scope=scope_at(module, attach.call),
            severity=Severity.HINT,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=(Related(file.facts.path, slow.call.head, "waits here"),),
        )


def _severity(attach: Call) -> Severity:
    return Severity.HINT if only_on_failures(attach) else Severity.INFORMATION


def _is_apart(source: Source, attach: Call, work: Call) -> bool:
    """So many lines lie between the two that neither shows the other."""
    first, last = sorted((attach.head.start, work.head.start))
    return source.content.count(b"\n", first, last) > _NEAR_LINES


def _message(source: Source, slow: list[SlowWork]) -> str:
    more = len(slow) - 1
    others = f", and {more} other call{'s' if more > 1 else ''} too" if more else ""
    return (
        f"`{_target(source, slow[0].call)}` in a telemetry handler makes whoever emits the event wait for"
        f" {slow[0].words}{others}. Put what it needs into an ETS table, for a process that does the work"
    )


def _target(source: Source, call: Call) -> str:
    return f"{source.text(call.head)}/{call.arity}" if call.module == "?" else call.target
