from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import statements
from otp_genesis_analyzers.facts.calls.sites import production_modules, sites
from otp_genesis_analyzers.facts.messages.shapes import Taken, taken, unwrapped
from otp_genesis_analyzers.facts.messages.stray_messages import fate_of_stray_message
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.kinds import Kind, kinds
from otp_genesis_analyzers.facts.processes.monitors import monitors_process
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_JUDGED: frozenset[Kind] = frozenset({"GenServer"})
_BRING_MESSAGES: dict[str, frozenset[str]] = {
    "Task": frozenset({"async"}),
    "Task.Supervisor": frozenset({"async", "async_nolink"}),
    "Process": frozenset({"link", "send_after", "spawn_link", "spawn_monitor"}),
    "Kernel": frozenset({"spawn_link", "spawn_monitor"}),
    "Port": frozenset({"open", "monitor"}),
    "Phoenix.PubSub": frozenset({"subscribe"}),
    ":timer": frozenset({"send_after", "send_interval"}),
    ":erlang": frozenset({"send_after", "start_timer", "open_port"}),
    ":net_kernel": frozenset({"monitor_nodes"}),
    ":gen_tcp": frozenset({"connect"}),
    ":ssl": frozenset({"connect"}),
}
_MEANT_TO_CRASH = ("let it crash", "let-it-crash")


