from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.exiting import exits
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.calls.swallowed import (
    Swallowed,
    calls_under,
    is_explained,
    is_named_for_converting,
    only_converts,
    reaches_outside,
    receiver_around,
    retried_for_ever,
    swallowed_in,
)
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of

_GATES = frozenset(
    {"allow", "allowed", "authorize", "authorized", "can", "check", "limit", "permit", "permitted"}
)
_OPEN = frozenset({":allow", ":allowed", ":permit", ":granted", "true"})


class _Judged(NamedTuple):
    severity: Severity
    words: str


class SwallowedException(Rule):
    """A handler takes every failure, and nobody learns that there was one.

    ## What it does
    Reports `rescue _ ->`, `rescue e ->` and `catch _, _ ->` that give a fixed value: nothing logs, counts
    or raises again, and the failure is not in the value. It is **information** in a callback of a server,
    in a job and in a task, and in the client functions of a server, where `[]` or `nil` for a server that
    is away can't be told from an answer, and for a handler that only calls its function again with what it
    was given. So it is for such a value in other code that asks a database or over HTTP. It is a
    **warning** where the value opens a gate (`{:allow, _}` when the check itself failed), and a **hint**,
    in preset `strict`, for other values in code that asks the world around it.

    ## Why it matters on the BEAM
    A crash is how a process tells that its state or its world is not what it assumed. Supervisors, links,
    monitors, retries of a job and the log all live on it. A handler of everything turns a typo, a database
    that is away and the one failure it was written for into the same quiet value, so none of these ever
    learns of it, and the process goes on with a state that may be wrong.

    ## When it is legitimate
    Around functions that raise for a value that they can't read (`Jason.decode!`, `String.to_integer`): that
    is the answer. In `terminate/2`, in an `after`, in functions that are named for doing what they can
    (`safe_`, `cleanup`, `close`). Where single exceptions are named, where the handler logs, where its value
    carries the failure, where a comment says why. `catch :exit, _` around a `GenServer.stop`, or that gives
    an error. Around what only reports (telemetry, metrics). None of these is reported, nor is code in tests
    and Mix tasks.

    ## Use instead
    ```elixir
    try do
      charge(card)
    rescue
      error in [Gateway.Timeout] -> {:error, {:gateway, error}}
    end
    ```

    ## Fix safety
    There is no deterministic fix: which failures are expected is for a person to say.

    ## References
    - https://hexdocs.pm/elixir/try-catch-and-rescue.html
    - `tests/beam/rescue_takes_typos_too.exs`
    """

    code = "OTP116"
    name = "swallowed-exception"
    severity = Severity.INFORMATION
    default_from = Severity.INFORMATION
    anchors = ("rescue", "catch")
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Payments do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:charge, card}, _from, state) do
                {:reply, try_charge(card), state}
              end

              @impl true
              def handle_cast({:refund, card}, state) do
                Shop.Gateway.refund(card)
                {:noreply, state}
              rescue
                _ -> {:noreply, state}
            #   ^ information: every failure becomes `{:noreply, state}`
              end

              defp try_charge(card), do: charge(card)

              defp charge(card) do
                try do
                  Shop.Gateway.charge(card)
                rescue
                  _error -> {:error, :failed}
            #     ^^^^^^ information: in a callback of a server
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Import do
              use Oban.Worker

              def perform(job) do
                Shop.Catalogue.import(job.args)
              rescue
                _ -> :ok
            #   ^ information: in a job
              end
            end

            defmodule Shop.Fetch do
              alias Task.Supervisor, as: Tasks

              def all(shops) do
                Tasks.async_stream(Shop.Tasks, shops, fn shop ->
                  try do
                    Shop.Http.prices(shop)
                  catch
                    _kind, _reason -> []
            #       ^^^^^^^^^^^^^^ information: in a task
                  end
                end)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.RateLimit do
              def check_rate(user) do
                Shop.Counter.hit(user)
              rescue
                _ -> {:allow, 0}
            #   ^ warning: lets everybody through
              end

              def allowed?(user) do
                try do
                  Shop.Counter.count(user) < 10
                rescue
                  _ -> true
            #     ^ warning
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Orders do
              def delete(order) do
                Shop.Repo.delete!(order)
                :ok
              rescue
                _ -> :error
            #   ^ hint: waits for the database
              end

              def offers(shop) do
                Req.get!(shop.url).body["offers"]
              catch
                _, _ -> []
            #   ^^^^ information: every failure becomes `[]` in code that waits for an HTTP answer
              end

              def due(user) do
                Shop.Repo.aggregate(Shop.Order, :sum, :due)
              rescue
                _ -> 0
            #   ^ information: every failure becomes `0` in code that waits for the database
              end

              def known?(user) do
                Shop.Repo.exists?(user)
              rescue
                _ -> false
            #   ^ hint: waits for the database
              end
            end

            defmodule Shop.Desk do
              use GenServer

              def open(pid) do
                GenServer.call(pid, :open)
              catch
                :exit, _ -> []
            #   ^^^^^^^^ information: nobody can tell it from an answer
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:open, _from, state), do: {:reply, state.open, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Hosts do
              def resolve(host) do
                Shop.Dns.resolve(host)
              rescue
                _error -> resolve(host)
            #   ^^^^^^ information: tried again at once and for ever
              end

              def all(fun) do
                try do
                  Shop.Repo.all(fun.())
                catch
                  _, _ -> all(fun)
            #     ^^^^ information: every failure of `all/1` is tried again
                end
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Payments do
              use GenServer
              require Logger

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:charge, card}, _from, state) do
                {:reply, charge(card), state}
              end

              @impl true
              def handle_call({:refund, card}, _from, state) do
                {:reply, Shop.Gateway.refund(card), state}
              rescue
                error in [Shop.Gateway.Timeout] -> {:reply, {:error, error}, state}
              end

              @impl true
              def terminate(_reason, state) do
                Shop.Gateway.close(state)
              rescue
                _ -> :ok
              end

              defp charge(card) do
                Shop.Gateway.charge(card)
              rescue
                error ->
                  Logger.error(Exception.format(:error, error, __STACKTRACE__))
                  {:error, :failed}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Decode do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:number, text}, state) do
                {:noreply, [number(text) | state]}
              end

              def number(text) do
                String.to_integer(text)
              rescue
                _ -> nil
              end

              def body(text) do
                Jason.decode!(text)
              rescue
                _ -> text
              end

              def decode(bytes), do: (try do Shop.Wire.decode!(bytes) rescue _ -> :error end)

              def frame(<<version, rest::binary>>) do
                size(version, rest)
              rescue
                _ -> :invalid
              end

              defp size(1, rest), do: :binary.decode_unsigned(rest)

              def member?(table, key) do
                :ets.member(table, key)
              rescue
                _ -> false
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Carry do
              def run(fun) do
                fun.()
              rescue
                error -> {:error, error}
              catch
                kind, reason -> {:error, {kind, reason}}
              end

              def again(fun, tries) when tries > 0 do
                Shop.Repo.all(fun.())
              rescue
                _ -> again(fun, tries - 1)
              end

              def resolve(host) do
                Shop.Dns.resolve(host)
              rescue
                Shop.Dns.Timeout -> resolve(host)
              end

              def poll(host) do
                Shop.Dns.resolve(host)
              rescue
                _ ->
                  Process.sleep(1_000)
                  poll(host)
              end

              def reraised(order) do
                Shop.Repo.delete!(order)
              rescue
                error -> reraise error, __STACKTRACE__
              end

              def stopped(pid) do
                GenServer.stop(pid)
              catch
                :exit, _ -> :ok
              end

              def away(pid) do
                GenServer.call(pid, :status)
              catch
                :exit, {:noproc, _} -> :stopped
              end

              def told(pid) do
                GenServer.call(pid, :status)
              catch
                :exit, _ -> {:error, :unavailable}
              end

              def tell(order) do
                Shop.Telemetry.count(order)
                Shop.Repo.query!("SELECT 1")
              rescue
                # the database may not be there yet
                _ -> :ok
              end

              def safe_delete(order) do
                Shop.Repo.delete!(order)
              rescue
                _ -> :error
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.RateLimit do
              def check_rate(user) do
                Shop.Counter.hit(user)
              rescue
                _ -> {:deny, 0}
              end

              def allowed?(user) do
                Shop.Counter.count(user) < 10
              rescue
                _ -> false
              end

              def colour(user) do
                Shop.Colours.of(user)
              rescue
                _ -> true
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/orders_test.exs
            defmodule Shop.OrdersTest do
              use ExUnit.Case

              def delete(order) do
                Shop.Repo.delete!(order)
              rescue
                _ -> :error
              end
            end
            # file: lib/mix/tasks/shop.seed.ex
            defmodule Mix.Tasks.Shop.Seed do
              use Mix.Task

              def run(_args) do
                Shop.Repo.query!("TRUNCATE orders")
              rescue
                _ -> :ok
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for function in module.functions:
                for clause in function.clauses if function.kind in ("def", "defp") else ():
                    for retried in retried_for_ever(file.source, function, clause):
                        yield self._retried(file, module, retried)
            found = [
                swallowed
                for function in module.functions
                if function.kind in ("def", "defp")
                for clause in function.clauses
                for swallowed in swallowed_in(file.source, function, clause)
            ]
            if not found:
                continue
            graph = call_graph(module)
            servers, jobs = _in_servers(graph), _in_jobs(graph)
            for swallowed in found:
                judged = _judge(graph, swallowed, servers, jobs)
                if judged is not None:
                    yield self._finding(file, module, swallowed, judged)

    def _retried(self, file: FileView, module: Module, found: Swallowed) -> Finding:
        return self.report(
            file.facts.path,
            found.handler.span,
            f"every failure of `{found.function.id}` is tried again at once and for ever, and nothing tells "
            "of it: name the ones that pass, wait between, and give up",
            snippet=syntax.text(found.value),
            scope=scope_of(module, found.function),
            severity=Severity.INFORMATION,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
        )

    def _finding(self, file: FileView, module: Module, found: Swallowed, judged: _Judged) -> Finding:
        value = " ".join(syntax.text(found.value).split())
        shown = value if len(value) <= 40 else f"{value[:37]}..."
        return self.report(
            file.facts.path,
            found.handler.span,
            f"every failure becomes `{shown}` {judged.words}",
            snippet=value,
            scope=scope_of(module, found.function),
            severity=judged.severity,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
        )


