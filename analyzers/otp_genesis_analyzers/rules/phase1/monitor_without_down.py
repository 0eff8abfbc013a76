from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.messages.mailbox import messages_taken
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.facts.messages.stray_messages import Fate, fate_of_stray_message
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.processes.monitors import monitors_process, tag_of_end
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_WHAT_HAPPENS: dict[Fate, str] = {
    "logged": "the message is logged and dropped",
    "crash": "no clause matches the message, so it ends the server",
    "ignored": "the last clause drops the message",
}


class MonitorWithoutDown(Rule):
    """A server monitors a process, and no clause of it takes the `:DOWN` message.

    ## What it does
    Reports `Process.monitor` in the callbacks of a GenServer, GenStage or state machine, and in the
    functions that they call, when nothing in the module names `:DOWN` or the tag given as `tag:`.

    ## Why it matters on the BEAM
    A monitor has one effect: a message when the monitored process ends. A server that doesn't take the
    message keeps what it stored for the process for ever. Where `handle_info/2` has clauses but none that
    fits, the message even ends the server. Without any `handle_info/2`, `use GenServer` logs it.

    ## When it is legitimate
    When the message is taken: by a clause, by a `receive`, by a last clause that hands everything on to
    another function. In a module that is no process itself, since the message goes to whoever calls it. In
    views and channels, whose hooks take messages too. None of these is reported, nor is code in tests.

    ## Use instead
    ```elixir
    def handle_info({:DOWN, _ref, :process, pid, _reason}, state) do
      {:noreply, %{state | listeners: List.delete(state.listeners, pid)}}
    end
    ```
    The clause needs no `Process.demonitor/2`: a monitor is gone once its message has come.

    ## Fix safety
    Unsafe. The fix adds a clause that takes the pid out of the one container that it was put in. Whether
    more has to be cleaned up is not known to it.

    ## References
    - https://hexdocs.pm/elixir/Process.html#monitor/1
    - https://hexdocs.pm/elixir/GenServer.html#module-receiving-regular-messages
    - Shown by `tests/beam/monitor_after_down.exs` and `tests/beam/stray_messages.exs`
    """

    code = "OTP108"
    name = "monitor-without-down"
    severity = Severity.WARNING
    anchors = ("monitor",)
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Visitors do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, []}

              @impl true
              def handle_call(:count, _from, pids), do: {:reply, length(pids), pids}

              @impl true
              def handle_cast({:join, pid}, pids) do
                Process.monitor(pid)
            #   ^^^^^^^^^^^^^^^ warning: takes no `:DOWN`: the message is logged and dropped
                {:noreply, [pid | pids]}
              end
            end
            """,
            fixed="""
            defmodule Shop.Visitors do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, []}

              @impl true
              def handle_call(:count, _from, pids), do: {:reply, length(pids), pids}

              @impl true
              def handle_cast({:join, pid}, pids) do
                Process.monitor(pid)
                {:noreply, [pid | pids]}
              end

              @impl true
              def handle_info({:DOWN, _ref, :process, pid, _reason}, pids) do
                {:noreply, List.delete(pids, pid)}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Carts do
              use GenServer
              require Logger

              @impl true
              def init(opts), do: {:ok, %{owners: %{}, opts: opts}}

              @impl true
              def handle_call({:open, cart}, {pid, _tag}, state), do: {:reply, :ok, watch(state, pid, cart)}

              @impl true
              def handle_info(:sweep, state), do: {:noreply, state}

              def handle_info(message, state) do
                Logger.warning("unexpected #{inspect(message)}")
                {:noreply, state}
              end

              defp watch(state, pid, cart) do
                _ref = Process.monitor(pid)
            #          ^^^^^^^^^^^^^^^ warning: the last clause drops the message
                %{state | owners: Map.put(state.owners, pid, cart)}
              end
            end
            """,
            fixed="""
            defmodule Shop.Carts do
              use GenServer
              require Logger

              @impl true
              def init(opts), do: {:ok, %{owners: %{}, opts: opts}}

              @impl true
              def handle_call({:open, cart}, {pid, _tag}, state), do: {:reply, :ok, watch(state, pid, cart)}

              @impl true
              def handle_info(:sweep, state), do: {:noreply, state}

              def handle_info({:DOWN, _ref, :process, pid, _reason}, state) do
                {:noreply, %{state | owners: Map.delete(state.owners, pid)}}
              end

              def handle_info(message, state) do
                Logger.warning("unexpected #{inspect(message)}")
                {:noreply, state}
              end

              defp watch(state, pid, cart) do
                _ref = Process.monitor(pid)
                %{state | owners: Map.put(state.owners, pid, cart)}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Door do
              use GenServer

              @impl true
              def init(guests), do: {:ok, guests, {:continue, :watch}}

              @impl true
              def handle_continue(:watch, guests) do
                refs = Enum.map(guests, fn guest -> :erlang.monitor(:process, guest) end)
            #                                       ^^^^^^^^^^^^^^^ warning: it ends the server
                more = Enum.map(neighbours(), &Process.monitor/1)
            #                                 ^^^^^^^^^^^^^^^^^^ warning: it ends the server
                {:noreply, {guests, refs ++ more}}
              end

              @impl true
              def handle_cast({:enter, pid}, {guests, refs}) do
                ref = Process.monitor(pid, tag: :guest_gone)
            #         ^^^^^^^^^^^^^^^ warning: takes no `:guest_gone`
                {:noreply, {[pid | guests], [ref | refs]}}
              end

              @impl true
              def handle_info({:knock, pid}, state) do
                send(pid, :come_in)
                {:noreply, state}
              end
            end

            defmodule Shop.Lamp do
              @behaviour :gen_statem

              def callback_mode, do: :handle_event_function

              def init(pid) do
                Process.monitor(pid)
            #   ^^^^^^^^^^^^^^^ warning: `Shop.Lamp` monitors a process
                {:ok, :off, pid}
              end

              def handle_event(:cast, :press, :off, pid), do: {:next_state, :on, pid}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/server.ex
            defmodule Shop.Server do
              defmacro __using__(opts) do
                quote do
                  use GenServer, unquote(opts)
                  @behaviour Shop.Server
                  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
                end
              end
            end
            # file: lib/shop/guests.ex
            defmodule Shop.Guests do
              use Shop.Server, restart: :transient

              def init(_opts), do: {:ok, %{}}

              def handle_cast({:enter, pid}, guests) do
                ref = Process.monitor(pid)
            #         ^^^^^^^^^^^^^^^ warning: the message is logged and dropped
                {:noreply, Map.put(guests, ref, :here)}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/server.ex
            defmodule Shop.Server do
              defmacro __using__(_opts) do
                quote do
                  use GenServer
                  def handle_info({:DOWN, ref, _, _, _}, refs), do: {:noreply, Map.delete(refs, ref)}
                end
              end
            end
            # file: lib/shop/other_server.ex
            defmodule Shop.OtherServer do
              defmacro __using__(_opts) do
                quote do
                  use GenServer
                  Shop.Clauses.for_the_end()
                end
              end
            end
            # file: lib/shop/guests.ex
            defmodule Shop.Guests do
              use Shop.Server

              def init(_opts), do: {:ok, %{}}
              def handle_cast({:enter, pid}, refs), do: {:noreply, Map.put(refs, Process.monitor(pid), :here)}
              def handle_info(:closing, refs), do: {:stop, :normal, refs}
            end

            defmodule Shop.Cooks do
              use Shop.OtherServer

              def init(_opts), do: {:ok, %{}}
              def handle_cast({:enter, pid}, refs), do: {:noreply, Map.put(refs, Process.monitor(pid), :here)}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Visitors do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, %{}}

              @impl true
              def handle_cast({:join, pid}, refs), do: {:noreply, Map.put(refs, Process.monitor(pid), pid)}

              @impl true
              def handle_info({:DOWN, ref, :process, _, _}, refs), do: {:noreply, Map.delete(refs, ref)}
            end

            defmodule Shop.Listener do
              use GenServer

              @impl true
              def init(socket), do: {:ok, socket}

              @impl true
              def handle_cast({:accept, worker}, socket) do
                monitor = Process.monitor(worker)
                :gen_server.enter_loop(Shop.Connection, [], {socket, monitor})
              end
            end

            defmodule Shop.Views do
              use GenServer

              @impl true
              def init(_opts), do: {:ok, []}

              @impl true
              def handle_cast({:join, pid, ref}, refs) do
                monitor = Process.monitor(pid, tag: {:view_gone, ref})
                {:noreply, [monitor | refs]}
              end

              @impl true
              def handle_info({{:view_gone, _ref}, monitor, :process, _pid, _reason}, refs) do
                {:noreply, List.delete(refs, monitor)}
              end
            end

            defmodule Shop.Shadow do
              use GenServer

              @impl true
              def init(pid), do: {:ok, Process.monitor(pid)}

              @impl true
              def handle_info({_tag, ref, :process, _pid, reason}, ref), do: {:stop, reason, ref}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Visitors do
              use GenServer

              @impl true
              def init(pid) do
                Process.monitor(pid)
                {:ok, pid}
              end

              @impl true
              def handle_info(message, pid), do: Shop.Events.handle(message, pid)
            end

            defmodule Shop.Guard do
              use GenServer

              @impl true
              def init(pid) do
                Process.monitor(pid)
                {:ok, pid}
              end

              @impl true
              def handle_info(_gone, pid), do: {:stop, :normal, pid}
            end

            defmodule Shop.Finished do
              use GenServer
              @before_compile Shop.Clauses

              def init(pid) do
                Process.monitor(pid)
                {:ok, pid}
              end
            end

            defmodule Shop.Follower do
              use Shop.Server

              def init(pid) do
                Process.monitor(pid)
                {:ok, pid}
              end

              def handle_call(:pid, _from, pid), do: {:reply, pid, pid}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Sessions do
              @doc "The caller gets the `:DOWN`."
              def follow(session), do: Process.monitor(session.pid)
            end

            defmodule Shop.Desk do
              use GenServer

              def call(pid, request) do
                ref = Process.monitor(pid)
                send(pid, {request, ref, self()})
                ref
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:stop, pid}, _from, state), do: {:reply, stop(pid), state}

              def handle_call({:alive, pid}, _from, state) do
                ref = Process.monitor(pid)
                Process.demonitor(ref, [:flush])
                {:reply, Process.alive?(pid), state}
              end

              def handle_call({:watch, pid}, _from, state) do
                Task.start(fn -> Process.monitor(pid) end)
                {:reply, :ok, state}
              end

              defp stop(pid) do
                ref = Process.monitor(pid)
                Process.exit(pid, :shutdown)

                receive do
                  {:DOWN, ^ref, _, _, reason} -> reason
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop_web/live/cart_live.ex
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def mount(_params, %{"pid" => pid}, socket) do
                Process.monitor(pid)
                {:ok, socket}
              end
            end
            # file: test/support/fake_desk.ex
            defmodule Shop.FakeDesk do
              use GenServer

              def init(pid) do
                Process.monitor(pid)
                {:ok, pid}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if module.complete and kinds(module) & SERVERS:
                for site in _monitors(module):
                    fate = fate_of_stray_message(file.source, module)
                    if fate in _WHAT_HAPPENS and not _takes_down(file.source, module, site.call):
                        yield self._finding(file, site, fate)

    def _finding(self, file: FileView, site: Site, fate: Fate) -> Finding:
        tag = tag_of_end(site.call)
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.module.name}` monitors a process but takes no `:{tag}`: {_WHAT_HAPPENS[fate]}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            fix=FixKind.UNSAFE if tag == "DOWN" and site.call.form == "call" else FixKind.LLM,
        )


def _monitors(module: Module) -> Iterator[Site]:
    """The monitors that the server itself sets up."""
    inside = callback_chains(call_graph(module))
    for site in sites(module):
        if site.call.runs == "here" and site.function.id in inside and _waits_for_end(site):
            yield site


def _waits_for_end(site: Site) -> bool:
    """Sets a monitor up, doesn't take it back in the clause, and is the one that will get its message."""
    calls = site.clause.calls
    captured = site.call.form == "capture" and site.call.is_to("Process", "monitor") and site.call.arity == 1
    return (captured or monitors_process(site.call)) and not any(
        call.is_to("Process", "demonitor") or _goes_on_elsewhere(site.module, call) for call in calls
    )


def _goes_on_elsewhere(module: Module, call: Call) -> bool:
    """`:gen_server.enter_loop(Shop.Connection, [], state)`: from here on another module takes messages."""
    is_loop = call.is_to(":gen_server", "enter_loop") or call.is_to(":gen_statem", "enter_loop")
    return is_loop and bool(call.args) and call.args[0].value != module.name


def _takes_down(source: Source, module: Module, call: Call) -> bool:
    """The tag stands somewhere in the module: in the head of a clause, a `receive`, a `case`.

    Or a clause takes the message whatever its tag is: `{_tag, ref, :process, _pid, _reason}`.
    """
    tag = tag_of_end(call)
    if not tag or any(map(_is_any_tag, messages_taken(module))):
        return True
    nodes = [source.node_at(module.span)]
    while nodes:
        node = nodes.pop()
        outside = node.end_byte <= call.span.start or call.span.end <= node.start_byte
        if outside and node.type == "atom" and syntax.text(node) == f":{tag}":
            return True
        nodes += node.named_children
    return False


def _is_any_tag(message: Term) -> bool:
    pattern = unwrapped(message)
    return pattern.kind == "tuple" and len(pattern.items) == 5 and pattern.items[0].kind == "variable"
