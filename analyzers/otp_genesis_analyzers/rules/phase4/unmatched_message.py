from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.across_modules.likely_meant import likely_meant
from otp_genesis_analyzers.across_modules.message_map import HANDLER, Message, unmatched, unsent
from otp_genesis_analyzers.facts.messages.shapes import Taken, Way, taken
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.rules.contract import Example, Rule
from otp_genesis_analyzers.terms import Term

_VERBS = {"call": "called", "cast": "cast", "info": "sent"}


class UnmatchedMessage(Rule):
    """A message goes to a server that has no clause for it.

    ## What it does
    Compares the messages that the application code calls, casts and sends to servers of the project, and
    those that a server sends to itself, with the clauses of these servers: by tag, size and literal parts,
    where what is only known at run time fits everything. The server must be known: by its registered name, or
    because its own client functions send the message, to a process that is not that of another server by all
    that is seen. Reports as a **warning** what no clause can take. A clause for a call or a cast that no code
    of the project sends gets a **hint**.

    ## Why it matters on the BEAM
    A call that no clause takes ends the server, not only the caller: `handle_call/3` fails with a
    `FunctionClauseError` in the server's process, and its state is gone. So does a cast. A plain message
    does so where `handle_info/2` has clauses of which none fits; without any, it is logged and dropped.

    ## When it is legitimate
    A server with a clause for everything. One that gets clauses from a macro, in which they can't be seen.
    A message that is made at run time. None of these is reported.

    ## Use instead
    ```elixir
    GenServer.call(Shop.Cart, {:delete, sku})   # Shop.Cart has a clause for {:delete, sku}
    ```

    ## Fix safety
    Unsafe. Where one clause is likely meant, because its tag is nearly the same, or because it alone has this
    form and nobody sends its tag, the message gets its tag. Else a call gets a clause that answers
    `{:error, :not_implemented}`, which is there to be filled in. Refused for casts and plain messages, where
    such a clause would only hide the loss, and for plain messages of other modules, which should be calls.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:handle_call/3
    - `tests/beam/unmatched_message.exs`
    """

    code = "OTP406"
    name = "unmatched-message"
    severity = Severity.WARNING
    project_wide = True
    anchors = (
        "send",
        "handle_",
        "GenServer call",
        "GenServer cast",
        "GenStage call",
        "GenStage cast",
        "gen_server call",
        "gen_server cast",
    )
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:delete, sku}, _from, state), do: {:reply, :ok, Map.delete(state, sku)}
            end
            # file: lib/shop/checkout.ex
            defmodule Shop.Checkout do
              alias Shop.Cart

              def drop(sku) do
                GenServer.call(Cart, {:remove, sku})
            #   ^^^^^^^^^^^^^^ warning: did you mean `{:delete, _}`?
              end
            end
            """,
            fixed="""
            # file: lib/shop/checkout.ex
            defmodule Shop.Checkout do
              alias Shop.Cart

              def drop(sku) do
                GenServer.call(Cart, {:delete, sku})
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :stock)
              def reserve(items), do: GenServer.call(:stock, {:reserve, items})
              def count(item), do: GenServer.call(:stock, {:count, item, :all})
            #                      ^^^^^^^^^^^^^^ warning: `{:count, _, :all}` is called, and no clause

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:reserve, items}, _from, state), do: {:reply, items, state}
              def handle_call({:count, item}, _from, stock), do: {:reply, stock[item], stock}
            end
            """,
            fixed="""
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :stock)
              def reserve(items), do: GenServer.call(:stock, {:reserve, items})
              def count(item), do: GenServer.call(:stock, {:count, item, :all})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:reserve, items}, _from, state), do: {:reply, items, state}
              def handle_call({:count, item}, _from, stock), do: {:reply, stock[item], stock}

              def handle_call({:count, _item, :all}, _from, state) do
                {:reply, {:error, :not_implemented}, state}
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/printer.ex
            defmodule Shop.Printer do
              use GenServer

              def print(printer, page), do: GenServer.cast(printer, {:print, page})
            #                               ^^^^^^^^^^^^^^ warning: only its `handle_call/3` takes it
              def init(opts), do: {:ok, opts}
              def handle_call({:print, page}, _from, state), do: {:reply, page, state}
              def handle_cast(:flush, state), do: {:noreply, state}
            #     ^^^^^^^^^^^ hint: no code of the project casts `:flush`
            end
            """
        ),
        Example(
            """
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def reload, do: Process.send(__MODULE__, :reload, [])
            #                 ^^^^^^^^^^^^ warning: `:reload` is sent, and no clause of `handle_info/2`
              def init(opts), do: {:ok, opts}
              def handle_info(:load, state), do: {:noreply, state}
              def handle_info(%{event: "load"}, state), do: {:noreply, state}
            end
            """,
            fixed="""
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def reload, do: Process.send(__MODULE__, :load, [])
              def init(opts), do: {:ok, opts}
              def handle_info(:load, state), do: {:noreply, state}
              def handle_info(%{event: "load"}, state), do: {:noreply, state}
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Clock do
              use GenServer

              def init(opts) do
                send(self(), :start)
            #   ^^^^ warning: no clause of `handle_info/2` in `Shop.Clock` takes it
                {:ok, opts}
              end

              def set(server \\\\ __MODULE__, time), do: GenServer.call(server, {:put, time})
            #                                          ^^^^^^^^^^^^^^ warning: `{:put, _}` is called

              def handle_call({:set, time}, _from, _state), do: {:reply, :ok, time}

              def handle_info(:tick, state) do
                plan(state)
                {:noreply, state}
              end

              defp plan(pause), do: Process.send_after(self(), {:tick, 1}, pause)
            #                       ^^^^^^^^^^^^^^^^^^ warning: that ends the server
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Clock do
              use GenServer

              def init(opts) do
                send(self(), :tick)
                spawn_link(fn -> send(self(), :start) end)
                {:ok, opts}
              end

              def time do
                send(self(), :now)

                receive do
                  :now -> Time.utc_now()
                end
              end

              def wake, do: send(self(), :wake)
              def handle_info(:tick, state), do: {:noreply, state}
            end

            defmodule Shop.Mute do
              use GenServer

              def init(opts) do
                send(self(), :logged_and_dropped)
                {:ok, opts}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
              def init(opts), do: {:ok, opts}
              def handle_call({:take, sum}, _from, state), do: {:reply, :ok, state + sum}
            end
            # file: lib/shop/desk.ex
            defmodule Shop.Desk do
              @moduledoc "Speaks with other servers too: the till is one of the project, the printer is not."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def pay(till, sum), do: GenServer.call(till, {:take, sum})
              def pay_at(pid, sum), do: GenServer.call(pid, {:take, sum})
              def print(printer, page), do: GenServer.call(printer, {:print, page})
              def count, do: GenServer.call(__MODULE__, :count)
              def init(opts), do: {:ok, opts}
              def handle_call(:count, _from, state), do: {:reply, length(state), state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              use GenServer

              @name :cart
              @add :add

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: @name)
              def add(sku), do: GenServer.call(@name, {@add, sku, 1})
              def tell(message), do: GenServer.call(@name, message)
              def tag(tag, sku), do: GenServer.cast(@name, {tag, sku})
              def list(cart), do: GenServer.call(cart, [:first | cart])
              def order(cart), do: GenServer.call(cart, %{event: "order", id: 1})
              def init(opts), do: {:ok, opts}

              def handle_call({:add, sku, count} = _request, _from, state), do: {:reply, sku, state + count}
              def handle_call([:first | _rest], _from, state), do: {:reply, :ok, state}
              def handle_call(%{event: "order"}, _from, state), do: {:reply, :ok, state}
              def handle_cast({:drop, _sku}, state), do: {:noreply, state}
              def handle_cast({:keep, _sku}, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/catch_all.ex
            defmodule Shop.CatchAll do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def anything(what), do: GenServer.call(__MODULE__, {:anything, what})
              def stray, do: send(__MODULE__, :stray)
              def init(opts), do: {:ok, opts}
              def handle_call(request, _from, state), do: {:reply, dispatch(request), state}

              defp dispatch({:something, what}), do: what
            end

            defmodule Shop.Machine do
              @behaviour :gen_statem

              def start_link(opts), do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, opts, [])
              def open, do: :gen_statem.call(__MODULE__, :open)
              def callback_mode, do: :state_functions
              def init(opts), do: {:ok, :shut, opts}
              def shut({:call, from}, message, data), do: {:keep_state, data, [{:reply, from, message}]}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/server.ex
            defmodule Shop.Server do
              defmacro __using__(_opts) do
                quote do
                  use GenServer
                  def handle_call(:ping, _from, state), do: {:reply, :pong, state}
                end
              end
            end

            defmodule Shop.Pinged do
              use Shop.Server

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def ping, do: GenServer.call(__MODULE__, :ping)
              def init(opts), do: {:ok, opts}
              def handle_call(:other, _from, state), do: {:reply, :ok, state}
            end

            defmodule Shop.Feed do
              @moduledoc "No GenServer: WebSockex hands what is called to `handle_info/2`."

              def start_link(url), do: WebSockex.start_link(url, __MODULE__, %{})
              def ask(feed, question), do: GenServer.call(feed, {:ask, question})
              def handle_cast({:tell, text}, state), do: {:reply, {:text, text}, state}
              def handle_info({:"$gen_call", from, {:ask, what}}, state), do: {:ok, {from, what, state}}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/room.ex
            defmodule Shop.Room do
              @moduledoc "Talks to a process that is not of its own kind."
              use GenServer

              def init(opts), do: {:ok, opts}
              def join(room, user), do: GenServer.call(room, {:join, user})
              def leave(user, room), do: GenServer.call(room, {:left, user})
              def later(room), do: Process.send_after(room, :close, 1_000)

              def handle_call({:join, user}, _from, state) do
                {:reply, GenServer.call(state.house, {:joined, user}), state}
              end

              def handle_info(:tick, state), do: {:noreply, tell(state.house, state)}

              defp tell(house, state), do: GenServer.call(house, {:told, state})
            end
            """
        ),
        Example(
            """
            # file: lib/shop/counter.ex
            defmodule Shop.Counter do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_call(:value, _from, value), do: {:reply, value, value}
              def handle_cast({:set, value}, _value), do: {:noreply, value}
              def handle_cast({:later, value}, _value), do: {:noreply, value}
              def handle_call(:count_children, _from, value), do: {:reply, [], value}
            end

            defmodule Shop.Plan do
              def steps, do: [{:later, 1}]
            end
            # file: test/shop/counter_test.exs
            defmodule Shop.CounterTest do
              use ExUnit.Case

              test "counts" do
                GenServer.cast(Shop.Counter, {:set, 2})
                assert GenServer.call(Shop.Counter, :value) == 2
              end

              test "dies of a message that it does not know" do
                assert catch_exit(GenServer.call(Shop.Counter, :unknown))
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/progress.ex
            defmodule Shop.Progress do
              @moduledoc "ExUnit casts to its formatters."
              use GenServer

              def init(opts), do: {:ok, opts}
              def handle_cast({:suite_started, _opts}, state), do: {:noreply, state}
              def handle_cast({:module_started, _module}, state), do: {:noreply, state}
              def handle_cast({:test_finished, test}, state), do: {:noreply, [test | state]}
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        meant = [(message, likely_meant(project, message)) for message in unmatched(project)]
        for message, clause in meant:
            yield self._unmatched(message, clause)
        known = [clause.clause for _, clause in meant if clause is not None]
        yield from self._unsent(project, [found for found in unsent(project) if found[1].clause not in known])

    def _unmatched(self, message: Message, meant: Taken | None) -> Finding:
        sent, server = message.sent, message.server
        handler, shape = HANDLER[sent.way], shape_of(sent.message)
        renamed = meant is not None and (sent.way != "info" or sent.site.module.name == server.module.name)
        fixable = renamed or sent.way == "call"
        other = next(_other_ways(message), None)
        if other is not None:
            advice, fixable = f"; only its `{HANDLER[other]}` takes it", False
        else:
            advice = f"; did you mean `{shape_of(meant.pattern)}`?" if meant is not None else ""
        there = next((clause for clause in taken(server.module) if clause.way == sent.way), None)
        return self.report(
            message.path,
            sent.site.call.head,
            f"`{shape}` is {_VERBS[sent.way]}, and no clause of `{handler}` in `{server.module.name}` takes "
            f"it: that ends the server{advice}",
            snippet=f"{sent.site.call.target} {shape}",
            scope=sent.site.scope,
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if fixable and sent.site.call.form == "call" else FixKind.LLM,
            related=(
                Related(
                    server.path,
                    there.clause.name_span if there is not None else server.module.name_span,
                    "takes other messages" if there is not None else f"has no `{handler}`",
                ),
            ),
        )

    def _unsent(self, project: Project, clauses: list[tuple[ModuleEntry, Taken]]) -> Iterator[Finding]:
        for entry, clause in _mentioned_nowhere_else(project, clauses):
            tag = _tag_in(clause.pattern)
            what = f"calls it with `:{tag}`" if clause.way == "call" else f"casts `:{tag}`"
            yield self.report(
                entry.path,
                clause.clause.name_span,
                f"no code of the project {what}, so this clause of `{clause.function.id}` never runs",
                snippet=f"{clause.function.id} :{tag}",
                scope=f"{entry.module.name}.{clause.function.id}",
                severity=Severity.HINT,
                confidence=Confidence.HEURISTIC,
            )


