from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.servers import server_in_registry, server_named
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.calls.guarded import Guarded, guarded_in, guards_of
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, site_at
from otp_genesis_analyzers.facts.messages.client_api import addressee, looked_up
from otp_genesis_analyzers.facts.messages.looked_up_pids import name_behind, surely_from_there
from otp_genesis_analyzers.facts.messages.shapes import (
    Sent,
    Taken,
    has_shape_of,
    is_later,
    sent,
    sent_by,
    taken,
    unwrapped,
)
from otp_genesis_analyzers.facts.messages.stray_messages import may_bring_clauses
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_LOG_HANDLER = "log/2"
"""What `:logger` calls in the process that logs, which must not wait for a server."""

_CONFIRMED = "`{function}` answers `:ok` after a `send`, which says nothing of whether it arrived"
_GUARDED = (
    "a `send` to a pid never fails, so nothing is caught here, and nobody learns of a dead receiver: "
    "a call or a monitor tells"
)
_HANDS_OVER = ("deliver", "route", "distribute", "delegate", "dispatch", "submit")


class RawSendToServer(Rule):
    """A request goes to a server as a plain message, past the functions that the server offers.

    ## What it does
    Reports `send` and `Process.send` of a tagged message to a server of the project, from outside its module,
    when its `handle_info/2` has a clause for exactly that message. The server is known by its name, or by
    where the function has its pid from: `Process.whereis`, `Registry.lookup`, a start. It is a **warning**
    when the server has no `handle_info/2` at all, and takes that message only as a call or a cast. A function
    that is named after handing something over (`deliver`, `route`, `delegate`) and answers `:ok` after a
    `send` to a pid that it was given gets a **hint**, and so does a `send` to a pid that stands alone under
    `rescue` or `catch`.

    ## Why it matters on the BEAM
    `send/2` returns the message, whatever becomes of it. A pid may be dead, which nobody is told, so a
    `catch` around it catches nothing; a name that is not registered raises. `GenServer.call/3` is what
    confirms that the server has done its part. `GenServer.cast/2` confirms no more than `send/2` does: it
    returns `:ok` even for a name that nobody has. It only keeps to the protocol of the server.

    ## When it is legitimate
    From the server's own module, where a `send` is a nudge to itself. To `self()`, and later through a timer.
    As the answer to somebody who asked (`{ref, reply}`), as news to those who subscribed. To a process that
    is no server of the project. In a handler of `:logger`, which must not wait. None of these is reported,
    nor is code in tests.

    ## Use instead
    ```elixir
    Shop.Mailer.deliver(mail)

    # in Shop.Mailer
    def deliver(mail), do: GenServer.call(__MODULE__, {:deliver, mail})
    ```

    ## Fix safety
    Unsafe. The clause of `handle_info/2` becomes one of `handle_call/3` that answers `:ok`, the server gets a
    client function, and the `send` becomes a call of it. The caller now waits, and exits when the server
    doesn't answer. Refused when the message is sent from more than one place.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#module-receiving-regular-messages
    - https://hexdocs.pm/elixir/process-anti-patterns.html#scattered-process-interfaces
    - Shown by `tests/beam/send_and_cast.exs`
    """

    code = "OTP401"
    name = "raw-send-to-server"
    severity = Severity.INFORMATION
    # The server that is sent to must be known by the name that it registers.
    anchors = ("send", "start_link", "GenServer start", "GenStage start", ":gen_ start", "Process register")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args), do: Supervisor.start_link([Shop.Mailer], strategy: :one_for_one)
            end
            # file: lib/shop/mailer.ex
            defmodule Shop.Mailer do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info({:deliver, mail}, state) do
                Shop.Smtp.send(mail)
                {:noreply, state}
              end
            end
            # file: lib/shop/orders.ex
            defmodule Shop.Orders do
              alias Shop.Mailer

              def confirm(order) do
                send(Mailer, {:deliver, order.mail})
            #   ^^^^ information: which nothing confirms
                :ok
              end
            end
            """,
            fixed="""
            # file: lib/shop/mailer.ex
            defmodule Shop.Mailer do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              def deliver(mail), do: GenServer.call(__MODULE__, {:deliver, mail})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:deliver, mail}, _from, state) do
                Shop.Smtp.send(mail)
                {:reply, :ok, state}
              end
            end
            # file: lib/shop/orders.ex
            defmodule Shop.Orders do
              alias Shop.Mailer

              def confirm(order) do
                Mailer.deliver(order.mail)
                :ok
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/printer.ex
            defmodule Shop.Printer do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :printer)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info(:flush, state), do: {:noreply, %{state | pages: []}}
              def handle_info({:print, page} = job, state), do: {:noreply, Map.put(state, page, job)}
            end
            # file: lib/shop/desk.ex
            defmodule Shop.Desk do
              def flush, do: send(:printer, :flush)
            #                ^^^^ information: `:printer`

              def print(page) do
                :printer |> Process.whereis() |> send({:print, page})
            #                                    ^^^^ information
                Process.send(:printer, {:print, page}, [:noconnect])
            #   ^^^^^^^^^^^^ information
              end

              def far(node, page), do: send({:printer, node}, {:print, page})
            #                          ^^^^ information

              def hurry do
                case Process.whereis(:printer) do
                  nil -> :error
                  pid -> send(pid, :flush)
            #            ^^^^ information: `:printer`
                end
              end

              def stop(page) do
                if printer = Process.whereis(:printer), do: send(printer, {:print, page})
            #                                               ^^^^ information
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/store.ex
            defmodule Shop.Store do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def fetch(key), do: GenServer.call(__MODULE__, {:fetch, key})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:fetch, key}, _from, state), do: {:reply, state[key], state}

              @impl true
              def handle_cast({:put, key, value}, state), do: {:noreply, Map.put(state, key, value)}
            end
            # file: lib/shop/user.ex
            defmodule Shop.User do
              alias Shop.Store, as: Kept

              def save(key, value), do: send(Kept, {:put, key, value})
            #                           ^^^^ warning: it is logged and dropped
              def fetch(key), do: apply(Kernel, :send, [Kept, {:fetch, key}])
            #                     ^^^^^ warning: `handle_call/3` takes it with `GenServer.call`
            end
            """
        ),
        Example(
            """
            # file: lib/shop/cart.ex
            defmodule Shop.Cart do
              use GenServer

              def start_link(id) do
                GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Shop.Names, id}})
              end

              @impl true
              def init(id), do: {:ok, id}

              @impl true
              def handle_info({:expire, _id}, state), do: {:stop, :normal, state}
            end
            # file: lib/shop/expiry.ex
            defmodule Shop.Expiry do
              alias Shop.Cart

              def expire(id) do
                case Registry.lookup(Shop.Names, id) do
                  [{pid, _value}] -> send(pid, {:expire, id})
            #                        ^^^^ information: a process of `Shop.Names`
                  [] -> :ok
                end
              end

              def try_out(id) do
                {:ok, cart} = Cart.start_link(id)
                send(cart, {:expire, id})
            #   ^^^^ information: `Shop.Cart`
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Router do
              def deliver(worker, mail) do
                send(worker, {:mail, mail})
            #   ^^^^ hint: `deliver/2` answers `:ok` after a `send`
                :ok
              end

              def delegate_to(worker, job) do
                if job do
                  send(worker, {:job, job})
            #     ^^^^ hint
                  :ok
                else
                  {:error, :no_job}
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Signals do
              def route(handlers, signal) do
                Enum.map(handlers, fn pid ->
                  try do
                    send(pid, {:signal, signal})
            #       ^^^^ hint: never fails
                    :ok
                  catch
                    _, _ -> :error
                  end
                end)
              end

              def wake(worker) do
                Process.send(worker, {:wake, self()}, [])
            #   ^^^^^^^^^^^^ hint
              rescue
                _ -> :error
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Bell do
              def ring(name) do
                send(:bell, :ring)
              rescue
                ArgumentError -> {:error, name}
              end

              def ring_all(pids) do
                try do
                  Enum.each(pids, fn pid -> send(pid, {:ring, at()}) end)
                catch
                  _, _ -> :error
                end
              end

              def ring_at(pid, time) do
                send(pid, {:ring, Time.from_iso8601!(time)})
              rescue
                ArgumentError -> :error
              end

              def ring_name(pid), do: send(pid, {:ring, self()})

              defp at, do: Time.utc_now()
            end
            """
        ),
        Example(
            """
            defmodule Shop.Refresher do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :refresher)
              def refresh, do: send(__MODULE__, :refresh)
              def again, do: send(:refresher, :refresh)

              @impl true
              def init(opts) do
                send(self(), :refresh)
                Process.send_after(self(), :refresh, 1_000)
                Process.send_after(__MODULE__, :refresh, 1_000)
                {:ok, opts}
              end

              @impl true
              def handle_info(:refresh, state), do: {:noreply, state}

              defmodule Api do
                def refresh, do: send(:refresher, :refresh)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/store.ex
            defmodule Shop.Store do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_info({:put, key, value}, state), do: {:noreply, Map.put(state, key, value)}
              def handle_info(_message, state), do: {:noreply, state}
            end
            # file: lib/shop/log_handler.ex
            defmodule Shop.LogHandler do
              def log(event, _config), do: send(Shop.Store, {:put, :last, event})
            end
            # file: lib/shop/other.ex
            defmodule Shop.Other do
              def put(key), do: send(Shop.Store, {:put, key})
              def tell(message), do: send(Shop.Store, message)
              def answer(from, ref, reply), do: send(from, {ref, reply})
              def port(port), do: send(port, {self(), :close})
              def logger, do: send(:logger_proxy, {:put, :a, 1})
              def later, do: Process.send_after(Shop.Store, {:put, :a, 1}, 10)
              def publish(pids, news), do: Enum.each(pids, fn pid -> send(pid, {:news, news}) end)
              def broadcast(pid, news), do: send(pid, {:news, news})

              def deliver(pid, mail) do
                send(pid, {:mail, mail})
              end

              def deliver_all(pids, mail) do
                Enum.each(pids, fn pid -> send(pid, {:mail, mail}) end)
                :ok
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/store.ex
            defmodule Shop.Store do
              use GenServer

              def put(key, value), do: GenServer.cast(__MODULE__, {:put, key, value})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:put, key, value}, state), do: {:noreply, Map.put(state, key, value)}
            end
            # file: lib/shop/loop.ex
            defmodule Shop.Loop do
              def start, do: Process.register(spawn_link(&loop/0), :loop)

              defp loop do
                receive do
                  {:put, _key, _value} -> loop()
                end
              end
            end
            # file: lib/shop/user.ex
            defmodule Shop.User do
              def save(key, value) do
                Shop.Store.put(key, value)
                send(Shop.Store, {:forget, key})
                send(:loop, {:put, key, value})
              end
            end
            # file: test/shop/store_test.exs
            defmodule Shop.StoreTest do
              use ExUnit.Case

              test "survives a stray message" do
                send(Shop.Store, {:put, 1, 2})
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/board.ex
            defmodule Shop.Board do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:show, text}, state), do: {:noreply, [text | state]}

              @impl true
              def handle_info(message, state), do: handle_cast(message, state)
            end
            # file: lib/shop/door.ex
            defmodule Shop.Door do
              @behaviour :gen_statem

              def start_link(opts), do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, opts, [])
              def callback_mode, do: :handle_event_function
              def init(opts), do: {:ok, :shut, opts}
              def handle_event(:cast, {:open, _key}, :shut, opts), do: {:next_state, :open, opts}
            end
            # file: lib/shop/other.ex
            defmodule Shop.Other do
              def open(key), do: send(Shop.Door, {:open, key})
              def show(text), do: send(Shop.Board, {:show, text})

              def show_all(pids, text) do
                _board = Process.whereis(Shop.Board)
                Enum.each(pids, fn pid -> send(pid, {:show, text}) end)
              end

              def show_one(board, text) do
                [{_pid, value}] = Registry.lookup(Shop.Boards, board)
                send(value.pid, {:show, text})
              end

              def show_first(pids, text) do
                case Process.whereis(Shop.Board) do
                  nil -> :error
                  _ -> pids |> hd() |> send({:show, text})
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Diffs do
              def on_diffs(name, diffs) do
                send(name, {:diffs, diffs})
              rescue
                ArgumentError -> :ok
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for message in _requests(module):
                name = _name(file.source, message)
                if name is not None:
                    if addressee(module, name) != module.name:
                        yield self._sent_to_name(file, message, name)
                elif _confirms_a_send(file.source, module, message):
                    yield self._sent_to_argument(file, message.site, _CONFIRMED)
                elif _is_guarded_alone(file.source, message):
                    yield self._sent_to_argument(file, message.site, _GUARDED)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        if finding.severity is Severity.HINT:
            return finding
        site = site_at(project.files[finding.path].facts, finding.span)
        message = sent_by(site.call) if site is not None else None
        if site is None or message is None:
            return None
        server = _server(project, _facts_name(site, message[1]))
        if server is None or f"{site.module.name}.".startswith(f"{server.module.name}."):
            return None
        clause = next(
            (found for found in taken(server.module) if has_shape_of(found.pattern, message[2])), None
        )
        plain = [found for found in taken(server.module) if found.way == "info"]
        handled = next((found for found in plain if has_shape_of(found.pattern, message[2])), None)
        if handled is not None:
            related = Related(server.path, handled.clause.name_span, "the message is handled here")
            return structs.replace(finding, related=(related,))
        if clause is None or plain or not _logs_stray_messages(server.module):
            return None
        return _as_lost(finding, server, clause)

    def _sent_to_name(self, file: FileView, message: Sent, name: Term) -> Finding:
        site = message.site
        rewritable = site.call.form == "call" and site.function not in callbacks(site.module)
        rewritable = rewritable and name == looked_up(message.server) and not _registry(name)
        return self.report(
            file.facts.path,
            site.call.head,
            f"`:{message.message.tag}` goes to {_written(name)} as a plain message, which nothing confirms: "
            "`GenServer.call/3` does",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if rewritable else FixKind.LLM,
        )

    def _sent_to_argument(self, file: FileView, site: Site, words: str) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            words.format(function=site.function.id),
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=Severity.HINT,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
        )


