from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.clause_results import followed_results, results, statements
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.model import Clause, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Source, Span


class _Silence(NamedTuple):
    """The returns of a clause that leave its caller waiting."""

    places: tuple[Span, ...]
    always: bool


_ANSWERS = frozenset({":reply", ":stop"})


class MissingReply(Rule):
    """A `handle_call` returns `{:noreply, ...}` and nobody keeps `from`, so the caller is never answered.

    ## What it does
    Reports a clause of `handle_call/3` that can return `{:noreply, ...}`, itself or through a function of
    the module, and doesn't use its second argument. It is **information** for a last clause that takes any
    request, where the silence may be meant.

    ## Why it matters on the BEAM
    `GenServer.call/3` waits for a reply. Only `{:reply, ...}` or `GenServer.reply/2` with that `from` gives
    one. Without it the caller exits after its timeout, five seconds unless it says otherwise, and with
    `:infinity` it waits until the server ends.

    ## When it is legitimate
    When `from` is stored, handed on or replied to: a reply that is given later is the way to keep a server
    free. When the clause stops the server, since the caller learns of its end at once. Both are not
    reported, nor is anything in tests, where a server may be mute on purpose.

    ## Use instead
    ```elixir
    def handle_call(:job, from, state), do: {:noreply, enqueue(state, from)}
    ```
    Or `{:reply, :ok, enqueue(state)}` when the request is all that has to be known.

    ## Fix safety
    There is no deterministic fix: what the answer is, and when, is the server's business.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:handle_call/3
    - https://hexdocs.pm/elixir/GenServer.html#reply/2
    - Shown by `tests/beam/call_without_an_answer.exs`
    """

    code = "OTP404"
    name = "missing-reply"
    severity = Severity.WARNING
    anchors = ("handle_call",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Jobs do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, []}

              @impl true
              def handle_call({:job, job}, _from, jobs), do: {:noreply, [job | jobs]}
            #     ^^^^^^^^^^^ warning: this clause returns `:noreply` and drops `from`
            end
            """
        ),
        Example(
            """
            defmodule Shop.Stock do
              use GenServer

              @impl true
              def init(stock), do: {:ok, stock}

              @impl true
              def handle_call({:take, item}, from, stock) do
            #     ^^^^^^^^^^^ warning: this clause can return `:noreply`
                case stock do
                  %{^item => count} when count > 0 ->
                    {:reply, :ok, %{stock | item => count - 1}}

                  %{^item => _none} ->
                    {:noreply, stock}

                  _ ->
                    {:reply, {:error, :unknown}, stock}
                end
              end

              def handle_call({:order, item}, _, stock) do
            #     ^^^^^^^^^^^ warning: this clause returns `:noreply`
                order(item, stock)
              end

              def handle_call({:restock, items}, _from, stock) do
            #     ^^^^^^^^^^^ warning: this clause can return `:noreply`
                if items == [], do: {:reply, :ok, stock}, else: stock |> add(items) |> keep()
              end

              defp order(item, stock) do
                Shop.Supplier.order(item)
                {:noreply, stock, {:continue, :refresh}}
              end

              def handle_call({:count, _item}, {_pid, _tag}, stock) do
            #     ^^^^^^^^^^^ warning: this clause returns `:noreply`
                {:noreply, stock}
              end

              defp add(stock, items), do: Enum.into(items, stock)
              defp keep(stock), do: {:noreply, stock}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Bell do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:ring, _from, state) do
            #     ^^^^^^^^^^^ warning
                with {:ok, sound} <- Shop.Sound.load(state) do
                  Shop.Sound.play(sound)
                  {:noreply, state}
                end
              end

              def handle_call(_request, _from, state), do: {:noreply, state}
            #     ^^^^^^^^^^^ information
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Session do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:order, order}, _from, state) do
                {{:reply, :ok, [order]}, state} |> answered()
              end

              def handle_call({:leave, reason}, _from, state), do: answered({{:stop, reason, :ok, []}, state})

              defp answered({{:reply, answer, orders}, state}), do: {:reply, answer, orders ++ state}
              defp answered({{:stop, reason, answer, _}, state}), do: {:stop, reason, answer, state}
              defp answered({{:noreply, orders}, state}), do: {:noreply, orders ++ state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Jobs do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, []}

              @impl true
              def handle_call({:job, job}, from, jobs), do: {:noreply, [{job, from} | jobs]}

              def handle_call({:now, job}, from, jobs) do
                GenServer.reply(from, :ok)
                Shop.Job.run(job)
                {:noreply, jobs}
              end

              def handle_call({:later, job}, from, jobs) do
                Task.Supervisor.start_child(Shop.Tasks, fn -> GenServer.reply(from, Shop.Job.run(job)) end)
                {:noreply, jobs}
              end

              def handle_call({:mine, job}, {pid, _tag} = from, jobs), do: queue(job, pid, from, jobs)

              defp queue(job, pid, from, jobs), do: {:noreply, [{job, pid, from} | jobs]}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Till do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:total, _from, sum), do: {:reply, sum, sum}
              def handle_call(:close, _from, sum), do: {:stop, :normal, sum}
              def handle_call(:stop, _from, sum), do: {:stop, :normal, :ok, sum}
              def handle_call({:add, amount}, _from, sum), do: Shop.Reply.ok(sum + amount)
              def handle_call(:crash, _from, _sum), do: raise("no")
              def handle_call({:check, sum}, _from, sum), do: reply(sum)

              @impl true
              def handle_cast({:add, amount}, sum), do: {:noreply, sum + amount}

              defp reply(sum), do: {:reply, :ok, sum}
            end
            """
        ),
        Example(
            """
            # file: test/support/mute.ex
            defmodule Shop.Mute do
              use GenServer

              def init(opts), do: {:ok, opts}
              def handle_call(_request, _from, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Lamp do
              @behaviour :gen_statem

              def callback_mode, do: :handle_event_function
              def init(data), do: {:ok, :off, data}

              def handle_event({:call, from}, :press, :off, data) do
                {:next_state, :on, data, [{:reply, from, :on}]}
              end

              def handle_event(:cast, :press, :on, data), do: {:next_state, :off, data}
            end

            defmodule Shop.Wrapped do
              use GenServer

              @impl true
              def init(inner), do: {:ok, inner}

              @impl true
              def handle_call(request, from, inner), do: Shop.Inner.handle_call(request, from, inner)
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for function in callbacks(module):
                if function.id == "handle_call/3":
                    for clause in function.clauses:
                        silence = _silence(file.source, graph, clause)
                        if silence is not None:
                            yield self._finding(file, module, function, clause, silence)

    def _finding(
        self, file: FileView, module: Module, function: Function, clause: Clause, silence: _Silence
    ) -> Finding:
        path = file.facts.path
        takes_anything = unwrapped(clause.head[0]).kind == "variable"
        when = "returns" if silence.always else "can return"
        return self.report(
            path,
            clause.name_span,
            f"this clause {when} `:noreply` and drops `from`: its caller waits until the call times out",
            snippet=file.source.text(Span.between(clause.span.start, _end_of_head(file.source, clause))),
            scope=scope_of(module, function),
            severity=Severity.INFORMATION if takes_anything else Severity.WARNING,
            confidence=Confidence.EXACT if silence.always else Confidence.STRONG,
            fix=FixKind.LLM,
            related=tuple(Related(path, place, "no reply is given here") for place in silence.places),
        )


def _silence(source: Source, graph: CallGraph, clause: Clause) -> _Silence | None:
    whole, caller = source.node_at(clause.span), clause.head[1]
    if caller.kind not in ("variable", "tuple") or caller.tag is not None:
        return None
    if any(_mentions(whole, part.value) > 1 for part in caller.walk() if part.kind == "variable"):
        return None
    if _hands_answer_on(source, clause):
        return None
    given = list(followed_results(source, graph, clause))
    silent = [node for node in given if _is_noreply(node)]
    if not silent:
        return None
    places = tuple(dict.fromkeys(_tag_span(node) for node in silent))
    return _Silence(places, always=len(silent) == len(given))


def _hands_answer_on(source: Source, clause: Clause) -> bool:
    """`{{:reply, :ok, [order]}, state} |> answer()`: the function makes what it gives back out of this."""
    own = {(node.start_byte, node.end_byte) for node in results(source, clause)}
    return any(
        node.type == "tuple" and (node.start_byte, node.end_byte) not in own and _tag(node) in _ANSWERS
        for statement in statements(source, clause)
        for node in syntax.below(statement)
    )


def _tag(node: Node) -> str:
    parts = syntax.children(node)
    return syntax.text(parts[0]) if parts else ""


def _mentions(node: Node, variable: str) -> int:
    """How often a variable is named; `_` names nothing."""
    if variable == "_":
        return 0
    count = 0
    nodes = [node]
    while nodes:
        inner = nodes.pop()
        count += inner.type == "identifier" and syntax.text(inner) == variable
        nodes += inner.named_children
    return count


def _is_noreply(node: Node) -> bool:
    return node.type == "tuple" and _tag(node) == ":noreply"


def _tag_span(node: Node) -> Span:
    tag = syntax.children(node)[0]
    return Span.of(tag)


def _end_of_head(source: Source, clause: Clause) -> int:
    head, _ = syntax.definition_head(source.node_at(clause.span))
    return head.end_byte if head is not None else clause.name_span.end