class HandleInfoFallthrough(Rule):
    """A server ends with the first message that it doesn't expect, or drops it without a word.

    ## What it does
    Reports a **hint** at the first clause of `handle_info/2` where none of the clauses takes every message,
    in a server that has a name, or that starts tasks, timers, monitors or links, subscribes or opens a
    socket; and at a last clause that takes every message and does nothing but to return the state.

    ## Why it matters on the BEAM
    Whoever knows a name or a pid can send to it. A message that fits none of the clauses that `handle_info/2`
    has ends the server. Without any clause it would be logged and dropped, which is what `use GenServer`
    brings. A clause that takes everything in silence hides that a message was misspelt, or has no clause any
    more.

    ## When it is legitimate
    In a server whose pid nobody else knows and that starts nothing that would send to it. Where all clauses
    are for the ends of processes and the results of tasks, which the server itself started. Where the module
    says that it is meant to crash ("let it crash"). Where a last clause writes a log line, or does something
    with the message. None of these is reported. It is a matter of opinion, so the rule is in the preset
    `strict`.

    ## Use instead
    ```elixir
    def handle_info(message, state) do
      Logger.warning("unexpected message: #{inspect(message)}")
      {:noreply, state}
    end
    ```

    ## Fix safety
    Unsafe: a message that ended the server is now written to the log, and one that was dropped too. Adds the
    clause behind the others, or the line to the last one, and `require Logger` where it is missing.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#c:handle_info/2
    - `tests/beam/stray_messages.exs`
    - `tests/beam/handle_info_catch_all.exs`
    """

    code = "OTP407"
    name = "handle-info-fallthrough"
    severity = Severity.HINT
    default = False
    anchors = ("handle_info",)
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Ticker do
              use GenServer

              @impl true
              def init(opts) do
                Process.send_after(self(), :tick, 1_000)
                {:ok, opts}
              end

              @impl true
              def handle_info(:tick, state) do
            #     ^^^^^^^^^^^ hint: none of its clauses takes a message that is not expected
                Process.send_after(self(), :tick, 1_000)
                {:noreply, state}
              end
            end
            """,
            fixed="""
            defmodule Shop.Ticker do
              use GenServer

              require Logger

              @impl true
              def init(opts) do
                Process.send_after(self(), :tick, 1_000)
                {:ok, opts}
              end

              @impl true
              def handle_info(:tick, state) do
                Process.send_after(self(), :tick, 1_000)
                {:noreply, state}
              end

              def handle_info(message, state) do
                Logger.warning("unexpected message: #{inspect(message)}")
                {:noreply, state}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Cart do
              use GenServer
              require Logger

              def init(opts), do: {:ok, opts}

              def handle_info(:clear, _items), do: {:noreply, []}
              def handle_info(_message, items), do: {:noreply, items}
            #     ^^^^^^^^^^^ hint: drops every other message without a word
            end
            """,
            fixed="""
            defmodule Shop.Cart do
              use GenServer
              require Logger

              def init(opts), do: {:ok, opts}

              def handle_info(:clear, _items), do: {:noreply, []}

              def handle_info(message, items) do
                Logger.warning("unexpected message: #{inspect(message)}")
                {:noreply, items}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Named do
              use GenServer
              alias Shop.Cart

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}

              # What the cart tells us.
              def handle_info({Cart, :cleared}, state), do: {:noreply, state}
            #     ^^^^^^^^^^^ hint: ends the server
              def handle_info({ref, _reply}, state) when is_reference(ref), do: {:noreply, state}
            end
            """,
            fixed="""
            defmodule Shop.Named do
              use GenServer
              require Logger
              alias Shop.Cart

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}

              # What the cart tells us.
              def handle_info({Cart, :cleared}, state), do: {:noreply, state}
              def handle_info({ref, _reply}, state) when is_reference(ref), do: {:noreply, state}

              def handle_info(message, state) do
                Logger.warning("unexpected message: #{inspect(message)}")
                {:noreply, state}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Pool do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:watch, pid}, _from, state) do
                {:reply, Process.monitor(pid), state}
              end

              def handle_info({:DOWN, _ref, :process, _pid, _reason}, state), do: {:noreply, state}
            #     ^^^^^^^^^^^ hint
              def handle_info({:joined, _pid} = _news, state), do: {:noreply, state}
            end

            defmodule Shop.Deaf do
              use GenServer

              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info(_, state) do
            #     ^^^^^^^^^^^ hint: drops every message without a word
                {:noreply, state}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Loud do
              use GenServer
              require Logger

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_info(:tick, state), do: {:noreply, state}

              def handle_info(message, state) do
                Logger.debug(inspect(message))
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Private do
              @moduledoc "Nobody knows its pid, and nothing that it starts sends to it."
              use GenServer

              def init(opts) do
                send(self(), :go)
                {:ok, opts}
              end

              def handle_info(:go, state), do: {:noreply, state}
            end

            defmodule Shop.Default do
              @moduledoc "What comes is logged by `use GenServer`."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Watcher do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_cast({:watch, pid}, pids), do: {:noreply, Map.put(pids, Process.monitor(pid), pid)}
              def handle_info({:DOWN, ref, _, _pid, _reason}, pids), do: {:noreply, Map.delete(pids, ref)}
              def handle_info({ref, _result}, pids) when is_reference(ref), do: {:noreply, pids}
            end

            defmodule Shop.Brave do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}

              # Let it crash: nothing else may be sent here.
              def handle_info(:tick, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Dispatcher do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_info(message, state), do: {:noreply, [message | state]}
            end

            defmodule Shop.Restless do
              use GenServer

              def init(opts), do: {:ok, opts, 1_000}
              def handle_info(_message, state), do: {:noreply, state, 1_000}
            end

            defmodule Shop.Leaving do
              use GenServer

              def init(opts), do: {:ok, opts}
              def handle_info(_message, state), do: {:stop, :normal, state}
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def mount(_params, _session, socket) do
                Phoenix.PubSub.subscribe(Shop.PubSub, "carts")
                {:ok, socket}
              end

              def handle_info({:cart, cart}, socket), do: {:noreply, assign(socket, :cart, cart)}
            end

            defmodule Shop.Wrapped do
              use Shop.Server

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def handle_info(:tick, state), do: {:noreply, state}
            end

            defmodule Shop.Checked do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_info(message, state) when is_tuple(message), do: {:noreply, {message, state}}
            end
            # file: test/support/fake.ex
            defmodule Shop.Fake do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def init(opts), do: {:ok, opts}
              def handle_info(:tick, state), do: {:noreply, state}
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            infos = module.function("handle_info", 2)
            if infos is None or not infos.public or not kinds(module) & _JUDGED or not module.complete:
                continue
            if any(use.module not in ("GenServer", "Logger") for use in module.uses):
                continue
            rest = silent_clause(file.source, infos)
            if rest is not None:
                other = "every other message" if len(infos.clauses) > 1 else "every message"
                yield self._finding(file, module, infos, rest, f"drops {other} without a word")
            elif _may_crash(file.source, module):
                words = "none of its clauses takes a message that is not expected, so one ends the server"
                yield self._finding(file, module, infos, infos.clauses[0], words)

    def _finding(
        self, file: FileView, module: Module, infos: Function, clause: Clause, words: str
    ) -> Finding:
        return self.report(
            file.facts.path,
            clause.name_span,
            f"`handle_info/2`: {words}",
            snippet=words,
            scope=scope_of(module, infos),
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE,
        )


def silent_clause(source: Source, infos: Function) -> Clause | None:
    """The clause that takes every message and only returns the state."""
    for clause in infos.clauses:
        if unwrapped(clause.head[0]).kind == "variable" and clause.guard is None:
            body = statements(source, clause)
            parts = syntax.children(body[0]) if len(body) == 1 and body[0].type == "tuple" else []
            is_silent = len(parts) == 2 and syntax.text(parts[0]) == ":noreply"
            return clause if is_silent and parts[1].type == "identifier" else None
    return None


def _may_crash(source: Source, module: Module) -> bool:
    if fate_of_stray_message(source, module) != "crash":
        return False
    if all(_is_from_otp(unwrapped(message.pattern)) for message in _infos(module)):
        return False
    text = source.text(module.span).lower()
    if any(words in text for words in _MEANT_TO_CRASH):
        return False
    return bool(registered_names(module)) or any(_brings_messages(site.call) for site in sites(module))


def _infos(module: Module) -> Iterator[Taken]:
    return (message for message in taken(module) if message.way == "info")


def _is_from_otp(message: Term) -> bool:
    """`{:DOWN, ...}`, `{:EXIT, ...}`, `{reference, result}`: from what the server has started itself."""
    if message.tag in ("DOWN", "EXIT"):
        return True
    parts = message.items
    return message.kind == "tuple" and len(parts) == 2 and parts[0].kind in ("variable", "pin")


def _brings_messages(call: Call) -> bool:
    return monitors_process(call) or call.name in _BRING_MESSAGES.get(call.module, ())
