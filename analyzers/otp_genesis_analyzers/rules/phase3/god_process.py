from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import WEB_PROCESSES, Kind, kinds
from otp_genesis_analyzers.facts.state.cohesion import Cluster, clusters
from otp_genesis_analyzers.facts.state.server_state import (
    ServerState,
    message_patterns,
    server_state,
    tag_of_message,
)
from otp_genesis_analyzers.facts.waits.blocking import wait_in
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_JUDGED: frozenset[Kind] = frozenset({"GenServer", "GenStage", "gen_statem"})
_MIN_CLUSTER = 2
"""Messages that a cluster must have to count as a responsibility."""
_SHOWN = 4
"""How many messages and fields of a cluster the message names."""


@dataclass(frozen=True)
class _Size:
    """One size of a server against the limit from which it speaks for too many responsibilities."""

    count: int
    limit: int
    what: str

    @property
    def too_big(self) -> bool:
        return self.count >= self.limit


class GodProcess(Rule):
    """One process has several responsibilities that share nothing but its mailbox.

    ## What it does
    Counts what a server has: kinds of messages (12 and more are many), fields of its state (12), other
    modules of the project that it calls (10), lines (500), kinds of things that it waits for (2). These can
    be set with `[rules.OTP301]`: `messages`, `fields`, `dependencies`, `lines`, `waits`.

    It also looks which messages touch which fields, through the functions that they hand the state to. Two
    groups of messages that share no changing field are two responsibilities. A server is reported when such
    groups exist and two of the sizes are exceeded, or when three are; twice as many kinds of messages count
    as two. The message gives the numbers and names the groups: these are the seams to divide the server
    along. Always **information**.

    ## Why it matters on the BEAM
    A process takes one message at a time. Each responsibility waits for the others, a crash in one throws
    away the state of all, and no supervisor can restart a part.

    ## When it is legitimate
    A server whose clauses mirror a protocol (a wire format, an editor's requests) is as large as the
    protocol: suppress the finding with that reason. Views, channels and tests are not judged. No groups are
    named when some message hands the whole state to another module, which may touch any field.

    ## Use instead
    A server for each group, each a child of the same supervisor; the old functions keep their place and
    call the server that now has the state.
    ```elixir
    children = [Shop.Orders.Queue, Shop.Orders.Prices]
    Supervisor.init(children, strategy: :one_for_one)
    ```

    ## Fix safety
    No deterministic fix: how the groups are named, started and restarted is a decision.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html
    - https://hexdocs.pm/elixir/process-anti-patterns.html
    - Shown by `tests/beam/server_answers_one_at_a_time.exs` and `tests/beam/state_after_a_restart.exs`
    """

    code = "OTP301"
    name = "god-process"
    severity = Severity.INFORMATION
    anchors = ("handle_",)
    fixes = (FixKind.LLM,)
    thresholds: ClassVar = {"messages": 12, "fields": 12, "dependencies": 10, "lines": 500, "waits": 2}

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Desk do
            #         ^^^^^^^^^ information: 12 kinds of messages, 12 state fields; 2 groups of its messages
              use GenServer

              defstruct orders: %{}, open: 0, closed: 0, last_order: nil, buyers: [], notes: [],
                        prices: %{}, currency: :eur, rate: 1.0, updated: nil, source: nil, errors: 0

              def init(_opts), do: {:ok, %__MODULE__{}}

              def handle_call({:place, order}, _from, state) do
                {:reply, :ok, state |> count_open(1) |> Map.put(:last_order, order)}
              end

              def handle_call(:last, _from, state), do: {:reply, {state.last_order, state.open}, state}
              def handle_call({:close, _id}, _from, %{closed: closed} = state) do
                {:reply, :ok, count_open(%{state | closed: closed + 1}, -1)}
              end

              def handle_call(:buyers, _from, state), do: {:reply, {state.buyers, state.notes}, state}

              def handle_call({:buyer, buyer, note}, _from, state) do
                {:reply, :ok, %{state | buyers: [buyer | state.buyers], notes: [note | state.notes], open: 0}}
              end

              def handle_call({:price, id}, _from, state), do: {:reply, state.prices[id] * state.rate, state}
              def handle_call({:set, id, new}, _from, state), do: {:reply, 1, put_in(state.prices[id], new)}
              def handle_call(:rate, _from, state), do: {:reply, {state.rate, state.updated}, state}
              def handle_cast({:rate, rate}, state), do: {:noreply, rated(state, rate)}
              def handle_cast({:source, source}, state), do: {:noreply, rated(%{state | source: source}, 1.0)}
              def handle_cast(:failed, state), do: {:noreply, Map.update!(state, :errors, &(&1 + 1))}
              def handle_info(:refresh, state), do: {:noreply, %{state | errors: 0, source: nil}}
              def handle_info(:sweep, state), do: {:noreply, %{state | open: 0, last_order: nil}}

              defp count_open(state, by), do: %{state | open: state.open + by}
              defp rated(state, rate), do: %{state | rate: rate, updated: rate * 2}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Gate do
            #         ^^^^^^^^^ information: share no state: `:ban`, `:banned`, `:unban` with
              use GenServer

              def init(_opts), do: {:ok, %{banned: %{}, seen: 0, limit: 10}}

              def handle_call({:ban, ip}, _from, state), do: {:reply, :ok, put_in(state.banned[ip], true)}
              def handle_call({:banned, ip}, _from, state), do: {:reply, state.banned[ip], state}
              def handle_call({:unban, ip}, _from, %{banned: banned} = state) do
                {:reply, :ok, %{state | banned: Map.delete(banned, ip)}}
              end

              def handle_call(:seen, _from, state), do: {:reply, {state.seen, state.limit}, state}
              def handle_call(:limit, _from, %{limit: limit} = state), do: {:reply, limit, state}
              def handle_cast(:hit, state), do: {:noreply, Map.update!(state, :seen, &(&1 + 1))}
              def handle_cast(:reset, state), do: {:noreply, %{state | seen: 0}}
              def handle_info(:ping, state), do: {:noreply, state}
              def handle_info(:whois, state), do: {:noreply, look_up(state)}
              def handle_info(:dns, state), do: {:noreply, resolve(state)}
              def handle_info(:pong, state), do: {:noreply, state}
              def handle_info(:tick, state), do: {:noreply, state}

              defp look_up(state) do
                System.cmd("whois", ["example.org"])
                state
              end

              defp resolve(state) do
                Req.get!("https://dns.example.org")
                state
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Hub do
            #         ^^^^^^^^ information: 12 kinds of messages, 12 state fields, 10 modules called
              use GenServer

              alias Shop.{Audit, Cart, Desk, Feed, Mail, Menu, News, Page, Rank, Till}

              def init(opts) do
                {:ok, %{a: 0, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0, i: 0, j: 0, k: 0, opts: opts}}
              end

              def handle_cast(:audit, state), do: {:noreply, Audit.run(state)}
              def handle_cast(:cart, state), do: {:noreply, Cart.run(state)}
              def handle_cast(:desk, state), do: {:noreply, Desk.run(state)}
              def handle_cast(:feed, state), do: {:noreply, Feed.run(state)}
              def handle_cast(:mail, state), do: {:noreply, Mail.run(state)}
              def handle_cast(:menu, state), do: {:noreply, Menu.run(state)}
              def handle_cast(:news, state), do: {:noreply, News.run(state)}
              def handle_cast(:page, state), do: {:noreply, Page.run(state)}
              def handle_cast(:rank, state), do: {:noreply, Rank.run(state)}
              def handle_cast(:till, state), do: {:noreply, Till.run(state)}
              def handle_cast(:up, state), do: {:noreply, %{state | a: 1}}
              def handle_cast(:down, state), do: {:noreply, %{state | b: 1}}
            end
            """
        ),
        Example(
            """
            # file: .otp-genesis.toml
            [rules.OTP301]
            messages = 4
            lines = 10
            # file: lib/shop/twins.ex
            defmodule Shop.Twins do
            #         ^^^^^^^^^^ information: 4 kinds of messages
              use GenServer

              def init(_opts), do: {:ok, %{left: 0, right: 0}}

              def handle_call(:left, _from, state), do: {:reply, state.left, state}
              def handle_call(:right, _from, state), do: {:reply, state.right, state}
              def handle_cast(:one, state), do: {:noreply, %{state | left: state.left + 1}}
              def handle_cast(:two, state), do: {:noreply, %{state | right: state.right + 1}}
            end
            """
        ),
        Example(
            """
            defmodule Shop.House do
            #         ^^^^^^^^^^ information: is large for one process: 24 kinds of messages, 12 state fields
              use GenServer

              defstruct mode: :shut, doors: 2, lights: 0, heat: 0, air: 0, music: nil,
                        sign: nil, till: 0, safe: 0, staff: [], guards: [], report: nil

              def init(_opts), do: {:ok, %__MODULE__{}}

              def handle_call(:open, _from, state), do: {:reply, state.mode, %{state | mode: :open}}
              def handle_call(:close, _from, state), do: {:reply, state.mode, %{state | mode: :close}}
              def handle_call(:lock, _from, state), do: {:reply, state.mode, %{state | mode: :lock}}
              def handle_call(:unlock, _from, state), do: {:reply, state.mode, %{state | mode: :unlock}}
              def handle_call(:light, _from, state), do: {:reply, state.mode, %{state | mode: :light}}
              def handle_call(:heat, _from, state), do: {:reply, state.mode, %{state | mode: :heat}}
              def handle_call(:air, _from, state), do: {:reply, state.mode, %{state | mode: :air}}
              def handle_call(:music, _from, state), do: {:reply, state.mode, %{state | mode: :music}}
              def handle_call(:sign, _from, state), do: {:reply, state.mode, %{state | mode: :sign}}
              def handle_call(:till, _from, state), do: {:reply, state.mode, %{state | mode: :till}}
              def handle_call(:safe, _from, state), do: {:reply, state.mode, %{state | mode: :safe}}
              def handle_call(:shelf, _from, state), do: {:reply, state.mode, %{state | mode: :shelf}}
              def handle_call(:stock, _from, state), do: {:reply, state.mode, %{state | mode: :stock}}
              def handle_call(:price, _from, state), do: {:reply, state.mode, %{state | mode: :price}}
              def handle_call(:sale, _from, state), do: {:reply, state.mode, %{state | mode: :sale}}
              def handle_call(:order, _from, state), do: {:reply, state.mode, %{state | mode: :order}}
              def handle_call(:buyer, _from, state), do: {:reply, state.mode, %{state | mode: :buyer}}
              def handle_call(:staff, _from, state), do: {:reply, state.mode, %{state | mode: :staff}}
              def handle_call(:shift, _from, state), do: {:reply, state.mode, %{state | mode: :shift}}
              def handle_call(:clean, _from, state), do: {:reply, state.mode, %{state | mode: :clean}}
              def handle_call(:guard, _from, state), do: {:reply, state.mode, %{state | mode: :guard}}
              def handle_call(:alarm, _from, state), do: {:reply, state.mode, %{state | mode: :alarm}}
              def handle_call(:report, _from, state), do: {:reply, state.mode, %{state | mode: :report}}
              def handle_call(:stop, _from, state), do: {:reply, state.mode, %{state | mode: :stop}}
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Turnstile do
              @moduledoc "Many messages, one matter: all of them touch the same count."
              use GenServer

              def init(_opts), do: {:ok, %{count: 0, limit: 10, name: nil}}

              def handle_call(:count, _from, state), do: {:reply, state.count, state}
              def handle_call(:free, _from, state), do: {:reply, state.limit - state.count, state}
              def handle_call(:full, _from, state), do: {:reply, state.count >= state.limit, state}
              def handle_cast(:enter, state), do: {:noreply, add(state, 1)}
              def handle_cast(:leave, state), do: {:noreply, add(state, -1)}
              def handle_cast(:two, state), do: {:noreply, add(state, 2)}
              def handle_cast(:three, state), do: {:noreply, add(state, 3)}
              def handle_cast(:reset, state), do: {:noreply, %{state | count: 0}}
              def handle_cast({:limit, limit}, state), do: {:noreply, %{state | limit: limit}}
              def handle_cast({:name, name}, state), do: {:noreply, %{state | name: name}}
              def handle_info(:close, state), do: {:stop, :normal, state}
              def handle_info(:tick, state), do: {:noreply, state}

              defp add(%{count: count} = state, number), do: %{state | count: count + number}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Twins do
              @moduledoc "Two groups that share nothing, but small ones."
              use GenServer

              def init(_opts), do: {:ok, %{left: 0, right: 0}}

              def handle_call(:left, _from, state), do: {:reply, state.left, state}
              def handle_call(:right, _from, state), do: {:reply, state.right, state}
              def handle_cast(:left, state), do: {:noreply, %{state | left: state.left + 1}}
              def handle_cast(:right, state), do: {:noreply, %{state | right: state.right + 1}}
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.BoardLive do
              use ShopWeb, :live_view

              def handle_info(:a, socket), do: {:noreply, assign(socket, :a, Shop.A.run())}
              def handle_info(:b, socket), do: {:noreply, assign(socket, :b, Shop.B.run())}
              def handle_info(:c, socket), do: {:noreply, assign(socket, :c, Shop.C.run())}
              def handle_info(:d, socket), do: {:noreply, assign(socket, :d, Shop.D.run())}
              def handle_info(:e, socket), do: {:noreply, assign(socket, :e, Shop.E.run())}
              def handle_info(:f, socket), do: {:noreply, assign(socket, :f, Shop.F.run())}
              def handle_info(:g, socket), do: {:noreply, assign(socket, :g, Shop.G.run())}
              def handle_info(:h, socket), do: {:noreply, assign(socket, :h, Shop.H.run())}
              def handle_info(:i, socket), do: {:noreply, assign(socket, :i, Shop.I.run())}
              def handle_info(:j, socket), do: {:noreply, assign(socket, :j, Shop.J.run())}
              def handle_info(:k, socket), do: {:noreply, assign(socket, :k, System.cmd("uptime", []))}
              def handle_info(:l, socket), do: {:noreply, assign(socket, :l, Req.get!("https://example.org"))}
            end
            """
        ),
        Example(
            """
            # otp-genesis:ignore OTP301 -- one clause for each request of the wire protocol
            defmodule Shop.Wire do
              use GenServer

              def init(_opts), do: {:ok, %{in: 0, out: 0}}

              def handle_info(:hello, state), do: {:noreply, %{state | in: Req.get!("https://a.example")}}
              def handle_info(:bye, state), do: {:noreply, %{state | in: 0}}
              def handle_info(:ping, state), do: {:noreply, %{state | out: System.cmd("uptime", [])}}
              def handle_info(:pong, state), do: {:noreply, %{state | out: 0}}
              def handle_info(:open, state), do: {:noreply, state}
              def handle_info(:close, state), do: {:noreply, state}
              def handle_info(:read, state), do: {:noreply, state}
              def handle_info(:write, state), do: {:noreply, state}
              def handle_info(:seek, state), do: {:noreply, state}
              def handle_info(:tell, state), do: {:noreply, state}
              def handle_info(:lock, state), do: {:noreply, state}
              def handle_info(:sync, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Facade do
              @moduledoc "No process: a module that hands everything on."
              defdelegate order(id), to: Shop.Orders
              defdelegate cart(id), to: Shop.Carts
              defdelegate price(id), to: Shop.Prices
              def all(id), do: {Shop.A.get(id), Shop.B.get(id), Shop.C.get(id), Shop.D.get(id)}
              def more(id), do: {Shop.F.get(id), Shop.G.get(id), Shop.H.get(id), Shop.I.get(id)}
              def most(id), do: {all(id), more(id), Shop.E.get(id), Shop.J.get(id)}
              def ping, do: {Req.get!("https://example.org"), System.cmd("uptime", [])}
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            found = kinds(module)
            if not module.complete or not found & _JUDGED or found & WEB_PROCESSES:
                continue
            sizes = list(self._sizes(file, module))
            if any(size.too_big for size in sizes):
                yield from self._judge(file, module, sizes)

    def _judge(self, file: FileView, module: Module, sizes: list[_Size]) -> Iterator[Finding]:
        state = server_state(file.source, file.facts, module)
        fields = _Size(len(state.fields), file.threshold(self, "fields"), "state fields")
        sizes = [*sizes[:1], fields, *sizes[1:]]
        too_big = [size for size in sizes if size.too_big]
        parts = tuple(part for part in clusters(state) if len(part.messages) >= _MIN_CLUSTER)
        separable = len(parts) > 1
        if len(too_big) + self._counts_twice(sizes) >= (2 if separable else 3):
            yield self._finding(file, module, state, too_big, parts if separable else ())

    def _counts_twice(self, sizes: list[_Size]) -> bool:
        """Twice as many kinds of messages as are many: the first of the sizes."""
        return sizes[0].count >= 2 * sizes[0].limit

    def _sizes(self, file: FileView, module: Module) -> Iterator[_Size]:
        """All but the number of fields, which takes more reading: kinds of messages first."""
        lines = file.source.lines
        graph = call_graph(module)
        calls = [
            call
            for function_id in callback_chains(graph)
            for clause in graph.functions[function_id].clauses
            for call in clause.calls
        ]
        namespace = module.name.partition(".")[0]
        others = {call.module for call in calls if call.module.partition(".")[0] == namespace} - {module.name}
        waits = {wait.kind for call in calls if call.runs == "here" and (wait := wait_in(call)) is not None}
        tags = {tag_of_message(pattern) for _, _, pattern in message_patterns(module)}
        yield _Size(len(tags - {""}), file.threshold(self, "messages"), "kinds of messages")
        yield _Size(len(others), file.threshold(self, "dependencies"), "modules called")
        length = lines.line_of(module.span.end) - lines.line_of(module.span.start) + 1
        yield _Size(length, file.threshold(self, "lines"), "lines")
        yield _Size(len(waits), file.threshold(self, "waits"), "kinds of waiting")

    def _finding(
        self,
        file: FileView,
        module: Module,
        state: ServerState,
        sizes: list[_Size],
        parts: tuple[Cluster, ...],
    ) -> Finding:
        numbers = ", ".join(f"{size.count} {size.what}" for size in sizes)
        message = f"`{module.name}` is large for one process: {numbers}"
        if parts:
            message += (
                f"; {len(parts)} groups of its messages share no state: {'; '.join(map(_in_words, parts))}"
            )
        return self.report(
            file.facts.path,
            module.name_span,
            message,
            snippet=module.name,
            scope=module.name,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
            related=tuple(_first_clauses(file, state, parts)),
        )


def _in_words(part: Cluster) -> str:
    return f"{_listed(part.messages)} with {_listed(part.fields)}"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _first_clauses(file: FileView, state: ServerState, parts: tuple[Cluster, ...]) -> Iterator[Related]:
    """The first clause of each group: where its part of the module begins."""
    for part in parts:
        message = next(message for message in state.messages if message.tag in part.messages)
        yield Related(
            file.facts.path, message.clause.name_span, f"begins the group of {_listed(part.messages)}"
        )
