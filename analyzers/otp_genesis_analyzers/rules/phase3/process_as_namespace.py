from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules, sites
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.facts.state.stateless_server import is_stateless_server
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.supervision import forest


class ProcessAsNamespace(Rule):
    """A server answers calls without ever using or changing its state: its functions need no process.

    ## What it does
    Reports a GenServer whose only callbacks are `init/1` and `handle_call/3`, where each clause gives the
    state back as it came without looking at it, and nothing that it does belongs to a process: no timer,
    monitor, table, port, socket or file, no message, nothing that is written. It must be one process: with a
    fixed name, or a fixed child of a supervisor. Always **information**.

    ## Why it matters on the BEAM
    Processes are for state, for concurrency and for failure, not for the organisation of code. Callers of
    such a server wait in one queue for what each could compute in its own process at the same time, and
    the arguments and the answer are copied on the way.

    ## When it is legitimate
    Where one after another is the point: rate limiters, locks, queues, writers to a file or a device, and
    servers that run what they are handed. They are not reported, nor is a server that other nodes call.

    ## Use instead
    ```elixir
    defmodule Shop.Tax do
      def vat(price), do: price * 0.2
    end
    ```

    ## Fix safety
    No deterministic fix: the callers, the child list and the tests go along with the process.

    ## References
    - https://hexdocs.pm/elixir/process-anti-patterns.html#code-organization-by-process
    - tests/beam/server_answers_one_at_a_time.exs
    """

    code = "OTP308"
    name = "process-as-namespace"
    severity = Severity.INFORMATION
    anchors = (
        "GenServer init( handle_call",
        "GenServer handle_call init(",
        # Calls from other nodes, which `refine` asks for.
        "GenServer call",
        "GenServer multi_call",
        "GenServer abcast",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Tax do
            #         ^^^^^^^^ information: answers calls without using or changing its state
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
              def vat(price), do: GenServer.call(__MODULE__, {:vat, price})

              @impl true
              def init(state), do: {:ok, state}

              @impl true
              def handle_call({:vat, price}, _from, state), do: {:reply, price * 0.2, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
            #         ^^^^^^^^^^^ information: every caller waits for all others
              @behaviour GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :prices)

              def init(_opts), do: {:ok, %{}}

              def handle_call({:price, id}, _from, s) do
                case Shop.Repo.get(Shop.Price, id) do
                  nil -> {:reply, {:error, :unknown}, s}
                  price -> {:reply, {:ok, rounded(price)}, s}
                end
              end

              def handle_call(:currencies, {_pid, _tag}, s) do
                answer = Enum.map(Shop.Currency.all(), & &1.code)
                {:reply, answer, s}
              end

              defp rounded(price), do: Decimal.round(price.amount, 2)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                Supervisor.start_link([Shop.Slug], strategy: :one_for_one)
              end
            end
            # file: lib/shop/slug.ex
            defmodule Shop.Slug do
            #         ^^^^^^^^^ information: plain functions
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, opts)

              def init(_opts), do: {:ok, nil}

              def handle_call({:slug, title}, _from, nil) do
                {:reply, title |> String.downcase() |> String.replace(" ", "-"), nil}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Tax do
              use GenServer

              def start_link(rate), do: GenServer.start_link(__MODULE__, rate, name: __MODULE__)

              def init(rate), do: {:ok, rate}
              def handle_call({:vat, price}, _from, rate), do: {:reply, price * rate, rate}
            end

            defmodule Shop.Count do
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, 0, name: __MODULE__)

              def init(count), do: {:ok, count}
              def handle_call(:next, _from, count), do: {:reply, :ok, count + 1}
            end

            defmodule Shop.Guarded do
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, :open, name: __MODULE__)

              def init(state), do: {:ok, state}
              def handle_call(:open?, _from, state) when state == :open, do: {:reply, true, state}
              def handle_call(:open?, _from, state), do: {:reply, false, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Log do
              @moduledoc "Writes one after another."
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

              def init(state), do: {:ok, state}
              def handle_call({:line, line}, _from, state), do: {:reply, File.write("log", line), state}
            end

            defmodule Shop.Alone do
              @moduledoc "Runs what it is handed, and nothing else meanwhile."
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

              def init(state), do: {:ok, state}
              def handle_call({:run, work}, _from, state), do: {:reply, work.(), state}
            end

            defmodule Shop.RateLimiter do
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

              def init(state), do: {:ok, state}
              def handle_call({:get, url}, _from, state), do: {:reply, Req.get!(url).body, state}
            end

            defmodule Shop.Stock do
              @moduledoc "Two orders must not reserve the last item."
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

              def init(state), do: {:ok, state}
              def handle_call({:take, id}, _from, state), do: {:reply, Shop.Repo.update(taken(id)), state}
              defp taken(id), do: Shop.Item.taken(id)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Table do
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

              def init(state) do
                :ets.new(:shop, [:named_table, :public])
                {:ok, state}
              end

              def handle_call(:ping, _from, state), do: {:reply, :pong, state}
            end

            defmodule Shop.Bell do
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

              def init(state), do: {:ok, state}
              def handle_call(:ring, _from, state), do: {:reply, :ok, state}
              def handle_cast(:ring, state), do: {:noreply, state}
            end

            defmodule Shop.Timer do
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

              def init(state), do: {:ok, state}
              def handle_call(:now, _from, state), do: {:reply, DateTime.utc_now(), state}
              def handle_info(:tick, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Render do
              @moduledoc "One of many, started by a pool."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(state), do: {:ok, state}
              def handle_call({:render, page}, _from, state), do: {:reply, Shop.Page.render(page), state}
            end

            defmodule Shop.Away do
              @moduledoc "Asked from other nodes."
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
              def version(node), do: GenServer.call({__MODULE__, node}, :version)

              def init(state), do: {:ok, state}
              def handle_call(:version, _from, state), do: {:reply, Shop.version(), state}
            end
            # file: test/support/echo.ex
            defmodule Shop.Echo do
              use GenServer

              def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

              def init(state), do: {:ok, state}
              def handle_call(message, _from, state), do: {:reply, message, state}
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            declared = {*(use.module for use in module.uses), *module.behaviours}
            if not module.complete or "GenServer" not in declared or any(map(_crosses_nodes, _calls(module))):
                continue
            if is_stateless_server(file.source, call_graph(module)):
                yield self._finding(file, module)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """Kept for the one process of its kind; workers of a pool are many."""
        entry = project.modules.get(finding.scope)
        if (
            entry is None
            or project.is_named_in_torn_code(finding.scope)
            or any(_is_asked_from_other_nodes(project, entry.module))
        ):
            return None
        module = entry.module
        if registered_names(module):
            return finding
        places = forest(project).started.get(module.name, ())
        return finding if any(node.children.kind == "static" for node, _ in places) else None

    def _finding(self, file: FileView, module: Module) -> Finding:
        asks = module.function("handle_call", 3)
        assert asks is not None, "a stateless server answers calls"
        return self.report(
            file.facts.path,
            module.name_span,
            f"`{module.name}` answers calls without using or changing its state: every caller waits for all "
            "others, for what plain functions could do in the caller's own process",
            snippet=module.name,
            scope=module.name,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=(Related(file.facts.path, asks.clauses[0].name_span, "gives its state back as it came"),),
        )


def _calls(module: Module) -> Iterator[Call]:
    return (site.call for site in sites(module))


def _crosses_nodes(call: Call) -> bool:
    """`GenServer.call({Shop.Away, node}, request)`, `GenServer.multi_call/4`."""
    if call.module != "GenServer" or not call.args:
        return False
    remote = call.args[0].kind == "tuple" and call.args[0].tag not in ("via", "global")
    return call.name in ("multi_call", "abcast") or (call.name == "call" and remote)


def _is_asked_from_other_nodes(project: Project, module: Module) -> Iterator[bool]:
    crossing = project.derived(_crossing_nodes)
    for path in project.paths_naming(module.name) if crossing else ():
        for call in crossing.get(path, ()):
            yield any(term.value == module.name for term in call.args[0].walk()) or call.name != "call"


def _crossing_nodes(project: Project) -> dict[str, list[Call]]:
    """The calls to processes of other nodes, by path. The anchors see to it that they were read."""
    found = {
        path: [call for module in analysis.facts.modules for call in _calls(module) if _crosses_nodes(call)]
        for path, analysis in project.files.items()
    }
    return {path: calls for path, calls in found.items() if calls}
