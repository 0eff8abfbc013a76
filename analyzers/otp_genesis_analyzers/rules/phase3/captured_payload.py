from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import ClassVar

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.processes.captured_values import (
    FIELDS,
    Captured,
    SentWhole,
    captured_values,
    field_names,
    sent_values,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Span

_RUN_TIME = frozenset({"def", "defp"})
_VALUES = ("conn", "socket", "Conn", "Socket", "handle_")
"""Words of which a file holds one that has a connection, a socket or the state of a server."""
_STARTS = (
    "start",
    "start_link",
    "start_child",
    "async",
    "async_nolink",
    "async_stream",
    "async_stream_nolink",
    "spawn",
    "spawn_link",
    "spawn_monitor",
    "start_async",
    "assign_async",
    "stream_async",
    "apply_after",
)
_AGENT_CALLS = ("Agent update", "Agent cast", "Agent get", "Agent get_and_update")
_MESSAGES = ("send", "cast", "call")


class CapturedPayload(Rule):
    """A connection, a socket or a whole state is copied to another process for a field or two of it.

    ## What it does
    Reports a function that is handed to a task, a spawned process or an agent and reads nothing but fields of
    a connection, a socket or a server's state from outside, and a message to another process that holds a
    connection or a socket as a whole. A connection is what `%Plug.Conn{}` is matched with, what a plug or
    a controller calls `conn`, and a `conn` of which fields of that struct are read; sockets alike. A
    **warning** for these; the state of a server is a **hint**.

    ## Why it matters on the BEAM
    Processes share no memory: all that a function holds on to is copied into the new process, not only
    the part that it reads. A connection brings its request, assigns and private data along, a
    socket all that its view shows, at every start.

    ## When it is legitimate
    Where the value is needed as a whole: it is given to another function, or updated, or comes back in a
    `receive`. That is not reported, nor is a function that runs in the same process.

    ## Use instead
    ```elixir
    remote_ip = conn.remote_ip
    Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Geo.track(remote_ip) end)
    ```

    ## Fix safety
    The fields are bound in front of the statement, and the function uses them. Safe where they are fields
    that the struct always has. Unsafe for a field of a field and for values whose form is not known: a
    missing field then fails where the function is handed over, no longer in the other process. Messages
    have no deterministic fix.

    ## References
    - https://hexdocs.pm/elixir/process-anti-patterns.html#sending-unnecessary-data
    - tests/beam/closure_copies_what_it_holds.exs
    """

    code = "OTP311"
    name = "captured-payload"
    severity = Severity.WARNING
    anchors = tuple(
        f"{value} {word}" for value, word in product(_VALUES, (*_STARTS, *_AGENT_CALLS, *_MESSAGES))
    )
    fixes = (FixKind.SAFE, FixKind.UNSAFE)

    INVALID: ClassVar = [
        Example(
            """
            defmodule ShopWeb.Visits do
              import Plug.Conn

              def call(%Plug.Conn{} = conn, _opts) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Geo.track(conn.remote_ip) end)
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^^ warning: needs only `conn.remote_ip`
                conn
              end
            end
            """,
            fixed="""
            defmodule ShopWeb.Visits do
              import Plug.Conn

              def call(%Plug.Conn{} = conn, _opts) do
                remote_ip = conn.remote_ip
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Geo.track(remote_ip) end)
                conn
              end
            end
            """,
        ),
        Example(
            """
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def handle_event("load", %{"id" => id}, socket) do
                # The stock may be slow.
                socket =
                  start_async(socket, :stock, fn ->
            #     ^^^^^^^^^^^ warning: needs only `socket.assigns.user` and `socket.id`
                    {id, Shop.Stock.of(socket.assigns.user, socket.id, socket.assigns.user.id)}
                  end)

                {:noreply, socket}
              end
            end
            """,
            fixed="""
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def handle_event("load", %{"id" => id}, socket) do
                user = socket.assigns.user
                socket_id = socket.id
                user_id = socket.assigns.user.id

                # The stock may be slow.
                socket =
                  start_async(socket, :stock, fn ->
                    {id, Shop.Stock.of(user, socket_id, user_id)}
                  end)

                {:noreply, socket}
              end
            end
            """,
        ),
        Example(
            """
            defmodule ShopWeb.PageController do
              use ShopWeb, :controller

              def show(conn, _params), do: spawn(fn -> Shop.Log.write("#{conn.method} #{conn.host}") end)
            #                              ^^^^^ warning: needs only `conn.method` and `conn.host`

              def index(conn, %{"method" => method}) do
                GenServer.cast(Shop.Visits, {:visit, method, conn})
            #   ^^^^^^^^^^^^^^ warning: `conn` is copied whole into the message
                conn
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Rates do
              use GenServer

              def init(opts), do: {:ok, %{url: opts[:url], rates: %{}, task: nil}}

              def handle_info(:load, %{task: nil} = state) do
                task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, fn -> Shop.Bank.rates(state.url) end)
            #          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ hint: `state` is copied whole to the process
                {:noreply, %{state | task: task.ref}}
              end

              def handle_info({_ref, rates}, state), do: {:noreply, %{state | rates: rates}}
            end
            """,
            fixed="""
            defmodule Shop.Rates do
              use GenServer

              def init(opts), do: {:ok, %{url: opts[:url], rates: %{}, task: nil}}

              def handle_info(:load, %{task: nil} = state) do
                url = state.url
                task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, fn -> Shop.Bank.rates(url) end)
                {:noreply, %{state | task: task.ref}}
              end

              def handle_info({_ref, rates}, state), do: {:noreply, %{state | rates: rates}}
            end
            """,
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule ShopWeb.Visits do
              @behaviour Plug

              def init(opts), do: opts

              def call(conn, _opts) do
                ip = conn.remote_ip
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Geo.track(ip) end)
                Task.Supervisor.start_child(Shop.TaskSupervisor, Shop.Geo, :track, [conn.remote_ip])
                GenServer.cast(Shop.Visits, {:visit, conn.request_path})
                conn
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.Stream do
              @moduledoc "The connection is needed as a whole."
              use Plug.Builder

              def call(conn, _opts) do
                Task.async(fn -> Shop.Audit.record(conn) end) |> Task.await()
                Task.async(fn -> %{conn | status: 200} end) |> Task.await()

                Task.async(fn ->
                  with %{host: host} <- conn, do: {host, conn.port}
                end)
                |> Task.await()
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.Cart do
              use ShopWeb, :live_view

              def handle_event("sort", _params, socket) do
                items = Enum.sort_by(socket.assigns.items, fn item -> item[socket.assigns.key] end)
                send(self(), {:sorted, socket.assigns.key})
                me = self()
                send(me, {:later, socket})
                {:noreply, assign(socket, :items, items)}
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.UploadController do
              use ShopWeb, :controller

              def callback(conn, %{"path" => path} = params) do
                send(:global.whereis_name({Shop.Upload, path}), {:called_back, self(), conn, params})

                receive do
                  {:answered, conn} -> conn
                after
                  5_000 -> send_resp(conn, 504, "")
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Wire do
              @moduledoc "Another kind of socket, another kind of connection."
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_info({:tcp, socket, data}, state) do
                GenServer.cast(state.parser, {:data, socket, data})
                Task.start(fn -> Shop.Parser.run(socket.fd, data) end)
                {:noreply, state}
              end

              def query(conn) do
                Task.async(fn -> Shop.Pool.ping(conn.pool) end) |> Task.await()
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Worker do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_cast(:run, state) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> run(state) end)
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> for state <- [1], do: state.id end)
                {_micros, _} = :timer.tc(fn -> run(state.url) end)
                {:noreply, state}
              end

              defp run(state), do: state.url
            end
            # file: test/visits_test.exs
            defmodule ShopWeb.VisitsTest do
              use ExUnit.Case

              test "counts", %{conn: conn} do
                Task.start(fn -> conn.remote_ip end)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for function in module.functions:
                if function.kind in _RUN_TIME:
                    for clause in function.clauses:
                        for captured in captured_values(file.source, module, function, clause):
                            yield self._captured(file, captured)
                        for sent in sent_values(module, function, clause):
                            yield self._sent(file, sent)

    def _captured(self, file: FileView, captured: Captured) -> Finding:
        call = captured.site.call
        first = captured.paths[0]
        needed = " and ".join(f"`{path}`" for path in _outermost(captured))
        is_state = captured.kind == "state"
        return self.report(
            file.facts.path,
            call.head,
            f"`{captured.name}` is copied whole to the process that runs this function, which needs only "
            f"{needed}: bind that before and use it inside",
            snippet=f"{captured.name} in {file.source.text(call.head)}",
            scope=captured.site.scope,
            severity=Severity.HINT if is_state else Severity.WARNING,
            confidence=Confidence.EXACT if captured.certain else Confidence.STRONG,
            fix=_fix(captured),
            related=(Related(file.facts.path, Span.of(first), "is read here"),),
        )

    def _sent(self, file: FileView, sent: SentWhole) -> Finding:
        call = sent.site.call
        return self.report(
            file.facts.path,
            call.head,
            f"`{sent.name}` is copied whole into the message: send the fields that the receiver needs",
            snippet=file.source.text(call.span),
            scope=sent.site.scope,
        )


def _fix(captured: Captured) -> FixKind:
    """Safe where every field is one that the struct always has."""
    fields = [field_names(path) for path in captured.paths]
    safe = captured.certain and all(len(names) == 1 and names[0] in FIELDS[captured.kind] for names in fields)
    return FixKind.SAFE if safe else FixKind.UNSAFE


def _outermost(captured: Captured) -> list[str]:
    """The paths, each once, without those that begin with another."""
    paths = list(dict.fromkeys(syntax.text(path) for path in captured.paths))
    return [path for path in paths if not any(path.startswith(f"{other}.") for other in paths)]
