from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.self_chains import SelfChain, self_chains
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.kinds import WEB_PROCESSES, kinds
from otp_genesis_analyzers.facts.state.server_state import tag_of_message
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_LEAST_MESSAGES = 2
"""The function that begins, and the clauses of two messages: three steps."""


class SelfMessageChain(Rule):
    """A process goes from step to step by sending itself messages: a state machine that nobody sees.

    ## What it does
    Reports each `send(self(), message)` and each cast to itself that is part of a chain: a function sends a
    message, the clause that takes it sends another, and so on, three steps and more in a row. The message
    names the chain, the other sends are related places. Always a **hint**; in a view or a channel from four
    steps on.

    ## Why it matters on the BEAM
    Between two steps the process takes whatever else is in its mailbox: a second request, a stop, an old
    timer. Each clause must then be ready for a half-finished step, and what comes next can be read in
    none of them. After a crash nobody knows at which step it was.

    ## When it is legitimate
    One message to oneself is not reported, nor a clause that sends itself its own message again to give
    others a turn, nor timers (`Process.send_after/3` with a delay). A chain whose steps must let
    other messages in between is a state machine: write it as one.

    ## Use instead
    One function, where nothing has to come in between; `{:noreply, state, {:continue, step}}`, which comes
    before the next message; or `:gen_statem`, where the steps are states:
    ```elixir
    def handle_cast({:run, job}, state) do
      state = state |> prepare(job) |> execute() |> finish()
      {:noreply, state}
    end
    ```

    ## Fix safety
    No deterministic fix: which messages may come between the steps is a decision.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:handle_continue/2
    - https://www.erlang.org/doc/system/statem.html
    - tests/beam/steps_let_others_between.exs
    """

    code = "OTP312"
    name = "self-message-chain"
    severity = Severity.HINT
    anchors = (
        "self handle_info send",
        "self handle_event send",
        "self handle_info send_after",
        "handle_cast cast",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Checkout do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:pay, order}, _from, state) do
                send(self(), {:reserve, order})
            #   ^^^^ hint: `:reserve`, `:charge`, `:ship`
                {:reply, :ok, state}
              end

              def handle_info({:reserve, order}, state) do
                Shop.Stock.reserve(order)
                send(self(), {:charge, order})
            #   ^^^^ hint: 4 steps by messages to itself
                {:noreply, state}
              end

              def handle_info({:charge, order}, state), do: {:noreply, charged(state, order)}
              def handle_info({:ship, order}, state), do: {:noreply, [order | state]}

              defp charged(state, order) do
                Process.send(self(), {:ship, order}, [])
            #   ^^^^^^^^^^^^ hint: other messages come in between
                state
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Printer do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def print(page), do: GenServer.cast(__MODULE__, {:print, page})

              def init(opts), do: {:ok, opts}

              def handle_cast({:print, page}, state) do
                GenServer.cast(self(), {:heat, page})
            #   ^^^^^^^^^^^^^^ hint: 3 steps
                {:noreply, state}
              end

              def handle_cast({:heat, page}, state) do
                if state[:warm], do: GenServer.cast(__MODULE__, {:feed, page})
            #                        ^^^^^^^^^^^^^^ hint: `:heat`, `:feed`
                {:noreply, state}
              end

              def handle_cast({:feed, _page}, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Sync do
              @moduledoc "Comes round again and again."
              use Shop.Server

              def run do
                me = self()
                send(me, :fetch)
            #   ^^^^ hint: `:fetch`, `:store`
              end

              def handle_info(:fetch, state) do
                send(self(), :store)
            #   ^^^^ hint: `:fetch`, `:store`
                {:noreply, state}
              end

              def handle_info(:store, state) do
                Process.send_after(self(), :fetch, 60_000)
                {:noreply, state}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Rates do
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, :fetch}}

              def handle_continue(:fetch, state), do: {:noreply, state, {:continue, :store}}
              def handle_continue(:store, state), do: {:noreply, state}

              def handle_call(:again, _from, state) do
                send(self(), :again)
                {:reply, :ok, state}
              end

              def handle_info(:again, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Queue do
              @moduledoc "Gives others a turn after each item."
              use GenServer

              def init(items), do: {:ok, items}

              def handle_cast(:run, items) do
                send(self(), :next)
                {:noreply, items}
              end

              def handle_info(:next, []), do: {:noreply, []}

              def handle_info(:next, [item | items]) do
                Shop.Worker.run(item)
                send(self(), :next)
                {:noreply, items}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Clock do
              use GenServer

              def init(period) do
                Process.send_after(self(), :tick, period)
                {:ok, period}
              end

              def handle_info(:tick, period) do
                Process.send_after(self(), :tock, period)
                {:noreply, period}
              end

              def handle_info(:tock, period) do
                Process.send_after(self(), :tick, period)
                {:noreply, period}
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def mount(_params, _session, socket) do
                send(self(), :load_items)
                {:ok, socket}
              end

              def handle_info(:load_items, socket) do
                send(self(), :load_prices)
                {:noreply, socket}
              end

              def handle_info(:load_prices, socket), do: {:noreply, socket}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Parts do
              @moduledoc "Messages to others, and from tasks."
              use GenServer

              def init(peer), do: {:ok, peer}

              def handle_cast(:go, peer) do
                send(peer, :first)
                me = self()
                Task.start_link(fn -> send(me, :first) end)
                {:noreply, peer}
              end

              def handle_info(:first, peer) do
                send(peer, :second)
                {:noreply, peer}
              end

              def handle_info(:second, peer), do: {:noreply, peer}
            end
            # file: test/support/steps.ex
            defmodule Shop.Steps do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_cast(:go, state) do
                send(self(), :first)
                {:noreply, state}
              end

              def handle_info(:first, state) do
                send(self(), :second)
                {:noreply, state}
              end

              def handle_info(:second, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Poller do
              @moduledoc "Sets itself up, then polls."
              use GenServer

              def init(opts) do
                send(self(), :connect)
                {:ok, opts}
              end

              def handle_info(:connect, state) do
                send(self(), :poll)
                {:noreply, state}
              end

              def handle_info(:poll, state) do
                Process.send_after(self(), :poll, 1_000)
                {:noreply, state}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            least = _LEAST_MESSAGES + bool(kinds(module) & WEB_PROCESSES)
            for chain in self_chains(call_graph(module)):
                if len(chain.links) >= least:
                    yield self._finding(file, module, chain)

    def _finding(self, file: FileView, module: Module, chain: SelfChain) -> Finding:
        call = chain.send.site.call
        tags = [f"`{tag_of_message(link.message)}`" for link in chain.links]
        return self.report(
            file.facts.path,
            call.head,
            f"`{module.name}` takes {len(tags) + 1} steps by messages to itself, {', '.join(tags)}: other "
            "messages come in between; go on in one function, with `{:continue, step}`, or use `:gen_statem`",
            snippet=file.source.text(call.span),
            scope=chain.send.site.scope,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=tuple(
                Related(file.facts.path, link.site.call.head, f"sends `{tag_of_message(link.message)}`")
                for link in chain.links
                if link is not chain.send
            ),
        )
