from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.messages.self_calls import SelfCall, agent_self_calls, self_calls
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.processes.registered_names import is_self
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.roles import OUTSIDE_TESTS
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class SelfCallDeadlock(Rule):
    """A server's callback calls its own server and waits for itself.

    ## What it does
    Reports a `GenServer.call` to `self()` or to the server's own registered name, and a call of the module's
    own client function that makes one, wherever it runs in the server's process: in a callback, or in a
    function that only callbacks lead to. `GenStage`, `:gen_server` and `:gen_statem` count as well, and a
    `fn` that an agent is given, which asks that agent.

    It is an **error** where the module registers the name that is called, and a **warning** where the
    server only may have it: its name is computed, or it is started elsewhere.

    ## Why it matters on the BEAM
    A server handles one message at a time. One that asks itself would wait for an answer that it can only
    give after the waiting. `GenServer.call` sees this and exits at once with `:calling_self`, so the
    callback crashes the server each time it gets there. `:gen_statem.call` with a name waits, by default
    for ever.

    ## When it is legitimate
    Never in the server's own process. Not reported is what runs in another one, like a `fn` given to
    `Task.async`, a call with another server as its argument, and a client function that compares
    `Process.whereis/1` with `self()` first.

    ## Use instead
    ```elixir
    def total, do: GenServer.call(__MODULE__, :total)

    def handle_call(:total, _from, state), do: {:reply, sum(state), state}
    def handle_call(:report, _from, state), do: {:reply, "#{sum(state)} cents", state}

    defp sum(state), do: Enum.sum(state.amounts)
    ```

    ## Fix safety
    There is no mechanical fix: the part that both callbacks need has to become a function of the state. A
    model can propose one.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#call/3
    - Shown by `tests/beam/call_to_itself.exs`
    """

    code = "OTP111"
    name = "self-call-deadlock"
    severity = Severity.ERROR
    anchors = (
        "GenServer call",
        "GenStage call",
        ":gen_ call",
        "Agent get",
        "Agent update",
        "Agent get_and_update",
        "Agent cast",
    )
    roles = OUTSIDE_TESTS
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Ledger do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def total, do: GenServer.call(__MODULE__, :total)
              def entries(server \\\\ __MODULE__), do: ask(server, :entries)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:total, _from, state), do: {:reply, Enum.sum(state), state}
              def handle_call(:report, _from, state), do: {:reply, "#{total()} cents", state}
            #                                                         ^^^^^ error: `handle_call/3` runs in the

              def handle_call(:entries, _from, state) do
                {:reply, GenServer.call(self(), :total, 1_000), state}
            #            ^^^^^^^^^^^^^^ error: exits with `:calling_self`
              end

              def handle_call(:sum, _from, state) do
                me = self()
                {:reply, GenServer.call(me, :total), state}
            #            ^^^^^^^^^^^^^^ error: exits with `:calling_self`
              end

              @impl true
              def handle_cast(:close, state), do: {:noreply, close(state)}

              defp close(state), do: state |> Enum.map(&round/1) |> book()

              defp book(state) do
                Enum.each(state, fn amount -> store(amount) end)
                state
              end

              defp store(amount), do: Shop.Repo.insert({amount, Shop.Ledger.total()})
            #                                                   ^^^^^^^^^^^^^^^^^ error: `handle_cast/2` runs
              defp ask(server, question), do: GenServer.call(server, question)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Limits do
              use GenServer

              @name :limits

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: @name)
              def limit(client), do: GenServer.call(@name, {:limit, client})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info({:request, client}, state) do
                if limit(client) > 0, do: grant(client)
            #      ^^^^^ error: waits for it in `limit/1`
                {:noreply, state}
              end

              @impl true
              def terminate(_reason, _state), do: GenServer.call(Process.whereis(:limits), :flush)
            #                                     ^^^^^^^^^^^^^^ error

              defp grant(client), do: send(client, :granted)
            end

            defmodule Shop.Doors do
              @behaviour :gen_statem

              def start_link(opts), do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, opts, [])
              def open?, do: :gen_statem.call(__MODULE__, :open?)

              def init(opts), do: {:ok, :closed, opts}
              def callback_mode, do: :state_functions

              def closed(:cast, :knock, data) do
                if open?(), do: {:next_state, :open, data}, else: {:keep_state, data}
            #      ^^^^^ error: the answer can't come before the timeout
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Cache do
              use GenServer

              def start_link(opts) do
                name = Keyword.get(opts, :name, __MODULE__)
                GenServer.start_link(__MODULE__, opts, name: name)
              end

              def size(server \\\\ __MODULE__), do: GenServer.call(server, :size)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:size, _from, state), do: {:reply, map_size(state), state}

              @impl true
              def handle_continue(:report, state) do
                Shop.Metrics.gauge(:cache_size, size())
            #                                   ^^^^ warning: when it is registered under its default name
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Stock do
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def of(item), do: Agent.get(__MODULE__, &Map.get(&1, item, 0))

              def add(item, count) do
                Agent.update(__MODULE__, fn stock -> Map.put(stock, item, of(item) + count) end)
            #                                                             ^^ error: `Agent.update/2` is
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Stock do
              use Agent

              def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
              def of(item), do: Agent.get(__MODULE__, &Map.get(&1, item, 0))

              def add(item, count) do
                known = of(item)
                Agent.update(__MODULE__, &Map.put(&1, item, known + count))
              end

              def order(item), do: Agent.update(Shop.Orders, &Map.put(&1, item, of(item)))

              def later(item) do
                Agent.update(__MODULE__, fn stock ->
                  Task.start(fn -> Shop.Log.write(of(item)) end)
                  stock
                end)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Index do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def stop_words, do: GenServer.call(__MODULE__, :stop_words)
              def find(phrase), do: GenServer.call(__MODULE__, {:find, phrase})
              def find(server, phrase), do: GenServer.call(server, {:find, phrase})
              def nodes(question), do: GenServer.multi_call(__MODULE__, question)
              def find_all(phrases), do: Enum.map(phrases, &find/1)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:find, phrase}, from, state) do
                Task.Supervisor.start_child(Shop.Tasks, fn -> GenServer.reply(from, find(phrase)) end)
                {:noreply, state}
              end

              def handle_call({:forward, phrase}, _from, state) do
                {:reply, find(state.peer, phrase) ++ nodes(phrase), state}
              end

              @impl true
              def handle_cast(:rebuild, state) do
                spawn_link(__MODULE__, :find, ["pot"])
                task = Task.async(&stop_words/0)
                build = fn -> Enum.map(stop_words(), &String.downcase/1) end
                {:noreply, %{state | task: task, build: build}}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Cart do
              use GenServer

              def start_link(customer), do: GenServer.start_link(__MODULE__, customer, name: via(customer))
              def items(customer), do: GenServer.call(via(customer), :items)
              def rate, do: GenServer.call(Shop.Rates, :current)

              @impl true
              def init(customer), do: {:ok, customer}

              @impl true
              def handle_call({:merge, other}, _from, state), do: {:reply, items(other) ++ [rate()], state}

              defp via(customer), do: {:via, Registry, {Shop.Carts, customer}}
            end

            defmodule Shop.Cart.Client do
              def total, do: GenServer.call(__MODULE__, :total)
              def report, do: total()
            end
            """
        ),
        Example(
            """
            defmodule Shop.Settings do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def get(key) do
                if Process.whereis(__MODULE__) == self(),
                  do: Process.get(key),
                  else: GenServer.call(__MODULE__, {:get, key})
              end

              def reload, do: GenServer.cast(__MODULE__, :reload)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:get, key}, _from, state), do: {:reply, get(key), state}

              @impl true
              def handle_info(:tick, state) do
                reload()
                {:noreply, state}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in file.facts.modules:
            graph = call_graph(module)
            for found in (*self_calls(graph), *agent_self_calls(graph)):
                yield self._finding(file, found)

    def _finding(self, file: FileView, found: SelfCall) -> Finding:
        site, waiting = found.site, found.call
        path = file.facts.path
        runs = f"`{found.callback}` runs in the server"
        if found.callback.startswith("Agent."):
            runs = f"what `{found.callback}` is given runs in the agent"
        message = f"{runs} and waits for it in `{site.call.target}`"
        related: tuple[Related, ...] = ()
        if waiting is not site.call:
            related = (Related(path, waiting.head, f"`{waiting.target}` asks the server here"),)
        if not found.certain:
            message += ", when it is registered under its default name"
        return self.report(
            path,
            site.call.head,
            f"{message}: {_end_of(waiting)}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=Severity.ERROR if found.certain else Severity.WARNING,
            confidence=Confidence.EXACT if found.certain else Confidence.STRONG,
            fix=FixKind.LLM,
            related=related,
        )


def _end_of(waiting: Call) -> str:
    """Elixir looks who answers to a name first, Erlang waits for the answer."""
    by_name = not is_self(waiting.args[0])
    if waiting.module.startswith(":") and by_name:
        return "the answer can't come before the timeout"
    return "the call exits with `:calling_self`"
