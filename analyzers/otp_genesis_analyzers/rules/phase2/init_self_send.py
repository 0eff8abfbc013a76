from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.across_modules.own_messages import sent_by_others
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules, site_at
from otp_genesis_analyzers.facts.messages.self_sends import SelfSend, self_sends
from otp_genesis_analyzers.facts.messages.shapes import sent_by
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.state.continued_init import ContinuedInit, continued_init
from otp_genesis_analyzers.facts.state.server_state import tag_of_message
from otp_genesis_analyzers.findings import Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class InitSelfSend(Rule):
    """A server's `init` sends itself a message, to do the rest of its start when that arrives.

    ## What it does
    Reports `send(self(), message)`, `GenServer.cast(self(), message)` and `Process.send_after/3` without a
    delay, in the `init/1` of a GenServer and in the functions that only `init/1` goes through. Always a
    **hint**.

    ## Why it matters on the BEAM
    A message to oneself stands at the end of the mailbox. A server that is registered by name can be sent
    messages while `init/1` still runs: they are handled first, by a server whose start is not finished.
    `handle_continue/2` runs before the first message, whatever the mailbox holds.

    ## When it is legitimate
    Where messages that came meanwhile are wanted to be first. A timer with a delay is not reported, nor is a
    message to oneself from another callback. State machines, stages, views and channels have no
    `{:continue, ...}` of this form and are not judged.

    ## Use instead
    ```elixir
    def init(opts), do: {:ok, opts, {:continue, :load}}

    def handle_continue(:load, opts), do: {:noreply, load(opts)}
    ```

    ## Fix safety
    Safe where one clause of `handle_info/2` takes the message, gives `{:noreply, state}`, and nothing in the
    project sends it but `init/1`: the clause becomes one of `handle_continue/2`, and `init/1` goes on to it.
    Unsafe where others send it too (a timer that comes back), or where the clause may stop the server:
    it is then handled before what already waits. Where others send it, the clause stays, and
    `handle_continue/2` calls it. No fix where `init/1` sends the message only sometimes,
    sends several, or gives more than `{:ok, state}`.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:handle_continue/2
    - tests/beam/start_before_first_message.exs
    """

    code = "OTP205"
    name = "init-self-send"
    severity = Severity.HINT
    anchors = (
        "init self send",
        "init self send_after",
        "init self cast",
        "init self handle_info",
        "init self handle_cast",
    )
    fixes = (FixKind.SAFE, FixKind.UNSAFE)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Rates do
              use GenServer

              @impl true
              def init(opts) do
                send(self(), :load)
            #   ^^^^ hint: `init/1` sends itself `:load`

                {:ok, %{url: opts[:url], rates: nil}}
              end

              @impl true
              def handle_info(:load, state) do
                {:noreply, %{state | rates: Shop.Bank.rates(state.url)}}
              end
            end
            """,
            fixed="""
            defmodule Shop.Rates do
              use GenServer

              @impl true
              def init(opts) do
                {:ok, %{url: opts[:url], rates: nil}, {:continue, :load}}
              end

              @impl true
              def handle_continue(:load, state) do
                {:noreply, %{state | rates: Shop.Bank.rates(state.url)}}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Door do
              use GenServer

              @impl GenServer
              def init(opts) do
                path = Keyword.fetch!(opts, :path)
                me = self()
                Shop.Doors.add(path, me)
                Process.send(me, {:open, path}, [])
            #   ^^^^^^^^^^^^ hint: `init/1` sends itself `:open`

                if path == "" do
                  :ignore
                else
                  {:ok, %{door: nil}}
                end
              end

              @impl GenServer
              def handle_call(:door, _from, state), do: {:reply, state.door, state}

              @impl GenServer
              def handle_info(:close, state), do: {:noreply, %{state | door: nil}}

              # The driver takes a while.
              def handle_info({:open, path}, state) do
                {:noreply, %{state | door: Shop.Driver.open(path)}}
              end

              def handle_info(_message, state), do: {:noreply, state}
            end
            """,
            fixed="""
            defmodule Shop.Door do
              use GenServer

              @impl GenServer
              def init(opts) do
                path = Keyword.fetch!(opts, :path)
                me = self()
                Shop.Doors.add(path, me)

                if path == "" do
                  :ignore
                else
                  {:ok, %{door: nil}, {:continue, {:open, path}}}
                end
              end

              # The driver takes a while.
              @impl true
              def handle_continue({:open, path}, state) do
                {:noreply, %{state | door: Shop.Driver.open(path)}}
              end

              @impl GenServer
              def handle_call(:door, _from, state), do: {:reply, state.door, state}

              @impl GenServer
              def handle_info(:close, state), do: {:noreply, %{state | door: nil}}

              def handle_info(_message, state), do: {:noreply, state}
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Stock do
              use GenServer

              def init(opts), do: (send(self(), :poll); {:ok, opts})
            #                      ^^^^ hint: reached the server meanwhile

              def handle_info(:poll, state) do
                Process.send_after(self(), :poll, 60_000)
                {:noreply, Shop.Warehouse.poll(state)}
              end
            end
            """,
            fixed="""
            defmodule Shop.Stock do
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, :poll}}

              def handle_continue(:poll, state), do: handle_info(:poll, state)

              def handle_info(:poll, state) do
                Process.send_after(self(), :poll, 60_000)
                {:noreply, Shop.Warehouse.poll(state)}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Index do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def init(opts) do
                begin(opts)
                if opts[:warm], do: GenServer.cast(__MODULE__, :warm)
            #                       ^^^^^^^^^^^^^^ hint: `init/1` sends itself `:warm`
                {:ok, opts}
              end

              defp begin(opts), do: Process.send_after(self(), {:build, opts}, 0)
            #                       ^^^^^^^^^^^^^^^^^^ hint: `init/1` sends itself `:build`

              def handle_cast(:warm, opts), do: {:noreply, opts}
              def handle_info({:build, _opts}, opts), do: {:noreply, opts}
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Rates do
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, :load}}

              def handle_continue(:load, opts), do: {:noreply, Shop.Bank.rates(opts)}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Clock do
              use GenServer

              def init(period) do
                Process.send_after(self(), :tick, period)
                :timer.send_interval(period, self(), :tock)
                {:ok, period}
              end

              def handle_info(:tick, period) do
                send(self(), :tock)
                {:noreply, period}
              end

              def handle_info(:tock, period), do: {:noreply, period}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Greeter do
              use GenServer

              def init(owner) do
                server = self()
                send(owner, {:ready, server})
                Task.start_link(fn -> send(server, :warm) end)
                Task.start_link(fn -> send(self(), :warm) end)
                {:ok, owner}
              end

              def handle_info(:warm, owner), do: {:noreply, owner}
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def mount(_params, _session, socket) do
                send(self(), :load)
                {:ok, socket}
              end

              def handle_info(:load, socket), do: {:noreply, socket}
            end

            defmodule Shop.Lamp do
              @behaviour :gen_statem

              def callback_mode, do: :handle_event_function

              def init(data) do
                send(self(), :light)
                {:ok, :off, data}
              end

              def handle_event(:info, :light, :off, data), do: {:next_state, :on, data}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Beat do
              @moduledoc "What sends the message is no part of the start alone."
              use GenServer

              def init(opts) do
                again()
                {:ok, opts}
              end

              def handle_info(:beat, opts) do
                again()
                {:noreply, opts}
              end

              defp again, do: send(self(), :beat)
            end
            # file: test/support/echo.ex
            defmodule Shop.Echo do
              use GenServer

              def init(opts) do
                send(self(), :go)
                {:ok, opts}
              end

              def handle_info(:go, opts), do: {:noreply, opts}
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if module.complete and "GenServer" in kinds(module) and not _is_connection(module):
                for send in _sent_at_start(module):
                    yield self._finding(file, module, send)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """A clause whose message others send too has to stay."""
        if finding.fix is FixKind.SAFE:
            site = site_at(project.files[finding.path].facts, finding.span)
            message = sent_by(site.call) if site is not None else None
            if (
                site is not None
                and message is not None
                and sent_by_others(project, site.module, message[0], message[2])
            ):
                return structs.replace(finding, fix=FixKind.UNSAFE)
        return finding

    def _finding(self, file: FileView, module: Module, send: SelfSend) -> Finding:
        shape = continued_init(file.source, module, send.message)
        call = send.site.call
        tag = tag_of_message(send.message)
        what = f"`{tag}`" if tag else "a message"
        return self.report(
            file.facts.path,
            call.head,
            f"`init/1` sends itself {what}: whatever reached the server meanwhile is handled first; "
            "return `{:ok, state, {:continue, message}}` and do it in `handle_continue/2`",
            snippet=file.source.text(call.span),
            scope=send.site.scope,
            fix=None if isinstance(shape, str) else _fix(shape),
            related=()
            if isinstance(shape, str)
            else (Related(file.facts.path, shape.taken.clause.name_span, f"takes {what}"),),
        )


def _fix(shape: ContinuedInit) -> FixKind:
    return FixKind.SAFE if shape.alone and shape.plain else FixKind.UNSAFE


def _is_connection(module: Module) -> bool:
    """`Connection` has its own ways to go on from `init/1`."""
    return "Connection" in (*module.behaviours, *(use.module for use in module.uses))


def _sent_at_start(module: Module) -> Iterator[SelfSend]:
    """What is sent at once by `init/1` and by the functions that nothing else runs."""
    init = module.function("init", 1)
    if init is None or not init.public:
        return
    graph = call_graph(module)
    own = {function.id for function in callbacks(module)}
    others = [f for f in module.functions if f is not init and (f.public or f.id in own)]
    only_at_start = graph.reached([init]).keys() - graph.reached(others).keys()
    for send in self_sends(module):
        if send.at_once and send.site.function.id in only_at_start:
            yield send