def _requests(module: Module) -> Iterator[Sent]:
    """Plain messages with a tag, sent at once and written out here."""
    for message in sent(module):
        is_plain = message.way == "info" and not is_later(message.site.call)
        if is_plain and message.message.tag is not None and message.site.function.id != _LOG_HANDLER:
            yield message


def _logs_stray_messages(module: Module) -> bool:
    """It has the `handle_info/2` that `use GenServer` brings, and no other that can't be seen."""
    brings_it = any(use.module in ("GenServer", "GenStage") for use in module.uses)
    return brings_it and module.complete and not may_bring_clauses(module)


def _as_lost(finding: Finding, server: ModuleEntry, clause: Taken) -> Finding:
    """The server has nothing for plain messages, only a clause for the same message as a request."""
    asked, handler, tag = f"GenServer.{clause.way}", clause.function.id, unwrapped(clause.pattern).tag
    return structs.replace(
        finding,
        severity=Severity.WARNING,
        message=f"`:{tag}` is sent as a plain message, and `{server.module.name}` has no "
        f"`handle_info/2`: it is logged and dropped. Its `{handler}` takes it with `{asked}`",
        related=(Related(server.path, clause.clause.name_span, f"takes it as a {clause.way}"),),
        fix=FixKind.LLM,
    )