def shape_of(term: Term) -> str:
    """A message without what only the run time knows: `{:remove, _}`."""
    if term.kind == "match":
        return shape_of(next((part for part in term.items if part.kind != "variable"), term.items[0]))
    if term.kind == "atom":
        return term.value if term.value in ("nil", "true", "false") else f":{term.value}"
    if term.kind in ("tuple", "list"):
        inside = ", ".join(map(shape_of, term.items))
        return f"{{{inside}}}" if term.kind == "tuple" else f"[{inside}]"
    if term.kind == "struct":
        return f"%{term.value}{{}}"
    if term.kind in ("int", "float", "module"):
        return term.value
    return {"string": f'"{term.value}"', "map": "%{}"}.get(term.kind, "_")


def _other_ways(message: Message) -> Iterator[Way]:
    """The ways in which the server takes a message with this tag, though it is not sent so."""
    for clause in taken(message.server.module):
        if clause.way in HANDLER and clause.way != message.sent.way and _is_for(clause, message.sent.message):
            yield clause.way


def _is_for(clause: Taken, message: Term) -> bool:
    return message.tag is not None and shape_of(clause.pattern) == shape_of(message)


def _mentioned_nowhere_else(
    project: Project, clauses: list[tuple[ModuleEntry, Taken]]
) -> Iterator[tuple[ModuleEntry, Taken]]:
    """Those whose tag stands nowhere in the project but in the heads of such clauses."""
    if not clauses:
        return
    texts = [project.read(path) for path in project.files]
    for entry, clause in clauses:
        word = f":{_tag_in(clause.pattern)}".encode()
        heads = sum(_tag_in(other.pattern) == _tag_in(clause.pattern) for _, other in clauses)
        if sum(text.count(word) for text in texts) <= heads:
            yield entry, clause


def _tag_in(pattern: Term) -> str:
    return next((tag for term in pattern.walk() if (tag := term.tag)), "")
