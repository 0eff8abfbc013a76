from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.results import thrown_away
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Clause, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, WEB_PROCESSES, kinds
from otp_genesis_analyzers.facts.telemetry.attached import (
    attaches,
    detaches,
    identity,
    is_detach,
    keeps_something_of_its_process,
)
from otp_genesis_analyzers.facts.testing.test_blocks import is_test_case, statement_of, test_blocks
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.roles import IN_PRODUCTION, IN_TESTS, Role
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_ENTRIES = frozenset({"init/1", "handle_continue/2", "mount/3", "join/3"})


class TelemetryHandlerLeak(Rule):
    """A telemetry handler is attached by a process or a test that does not detach it.

    ## What it does
    Reports `:telemetry.attach` and `attach_many` under an id that is the same each time:

    - in what a server or a view runs when it starts, with no detach in the module, when the handler keeps
      something of that process (its pid, its state). It is an **error** where `:ok` must match;
    - in a test or setup with no detach for it, in `on_exit` or elsewhere.

    ## Why it matters on the BEAM
    A handler belongs to no process: it stays in a table of the telemetry application until somebody
    detaches it. When the process is started again, or the next test runs, `attach` gives
    `{:error, :already_exists}` and the old handler stays, which sends to a pid that is dead. With
    `:ok = :telemetry.attach(...)` the restarted process crashes each time, until its supervisor gives up.

    ## When it is legitimate
    In `Application.start/2` and in functions that are called once. In a server, when the handler is a
    function of a module with a constant configuration: the old one is as good as a new one. With an id
    that holds `self()` or a reference. Where the answer of `attach` is looked at. None of these is reported.

    ## Use instead
    ```elixir
    :telemetry.detach("shop-sales")
    :telemetry.attach("shop-sales", [:shop, :sale], &__MODULE__.on_sale/4, self())
    ```

    ## Fix safety
    Safe in a test: `on_exit` detaches the handler when the test is over. Unsafe in a server, where the old
    handler is detached first: a second process of the same module takes the handler away from the first.

    ## References
    - https://hexdocs.pm/telemetry/telemetry.html#attach/4
    - https://github.com/beam-telemetry/telemetry/issues/115
    - tests/beam/handler_left_behind.exs
    """

    code = "OTP503"
    name = "telemetry-handler-leak"
    severity = Severity.WARNING
    anchors = (":telemetry attach", ":telemetry attach_many", ":telemetry attach detach")
    roles = IN_PRODUCTION | IN_TESTS
    fixes = (FixKind.SAFE, FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: test/shop/sales_test.exs
            defmodule Shop.SalesTest do
              use ExUnit.Case

              setup do
                handler = "sales-setup"
                :ok = :telemetry.attach(handler, [:shop, :sale], &__MODULE__.forward/4, self())
            #         ^^^^^^^^^^^^^^^^^ warning: the next one that attaches under this id
              end

              test "counts a sale" do
                :telemetry.attach("sales", [:shop, :sale], &__MODULE__.forward/4, self())
            #   ^^^^^^^^^^^^^^^^^ warning: `:telemetry.attach/4` stays behind the test
                Shop.Sales.sell(1)
                assert_receive :sold
              end

              def forward(_event, _measurements, _metadata, pid), do: send(pid, :sold)
            end
            """,
            fixed="""
            # file: test/shop/sales_test.exs
            defmodule Shop.SalesTest do
              use ExUnit.Case

              setup do
                handler = "sales-setup"
                :ok = :telemetry.attach(handler, [:shop, :sale], &__MODULE__.forward/4, self())
                on_exit(fn -> :telemetry.detach(handler) end)
              end

              test "counts a sale" do
                :telemetry.attach("sales", [:shop, :sale], &__MODULE__.forward/4, self())
                on_exit(fn -> :telemetry.detach("sales") end)
                Shop.Sales.sell(1)
                assert_receive :sold
              end

              def forward(_event, _measurements, _metadata, pid), do: send(pid, :sold)
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/sales_counter.ex
            defmodule Shop.SalesCounter do
              use GenServer

              @impl true
              def init(state) do
                counter = self()

                :telemetry.attach_many(
            #   ^^^^^^^^^^^^^^^^^^^^^^ warning: keeps the old handler after a restart
                  "shop-sales",
                  [[:shop, :sale], [:shop, :refund]],
                  fn event, _, _, _ -> send(counter, event) end,
                  nil
                )

                {:ok, state}
              end

              @impl true
              def handle_info(event, state), do: {:noreply, [event | state]}
            end
            """,
            fixed="""
            # file: lib/shop/sales_counter.ex
            defmodule Shop.SalesCounter do
              use GenServer

              @impl true
              def init(state) do
                counter = self()

                :telemetry.detach("shop-sales")

                :telemetry.attach_many(
                  "shop-sales",
                  [[:shop, :sale], [:shop, :refund]],
                  fn event, _, _, _ -> send(counter, event) end,
                  nil
                )

                {:ok, state}
              end

              @impl true
              def handle_info(event, state), do: {:noreply, [event | state]}
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/auditor.ex
            defmodule Shop.Auditor do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts, {:continue, :attach}}

              @impl true
              def handle_continue(:attach, opts) do
                attach()
                {:noreply, opts}
              end

              defp attach do
                :ok = :telemetry.attach({__MODULE__, :sale}, [:shop, :sale], &__MODULE__.log/4, nil)
            #         ^^^^^^^^^^^^^^^^^ error: the process crashes for ever
              end

              def log(event, _measurements, _metadata, _config), do: IO.inspect(event)
            end
            """,
            fixed="""
            # file: lib/shop/auditor.ex
            defmodule Shop.Auditor do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts, {:continue, :attach}}

              @impl true
              def handle_continue(:attach, opts) do
                attach()
                {:noreply, opts}
              end

              defp attach do
                :telemetry.detach({__MODULE__, :sale})
                :ok = :telemetry.attach({__MODULE__, :sale}, [:shop, :sale], &__MODULE__.log/4, nil)
              end

              def log(event, _measurements, _metadata, _config), do: IO.inspect(event)
            end
            """,
        ),
        Example(
            """
            # file: test/shop/helper_test.exs
            defmodule Shop.HelperTest do
              use ExUnit.Case

              test "is told" do
                listen(self())
                assert_receive :sold
              end

              defp listen(pid) do
                :telemetry.attach("listener", [:shop, :sale], fn _, _, _, _ -> send(pid, :sold) end, nil)
            #   ^^^^^^^^^^^^^^^^^ warning: stays behind the test
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop_web/live/board_live.ex
            defmodule ShopWeb.BoardLive do
              use Phoenix.LiveView

              @impl true
              def mount(_params, _session, socket) do
                if connected?(socket), do: watch()
                {:ok, socket}
              end

              defp watch do
                events = [[:shop, :sale], [:shop, :refund]]

                Enum.each(events, fn event ->
                  :telemetry.attach("board-#{Enum.join(event, "-")}", event, &__MODULE__.tell/4, self())
            #     ^^^^^^^^^^^^^^^^^ warning: keeps the old handler after a restart
                end)
              end

              def tell(event, _measurements, _metadata, pid), do: send(pid, event)
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: test/shop/refunds_test.exs
            defmodule Shop.RefundsTest do
              use ExUnit.Case

              setup do
                on_exit(fn ->
                  for handler <- :telemetry.list_handlers([:shop]), do: :telemetry.detach(handler.id)
                end)
              end

              test "counts a refund" do
                :telemetry.attach("test-refunds", [:shop, :refund], &__MODULE__.forward/4, self())
                Shop.Sales.refund(1)
                assert_receive :refunded
              end

              def forward(_event, _measurements, _metadata, pid), do: send(pid, :refunded)
            end
            """
        ),
        Example(
            """
            # file: lib/shop_web/live/sales_live.ex
            defmodule ShopWeb.SalesLive do
              use Phoenix.LiveView

              @impl true
              def mount(%{"shops" => shops}, _session, socket) do
                Enum.each(shops, fn shop ->
                  :telemetry.attach("sales-#{inspect(shop)}", [:shop, :sale], &__MODULE__.tell/4, self())
                end)

                Enum.each([[:shop, :sale], [:shop, :refund]], fn event ->
                  :telemetry.attach("log-#{inspect(event)}", event, &__MODULE__.log/4, nil)
                  :telemetry.attach("sent-#{inspect({event, self()})}", event, &__MODULE__.tell/4, self())
                end)

                {:ok, socket}
              end

              def tell(event, _measurements, _metadata, pid), do: send(pid, event)
              def log(_event, _measurements, _metadata, _config), do: :ok
            end
            """
        ),
        Example(
            """
            # file: lib/shop/reporter.ex
            defmodule Shop.Reporter do
              def setup do
                :ok = :telemetry.attach("shop-reporter", [:shop, :sale], &__MODULE__.report/4, self())
              end

              def report(event, _, _, _), do: IO.inspect(event)
            end
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                :ok = :telemetry.attach("shop-boot", [:shop, :boot], &Shop.Reporter.report/4, nil)
                Supervisor.start_link([], strategy: :one_for_one)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/cleaner.ex
            defmodule Shop.Cleaner do
              use GenServer

              @impl true
              def init(opts) do
                :telemetry.attach({__MODULE__, :slow}, [:shop, :clean, :stop], &__MODULE__.warn/4, [])

                case :telemetry.attach("cleaner", [:shop, :clean, :start], &__MODULE__.warn/4, self()) do
                  :ok -> {:ok, opts}
                  {:error, :already_exists} -> {:stop, :second_cleaner}
                end
              end

              def warn(event, _measurements, _metadata, _config), do: IO.inspect(event)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/listener.ex
            defmodule Shop.Listener do
              use GenServer

              @impl true
              def init(opts) do
                :telemetry.attach({__MODULE__, self()}, [:shop, :sale], &__MODULE__.tell/4, self())
                {:ok, opts}
              end

              def tell(_, _, _, pid), do: send(pid, :sold)
            end
            # file: lib/shop/dashboard.ex
            defmodule Shop.Dashboard do
              use GenServer

              @impl true
              def init(opts) do
                :telemetry.detach("dashboard")
                :telemetry.attach("dashboard", [:shop, :sale], &__MODULE__.tell/4, self())
                {:ok, opts}
              end

              def tell(_, _, _, pid), do: send(pid, :sold)
            end
            """
        ),
        Example(
            """
            # file: test/shop/detached_test.exs
            defmodule Shop.DetachedTest do
              use ExUnit.Case

              setup do
                on_exit(fn -> :telemetry.detach("for-all") end)
              end

              test "is detached when the test is over" do
                :telemetry.attach("sales", [:shop, :sale], &__MODULE__.forward/4, self())
                on_exit(fn -> :telemetry.detach("sales") end)
                assert_receive :sold
              end

              test "is detached for all" do
                :telemetry.attach("for-all", [:shop, :sale], &__MODULE__.forward/4, self())
                assert_receive :sold
              end

              test "has an id of its own", %{test: test} do
                :telemetry.attach({test, :sale}, [:shop, :sale], &__MODULE__.forward/4, self())
                id = "sale-#{inspect(make_ref())}"
                :telemetry.attach(id, [:shop, :sale], &__MODULE__.forward/4, self())
                assert_receive :sold
              end

              test "is detached by a helper" do
                :telemetry.attach("helped", [:shop, :sale], &__MODULE__.forward/4, self())
                detach_later()
              end

              defp detach_later, do: on_exit(fn -> :telemetry.detach("helped") end)

              def forward(_event, _measurements, _metadata, pid), do: send(pid, :sold)
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in file.facts.modules:
            if not module.complete:
                continue  # the detach may be what is being typed
            if file.role.is_test and is_test_case(module):
                yield from self._in_tests(file, module)
            elif file.role is Role.LIB and kinds(module) & (SERVERS | WEB_PROCESSES):
                yield from self._in_processes(file, module)

    def _in_tests(self, file: FileView, module: Module) -> Iterator[Finding]:
        setups = [block.clause for block in test_blocks(module) if block.is_setup]
        graph = call_graph(module)
        for site in attaches(module):
            if identity(file.source, site.clause, site.call) != "constant":
                continue
            if any(detaches(file.source, clause, site) for clause in (*_own(graph, site), *setups)):
                continue
            words = "stays behind the test: the next one that attaches under this id keeps this handler"
            in_block = site.function.kind == "test" and _is_statement(file, site)
            fix = FixKind.SAFE if in_block else FixKind.LLM
            yield self._finding(file, site, words, Severity.WARNING, fix)

    def _in_processes(self, file: FileView, module: Module) -> Iterator[Finding]:
        chains = callback_chains(call_graph(module))
        if any(is_detach(call) for f in module.functions for c in f.clauses for call in c.calls):
            return
        for site in attaches(module):
            call = site.call
            if chains.get(site.function.id, ("",))[0] not in _ENTRIES or not _is_set_up_here(file, site):
                continue
            can_detach = call.closure < 0 and _is_statement(file, site)
            fix = FixKind.UNSAFE if can_detach else FixKind.LLM
            if call.bound_to is not None and call.bound_to.is_atom("ok"):
                words = "gives `{:error, :already_exists}` after a restart: the process crashes for ever"
                yield self._finding(file, site, words, Severity.ERROR, fix)
            elif keeps_something_of_its_process(file.source, site.clause, call):
                words = "keeps the old handler after a restart, with the dead process's pid or state"
                yield self._finding(file, site, words, Severity.WARNING, fix)

    def _finding(self, file: FileView, site: Site, words: str, severity: Severity, fix: FixKind) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.call.target}` {words}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=severity,
            fix=fix,
        )


def _is_set_up_here(file: FileView, site: Site) -> bool:
    """By the process itself, under an id that never changes, with nobody looking at the answer."""
    unseen = site.call.result in ("discarded", "bound", "returned") or thrown_away(site.clause, site.call)
    return site.call.runs == "here" and unseen and identity(file.source, site.clause, site.call) == "constant"


def _is_statement(file: FileView, site: Site) -> bool:
    return statement_of(file.source, site.clause, site.call) is not None


def _own(graph: CallGraph, site: Site) -> Iterator[Clause]:
    """The clause of the attach and those of the functions that it calls; for a helper all of the module."""
    if site.function.kind != "test":
        for function in site.module.functions:
            yield from function.clauses
        return
    yield site.clause
    for call in site.clause.calls:
        target = graph.target(call)
        if target is not None:
            yield from target.clauses