def _judge(
    graph: CallGraph, found: Swallowed, servers: frozenset[str], jobs: frozenset[str]
) -> _Judged | None:
    calls = calls_under(found)
    only_exits = found.handler.takes_every_exit_alone
    if found.function.name == "terminate" or only_converts(graph, calls):
        return None
    if _opens_gate(found) and not only_exits:
        return _Judged(Severity.WARNING, "here, so a check that can't be made lets everybody through")
    if is_explained(found) or is_named_for_converting(found.function):
        return None
    is_client = bool(kinds(graph.module) & SERVERS) and found.function.public
    where = _where(found, servers, jobs)
    if where and not only_exits:
        return _Judged(
            Severity.INFORMATION, f"{where}, and nothing tells of it: name the ones that are expected"
        )
    if is_client and _looks_like_answer(found.value) and any(map(exits, calls)):
        return _Judged(
            Severity.INFORMATION, "when the server is away or too slow: nobody can tell it from an answer"
        )
    outside = reaches_outside(graph, found)
    if outside is None or only_exits:
        return None
    asks = outside.kind in ("http", "query") and found.value.type != "boolean"
    looks_empty = asks and _looks_like_answer(found.value)
    return _Judged(
        Severity.INFORMATION if looks_empty else Severity.HINT,
        f"in code that waits for {outside.words}, and nothing tells of it",
    )


