from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from tree_sitter import Node

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules
from otp_genesis_analyzers.facts.processes.started_work import started_work
from otp_genesis_analyzers.facts.telemetry.attached import attaches, detaches
from otp_genesis_analyzers.facts.telemetry.handler_acts import strongest_act
from otp_genesis_analyzers.facts.telemetry.handlers import (
    captured_here,
    forwarding,
    handler_node,
    is_anonymous,
)
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class TelemetryAnonymousHandler(Rule):
    """A telemetry handler is a `fn` or a local capture, which telemetry itself advises against.

    ## What it does
    Reports, as a hint, `:telemetry.attach` and `attach_many` whose handler is a `fn`, a capture such as
    `&log(&1, &2, &3, &4)`, or `&log/4` of the same module without the module's name.

    ## Why it matters on the BEAM
    Such a function belongs to the version of the module that made it. Telemetry keeps it in a table: after
    the module was loaded twice more (a hot upgrade, the code reloader of development) the version is purged,
    the handler raises `BadFunctionError` and is detached for good. Telemetry also logs a notice at each such
    attach, since calling it is slower than calling `&Shop.Log.sale/4`, which always is the code of today.

    ## When it is legitimate
    In tests, scripts and Mix tasks, and where the same function detaches the handler again: it doesn't live
    long enough. None of these is reported, nor is a handler that another rule about its work reports.

    ## Use instead
    ```elixir
    :telemetry.attach("shop-log", [:shop, :sale], &__MODULE__.log/4, level: :info)
    ```

    ## Fix safety
    Safe where only the name of the module is missing, or where the `fn` calls one public function with its
    four parameters in their order. Unsafe where the `fn` hands on a variable from around it: the variable
    becomes the handler's configuration, which `:telemetry.list_handlers/1` shows.

    ## References
    - https://hexdocs.pm/telemetry/telemetry.html#attach/4
    - Shown by `tests/beam/local_function_after_reload.exs`
    """

    code = "OTP504"
    name = "telemetry-anonymous-handler"
    severity = Severity.HINT
    anchors = (":telemetry attach", ":telemetry attach_many")
    fixes = (FixKind.SAFE, FixKind.UNSAFE)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/sales_log.ex
            defmodule Shop.SalesLog do
              require Logger

              def setup do
                :telemetry.attach("sales-log", [:shop, :sale], &log/4, level: :info)
            #   ^^^^^^^^^^^^^^^^^ hint: `&log/4` belongs to one version of `Shop.SalesLog`
              end

              def log(_event, %{price: price}, _metadata, options) do
                Logger.log(options[:level], "sold for #{price}")
              end
            end
            """,
            fixed="""
            # file: lib/shop/sales_log.ex
            defmodule Shop.SalesLog do
              require Logger

              def setup do
                :telemetry.attach("sales-log", [:shop, :sale], &__MODULE__.log/4, level: :info)
              end

              def log(_event, %{price: price}, _metadata, options) do
                Logger.log(options[:level], "sold for #{price}")
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/meter.ex
            defmodule Shop.Meter do
              alias Shop.Counters

              def setup(table) do
                "shop-meter"
                |> :telemetry.attach_many(
            #      ^^^^^^^^^^^^^^^^^^^^^^ hint: the `fn` belongs to one version of `Shop.Meter`
                  [[:shop, :sale], [:shop, :refund]],
                  fn event, measurements, metadata, config ->
                    Counters.count(event, measurements, metadata, config)
                  end,
                  table
                )

                :telemetry.attach("shop-slow", [:shop, :slow], &Counters.count(&1, &2, &3, &4), table)
            #   ^^^^^^^^^^^^^^^^^ hint: telemetry logs a notice
              end
            end
            # file: lib/shop/counters.ex
            defmodule Shop.Counters do
              def count(event, _measurements, _metadata, table), do: :ets.update_counter(table, event, 1)
            end
            """,
            fixed="""
            # file: lib/shop/meter.ex
            defmodule Shop.Meter do
              alias Shop.Counters

              def setup(table) do
                "shop-meter"
                |> :telemetry.attach_many(
                  [[:shop, :sale], [:shop, :refund]],
                  &Counters.count/4,
                  table
                )

                :telemetry.attach("shop-slow", [:shop, :slow], &Counters.count/4, table)
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/slow_queries.ex
            defmodule Shop.SlowQueries do
              require Logger

              def watch(limit) do
                handler = fn event, measurements, metadata, _config ->
                  warn(event, measurements, metadata, limit)
                end

                :telemetry.attach("slow-queries", [:shop, :repo, :query], handler, nil)
            #   ^^^^^^^^^^^^^^^^^ hint
              end

              def warn(event, %{total_time: time}, _metadata, limit) do
                if time > limit, do: Logger.warning("slow: #{inspect(event)}")
              end
            end
            """,
            fixed="""
            # file: lib/shop/slow_queries.ex
            defmodule Shop.SlowQueries do
              require Logger

              def watch(limit) do
                handler = &__MODULE__.warn/4

                :telemetry.attach("slow-queries", [:shop, :repo, :query], handler, limit)
              end

              def warn(event, %{total_time: time}, _metadata, limit) do
                if time > limit, do: Logger.warning("slow: #{inspect(event)}")
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/private.ex
            defmodule Shop.Private do
              def setup, do: :telemetry.attach({__MODULE__, :sale}, [:shop, :sale], &log/4, nil)
            #                ^^^^^^^^^^^^^^^^^ hint: make `log/4` public

              def on_refund do
                :telemetry.attach("refund", [:shop, :refund], fn _, _, %{id: id}, _ -> IO.puts(id) end, nil)
            #   ^^^^^^^^^^^^^^^^^ hint: Move its body into a public function
              end

              defp log(event, _measurements, _metadata, _config), do: IO.inspect(event)
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/log.ex
            defmodule Shop.Log do
              def setup do
                :telemetry.attach("a", [:shop, :sale], &__MODULE__.log/4, nil)
                :telemetry.attach("b", [:shop, :sale], &Shop.Log.log/4, nil)
                :telemetry.attach("c", [:shop, :sale], &(Shop.Log.log/4), nil)
                :telemetry.attach("d", [:shop, :sale], Function.capture(__MODULE__, :log, 4), nil)
                :telemetry.attach("e", [:shop, :sale], &:shop_log.log/4, nil)
              end

              def setup(handler), do: :telemetry.attach("f", [:shop, :sale], handler, nil)

              def log(event, _measurements, _metadata, _config), do: IO.inspect(event)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/imported.ex
            defmodule Shop.Imported do
              import Shop.Log

              def setup, do: :telemetry.attach("imported", [:shop, :sale], &log/4, nil)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/measure.ex
            defmodule Shop.Measure do
              def queries(fun) do
                table = :ets.new(:queries, [:public])
                id = {__MODULE__, make_ref()}
                :telemetry.attach(id, [:shop, :query], fn _, _, _, _ -> :ets.insert(table, {1}) end, nil)
                fun.()
                :telemetry.detach(id)
                :ets.info(table, :size)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/mix/tasks/shop.import.ex
            defmodule Mix.Tasks.Shop.Import do
              use Mix.Task

              def run(_args) do
                :telemetry.attach("import", [:shop, :row], fn _, _, row, _ -> IO.inspect(row) end, nil)
              end
            end
            # file: test/shop/sale_test.exs
            defmodule Shop.SaleTest do
              use ExUnit.Case

              test "emits", %{test: test} do
                me = self()
                :telemetry.attach(test, [:shop, :sale], fn _, _, _, _ -> send(me, :sold) end, nil)
                on_exit(fn -> :telemetry.detach(test) end)
                assert_receive :sold
              end
            end
            # file: priv/repl.exs
            :telemetry.attach("repl", [:shop, :sale], fn _, _, _, _ -> IO.puts("sold") end, nil)
            """
        ),
        Example(
            """
            # file: lib/shop/nudge.ex
            defmodule Shop.Nudge do
              def setup(pid) do
                # Reported for what it does, under OTP501.
                :telemetry.attach("nudge", [:shop, :sale], fn _, _, _, _ -> send(pid, :sold) end, nil)
              end

              defmacro attach(handler) do
                quote do
                  :telemetry.attach("quoted", [:shop, :sale], &unquote(handler)(&1, &2, &3, &4), nil)
                end
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for site in attaches(module):
                handler = handler_node(file.source, site.clause, site.call)
                if handler is None or detaches(file.source, site.clause, site):
                    continue
                local = captured_here(module, handler)
                if (local or is_anonymous(handler)) and not _acts_on_a_process(site):
                    yield self._finding(file, site, handler, local)

    def _finding(self, file: FileView, site: Site, handler: Node, local: str) -> Finding:
        shown = (
            f"`&{local}/4`" if local else "the `fn`" if handler.type == "anonymous_function" else "`&(...)`"
        )
        fix, advice = _way_out(site, handler, local)
        return self.report(
            file.facts.path,
            site.call.head,
            f"{shown} belongs to one version of `{site.module.name}`: telemetry logs a notice about it,"
            f" and it fails once that version is purged. {advice}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            fix=fix,
        )


def _way_out(site: Site, handler: Node, local: str) -> tuple[FixKind | None, str]:
    """What to do instead, and whether a fix does it."""
    if local:
        defined = site.module.function(local, 4)
        if defined is not None and defined.public:
            return FixKind.SAFE, f"Give `&__MODULE__.{local}/4`"
        return None, f"Give `&__MODULE__.{local}/4`, and make `{local}/4` public for it"
    forwarded = forwarding(handler)
    if forwarded is not None:
        kind = FixKind.UNSAFE if forwarded.config else FixKind.SAFE
        return kind, "Name the function that it calls"
    return None, "Move its body into a public function and give `&__MODULE__.name/4`"


def _acts_on_a_process(site: Site) -> bool:
    """What the handler does is reported already: it waits for, sends to or starts a process."""
    work = started_work(call_graph(site.module), site.clause, site.call)
    return strongest_act(work.calls) is not None