def _name(source: Source, message: Sent) -> Term | None:
    """The name that the message is sent to; None when it goes to a pid from elsewhere."""
    site, name = message.site, _facts_name(message.site, message.server)
    if name.kind not in ("module", "atom") and not _registry(name):
        return None
    is_pid = message.server.kind == "variable"
    if is_pid and not surely_from_there(source, site.clause, site.call, message.server):
        return None
    return name


def _server(project: Project, name: Term) -> ModuleEntry | None:
    registry = _registry(name)
    return server_in_registry(project, registry) if registry else server_named(project, name)


def _registry(name: Term) -> str:
    """`Shop.Names` of `{:via, Registry, {Shop.Names, key}}`; empty for any other name."""
    if name.tag != "via" or len(name.items) != 3 or name.items[1].value != "Registry":
        return ""
    return constant_name(name.items[2].items[0]) if name.items[2].items else ""


def _written(name: Term) -> str:
    registry = _registry(name)
    return f"a process of `{registry}`" if registry else f"`{constant_name(name)}`"


def _facts_name(site: Site, server: Term) -> Term:
    name = name_behind(site.clause, site.call, server) if server.kind == "variable" else None
    return name or looked_up(server)


def _confirms_a_send(source: Source, module: Module, message: Sent) -> bool:
    """`def deliver(pid, mail)` that gives `:ok` whatever became of its message."""
    site = message.site
    if not site.function.public or site.call.closure >= 0 or site.function in callbacks(module):
        return False
    if not site.function.name.startswith(_HANDS_OVER) or message.server not in site.clause.head:
        return False
    return any(syntax.text(node) == ":ok" for node in results(source, site.clause))


def _is_guarded_alone(source: Source, message: Sent) -> bool:
    """Its failure is all that a handler around it could take, and to a pid it has none."""
    site, call = message.site, message.site.call
    if not call.guarded_by_rescue or message.server.kind != "variable":
        return False
    guards = guards_of(guarded_in(source, site.clause), site.clause, call)
    if not guards or _expects_a_name(guards[-1]):
        return False
    return all(
        other is call or other.target == "self/0" or other.is_to("Kernel", "self")
        for other in site.clause.calls
        if guards[-1].holds(other.span)
    )


def _expects_a_name(guarded: Guarded) -> bool:
    """`rescue ArgumentError`: what a `send` to a name raises when nobody has it."""
    patterns = (pattern for handler in guarded.handlers for pattern in handler.patterns)
    return any("ArgumentError" in syntax.text(pattern) for pattern in patterns)