def _where(found: Swallowed, servers: frozenset[str], jobs: frozenset[str]) -> str:
    receiver = receiver_around(found)
    if receiver.startswith("Task."):
        return "in a task"
    if receiver and not receiver.startswith(("Enum.", "Kernel.")):
        return ""
    if found.function.id in servers:
        return "in a callback of a server"
    return "in a job" if found.function.id in jobs else ""


def _in_servers(graph: CallGraph) -> frozenset[str]:
    if not kinds(graph.module) & SERVERS:
        return frozenset()
    own = [function for function in callbacks(graph.module) if function.name != "terminate"]
    return frozenset(graph.reached(own))


def _in_jobs(graph: CallGraph) -> frozenset[str]:
    if "Job" not in kinds(graph.module):
        return frozenset()
    own = [function for function in graph.module.functions if function.id in ("perform/1", "process/1")]
    return frozenset(graph.reached(own))


def _opens_gate(found: Swallowed) -> bool:
    """`{:allow, 0}` of `check_rate`, `true` of `allowed?`."""
    words = found.function.name.rstrip("?!").split("_")
    value = found.value
    parts = syntax.children(value) if value.type == "tuple" else [value]
    return bool(parts) and syntax.text(parts[0]) in _OPEN and not _GATES.isdisjoint(words)


def _looks_like_answer(value: Node) -> bool:
    """`[]`, `%{}`, `nil`, `0`, `false`: not `:ok` and nothing with an error in it."""
    if value.type in ("list", "map"):
        return not [child for child in syntax.children(value) if child.type != "map_content"]
    return value.type in ("nil", "integer", "boolean", "float")
