from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.waits_elsewhere import WaitElsewhere, waits_elsewhere
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.called_values import called_fields, called_from_message
from otp_genesis_analyzers.facts.calls.comments import says_slowed_down
from otp_genesis_analyzers.facts.calls.results import kept_variables
from otp_genesis_analyzers.facts.calls.sites import production_modules, site_at, sites
from otp_genesis_analyzers.facts.messages.self_calls import self_calls
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.facts.processes.kinds import WEB_PROCESSES, Kind, kinds
from otp_genesis_analyzers.facts.reading.quoted_callbacks import QuotedCall
from otp_genesis_analyzers.facts.state.plain_reply import plain_reply
from otp_genesis_analyzers.facts.state.server_returns import ends_server
from otp_genesis_analyzers.facts.waits.callback_waits import (
    OUTSIDE,
    CallbackWait,
    audience,
    callback_waits,
    ends_start,
    far_waits,
)
from otp_genesis_analyzers.facts.waits.quoted_sleeps import quoted_sleeps
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Source, Span

_JUDGED: frozenset[Kind] = frozenset({"GenServer", "gen_statem"})
_WORK_IS_WAITING: frozenset[Kind] = frozenset({"GenStage", "Broadway", "Job"})
_NOT_JUDGED = frozenset({"init/1", "terminate/2", "terminate/3"})


class BlockingCallback(Rule):
    """A server's callback waits for the world while its callers queue up.

    ## What it does
    Reports calls that wait, in callbacks of a server that others call, and in the functions of the module
    that these go through: HTTP clients (and what `use Tesla` or `use HTTPoison.Base` gives to a module of
    the project, clients of chats and of language models), TCP and TLS connects, system commands, `:rpc` and
    `:erpc` without a timeout, sleeps of 100 ms and more, `Task.await`, `GenServer.call` to a process that
    an argument or the state holds. `handle_call` and the call events of a state machine are judged always;
    `handle_cast`, `handle_info` and `handle_continue` where the server answers calls as well. These are
    **warnings**, and so is a sleep in a view or a channel, and a function of another module of the project
    that always waits for a network, a command, another node, a task or a sleep. **Information** is what may
    be short: a sleep of unknown length, `Task.yield`, `Task.async_stream`, a read from a socket,
    `Node.connect`, a start of WebSockex, a function that the state holds, a function of another module that
    sends a message and waits for the answer in a `receive`. **Hints** are functions that come with the
    message of a call, database queries, calls to other processes whose failure is caught, the waits of a
    worker of poolboy, sleeps in callbacks that a macro gives to servers, sleeps of a server that nobody
    calls, and of a channel in `join` or where a comment says that the user is slowed down.

    ## Why it matters on the BEAM
    A process takes one message at a time. While its callback waits, everybody who calls the server waits
    behind it, and gives up after five seconds unless told otherwise. The message is handled all the same.

    ## When it is legitimate
    A reply that is given later (`{:noreply, state}` and `GenServer.reply/2`) blocks nobody. Code in a `fn`
    that a task, a timer or a new process runs is not in the callback. A worker that nobody calls may wait,
    and so may the `handle_continue` that ends the start of a server, stages, Broadway and Oban workers, a
    message that always ends the server (`{:stop, ...}`), and a sleep right before `System.halt/1`. None of
    these is reported.

    ## Use instead
    ```elixir
    def handle_call({:quote, id}, from, state) do
      Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
        GenServer.reply(from, Rates.fetch(id))
      end)

      {:noreply, state}
    end
    ```

    ## Fix safety
    Unsafe, and only for a clause that is one `{:reply, value, state}` whose value reads no field that
    changes. Calls are then answered side by side, in any order, and any number of them; a crash of the work
    no longer ends the server, its caller waits until its timeout. The fix also adds a `Task.Supervisor` to
    the application where there is none.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#reply/2
    - https://hexdocs.pm/elixir/Task.Supervisor.html
    - Shown by `tests/beam/server_answers_one_at_a_time.exs` and
      `tests/beam/a_call_that_timed_out_is_still_served.exs`
    """

    code = "OTP304"
    name = "blocking-callback"
    severity = Severity.WARNING
    project_wide = True
    anchors = ("handle_", ":call", "sleep")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  {Task.Supervisor, name: Shop.TaskSupervisor},
                  Shop.Rates
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(opts), do: {:ok, %{url: opts[:url], last: nil}}

              @impl true
              def handle_call({:quote, id}, _from, state), do: {:reply, Req.get!(state.url <> id).body, state}
            #                                                           ^^^^^^^^ warning: every caller of

              def handle_call({:scan, host}, from, %{url: url} = state) do
                {:reply, scan(url, host), state}
            #            ^^^^ warning: waits for a system command in `System.cmd/2`, reached through `scan/2`
              end

              def handle_call({:fetch, id}, _from, state) do
                last = Req.get!(state.url <> id)
            #          ^^^^^^^^ warning: `handle_call/3` waits for an HTTP answer
                {:reply, last, %{state | last: last}}
              end

              defp scan(url, host) do
                {out, 0} = System.cmd("nmap", [url, host])
            #              ^^^^^^^^^^ hint: `handle_call/3` waits for a system command
                out
              end
            end
            """,
            fixed="""
            # file: lib/shop/rates.ex
            defmodule Shop.Rates do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(opts), do: {:ok, %{url: opts[:url], last: nil}}

              @impl true
              def handle_call({:quote, id}, from, state) do
                url = state.url

                Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                  GenServer.reply(from, Req.get!(url <> id).body)
                end)

                {:noreply, state}
              end

              def handle_call({:scan, host}, from, %{url: url} = state) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                  GenServer.reply(from, scan(url, host))
                end)

                {:noreply, state}
              end

              def handle_call({:fetch, id}, _from, state) do
                last = Req.get!(state.url <> id)
                {:reply, last, %{state | last: last}}
              end

              defp scan(url, host) do
                {out, 0} = System.cmd("nmap", [url, host])
                out
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Board do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:ask, pid}, _from, state) do
                answer = GenServer.call(pid, :ask)
            #            ^^^^^^^^^^^^^^ warning: waits for another process
                {:reply, {answer, state.render.(answer)}, state}
            #                     ^^^^^^^^^^^^ information: calls `state.render`, which may take any time
              end

              def handle_call(:safe, _from, state) do
                {:reply, safely(state.peer), state}
            #            ^^^^^^ hint: waits for another process
              end

              def handle_call(:orders, _from, state), do: {:reply, {state, Shop.Repo.all(Shop.Order)}, state}
            #                                                              ^^^^^^^^^^^^^ hint: the database

              def handle_cast({:poll, task}, state) do
                Task.await(task)
            #   ^^^^^^^^^^ warning: `handle_cast/2` waits for a task
                {:noreply, state}
              end

              def handle_info(:tick, state) do
                retry(3)
                Task.yield(state.task, 1_000)
            #   ^^^^^^^^^^ information: waits for a task
                Process.sleep(state.pause)
            #   ^^^^^^^^^^^^^ information: waits for a sleep
                {:noreply, state}
              end

              defp retry(left) when left > 0 do
                :timer.sleep(:timer.seconds(1))
            #   ^^^^^^^^^^^^ warning: waits for a sleep of 1000 ms
                retry(left - 1)
              end

              defp retry(0), do: :ok

              defp safely(pid) do
                GenServer.call(pid, :ask)
              catch
                :exit, _ -> nil
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.LoginChannel do
              use Phoenix.Channel

              @pause :timer.seconds(1)

              @impl true
              def join("login", _payload, socket) do
                Process.sleep(500)
            #   ^^^^^^^^^^^^^ hint: `join/3` waits for a sleep of 500 ms
                {:ok, socket}
              end

              @impl true
              def handle_in("login", %{"code" => code}, socket) do
                # Slows down whoever tries all codes.
                Process.sleep(500)
            #   ^^^^^^^^^^^^^ hint: `handle_in/3` waits for a sleep of 500 ms
                {:reply, Shop.Users.login(code), socket}
              end

              def handle_in("refresh", _payload, socket) do
                Process.sleep(@pause)
            #   ^^^^^^^^^^^^^ warning: `handle_in/3` waits for a sleep of 1000 ms
                {:reply, Shop.Users.all(), socket}
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.SignInLive do
              use ShopWeb, :live_view

              def handle_info(:signed_in, socket) do
                Process.sleep(250)
            #   ^^^^^^^^^^^^^ warning: the user's page answers nothing meanwhile
                {:noreply, socket}
              end
            end

            defmodule Shop.Door do
              @behaviour :gen_statem

              def init(_opts), do: {:ok, :shut, nil}

              def handle_event({:call, from}, :open, :shut, node) do
                :rpc.call(node, Shop.Lock, :open, [])
            #   ^^^^^^^^^ warning: another node, without a timeout
                {:next_state, :open, node, [{:reply, from, :ok}]}
              end
            end

            defmodule Shop.Cleaner do
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, 1}}

              def handle_call(:state, _from, state), do: {:reply, state, state}

              def handle_continue(attempt, state) do
                {:ok, _socket} = :gen_tcp.connect(state.host, 80, [])
            #                    ^^^^^^^^^^^^^^^^ warning: `handle_continue/2` waits for a connection
                {:noreply, state, {:continue, attempt + 1}}
              end
            end

            defmodule Shop.Sweeper do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_cast(:sweep, state) do
                Process.sleep(1_500)
            #   ^^^^^^^^^^^^^ hint: it takes no other message meanwhile
                {:noreply, state}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/api.ex
            defmodule Shop.Api do
              use GenServer
              alias Shop.Bank

              def init(opts), do: {:ok, opts}

              def handle_call({:sign_in, user}, _from, state) do
                case Bank.sign_in(user) do
            #        ^^^^^^^^^^^^ warning: in `Req.post!/2`, reached through `Shop.Bank.sign_in/1`
                  {:ok, token} -> {:reply, :ok, Map.put(state, user, token)}
                  error -> {:reply, error, state}
                end
              end

              def handle_info(:refresh, state), do: {:noreply, refresh(state)}
            #                                                  ^^^^^^^ warning: `handle_info/2` waits for

              defp refresh(state), do: Map.new(state, fn {user, _} -> {user, Bank.sign_in(user)} end)
            end
            # file: lib/shop/bank.ex
            defmodule Shop.Bank do
              def sign_in(user), do: request(%{user: user})

              def sign_in_later(user) do
                Process.sleep(1_000)
                sign_in(user)
              end

              defp request(json), do: Req.post!("https://example.org", json: json).body
            #                         ^^^^^^^^^ hint: of `Shop.Api` waits for an HTTP answer here
            end
            """
        ),
        Example(
            """
            defmodule Shop.Line do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:status, _from, state), do: {:reply, state, state}

              def handle_call(:reset, _from, state) do
                state = if state.socket, do: state, else: connect(state)
            #                                             ^^^^^^^ warning: waits for
                {:reply, :ok, connect(state)}
              end

              def handle_info(:connect, state), do: {:noreply, connect(state)}
            #                                                  ^^^^^^^ warning: waits for

              def handle_info({:tcp_closed, _socket}, state), do: {:noreply, connect(state)}

              def handle_info({:tcp_error, _socket, reason}, state) do
                if reason == :etimedout, do: {:noreply, connect(state)}, else: {:stop, reason, state}
              end

              defp connect(state) do
                {:ok, socket} = :gen_tcp.connect(state.host, 80, [])
            #                   ^^^^^^^^^^^^^^^^ hint: `handle_call/3` waits for a connection
                %{state | socket: socket}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                pool = :poolboy.child_spec(:printers, worker_module: Shop.Printer, size: 4)
                Supervisor.start_link([pool], strategy: :one_for_one)
              end
            end
            # file: lib/shop/printer.ex
            defmodule Shop.Printer do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:print, path}, _from, state) do
                {:reply, System.cmd("lp", [path]), state}
            #            ^^^^^^^^^^ hint: waits for a system command
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Feed do
              use GenServer

              @pause 1_000

              def init(opts), do: {:ok, opts}

              def handle_call(:offers, _from, state), do: {:reply, GenServer.call(state.reader, :all), state}
            #                                                      ^^^^^^^^^^^^^^ information: another process

              def handle_cast(:connect, state) do
                {:ok, reader} = Shop.Reader.start_link(state)
                {:noreply, connect(%{state | reader: reader})}
            #              ^^^^^^^ warning: waits for a connection in `:gen_tcp.connect/3`
              end

              defp connect(state) do
                case :gen_tcp.connect(state.host, 80, []) do
                  {:ok, socket} ->
                    %{state | socket: socket}

                  {:error, _reason} ->
                    Process.sleep(@pause)
            #       ^^^^^^^^^^^^^ hint: waits for a sleep of 1000 ms
                    connect(state)
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Index do
              use GenServer

              def find(word), do: GenServer.call(__MODULE__, {:find, word})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:find, word}, _from, index), do: {:reply, Map.get(index, word), index}

              @impl true
              def handle_info(:rebuild, _index), do: {:noreply, build()}
            #                                                   ^^^^^ hint: waits for the database

              defp build, do: Map.new(Shop.Repo.all(Shop.Word))
            end
            """
        ),
        Example(
            """
            # file: lib/shop/chat.ex
            defmodule Shop.Chat do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:room, name}, _from, state) do
                {:reply, Shop.Chat.Socket.ask(state.socket, {:room, name}), state}
            #            ^^^^^^^^^^^^^^^^^^^^ information: waits for the answer to what it sends
              end

              def handle_call({:offers, shops}, _from, state) do
                {:reply, Shop.Parallel.map(shops, &Shop.Bank.rate/1), state}
            #            ^^^^^^^^^^^^^^^^^ warning: waits for a task in `Task.await/2`
              end
            end
            # file: lib/shop/chat/socket.ex
            defmodule Shop.Chat.Socket do
              def ask(socket, question) do
                ref = make_ref()
                send(socket, {ref, self(), question})

                receive do
                  {^ref, answer} -> answer
                after
                  10_000 -> {:error, :timeout}
                end
              end
            end
            # file: lib/shop/parallel.ex
            defmodule Shop.Parallel do
              def map(items, fun) do
                items
                |> Enum.map(&Task.async(fn -> fun.(&1) end))
                |> Enum.map(&Task.await(&1, 30_000))
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/desk.ex
            defmodule Shop.Desk do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:open, _from, state), do: {:reply, Shop.Door.unlock(state), state}
            #                                                    ^^^^^^^^^^^^^^^^ warning: waits for a sleep
            end
            # file: lib/shop/door.ex
            defmodule Shop.Door do
              def unlock(state) do
                Shop.Bolt.draw(state)
                Process.sleep(500)
            #   ^^^^^^^^^^^^^ hint: `handle_call/3` of `Shop.Desk` waits for a sleep of 500 ms here
                Shop.Handle.turn(state)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Listener do
              defmacro __using__(_opts) do
                quote do
                  use GenServer

                  @impl true
                  def init(opts), do: {:ok, opts}

                  @impl true
                  def handle_info({:DOWN, _ref, :process, _pid, _reason}, state) do
                    Process.sleep(1_000)
            #       ^^^^^^^^^^^^^ hint: of each server that uses `Shop.Listener`
                    {:noreply, state}
                  end

                  @impl true
                  def handle_call(:connect, _from, state), do: {:reply, connect(state), state}

                  defp connect(state) do
                    :timer.sleep(state.delay)
            #       ^^^^^^^^^^^^ hint: `handle_call` of each server
                    Shop.Connection.open(state)
                  end
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/rest.ex
            defmodule Shop.Rest do
              use HTTPoison.Base

              def process_url(path), do: "https://api.shop.example" <> path
            end
            # file: lib/shop/api.ex
            defmodule Shop.Api do
              use GenServer
              alias Shop.Rest

              def init(token), do: {:ok, token}

              def handle_call({:get, path}, _from, token) do
                response = Rest.get!("/" <> path, [{"Authorization", token}])
            #              ^^^^^^^^^ warning: waits for an HTTP answer in `Shop.Rest.get!/2`: every caller of
                {:reply, response.body, token}
              end

              def handle_call({:user, id}, _from, token), do: {:reply, Shop.Users.fetch(id), token}
            #                                                          ^^^^^^^^^^^^^^^^ warning: through `
            end
            # file: lib/shop/users.ex
            defmodule Shop.Users do
              use Tesla

              def fetch(id), do: get("/users/" <> id)
            #                    ^^^ hint: of `Shop.Api` waits for an HTTP answer here
            end
            """
        ),
        Example(
            """
            # file: lib/shop/wire.ex
            defmodule Shop.Wire do
              def open(%{tls: false, host: host}), do: :gen_tcp.connect(host, 7000, [])
            #                                          ^^^^^^^^^^^^^^^^ hint: waits for a connection here
              def open(%{tls: true, host: host}), do: :ssl.connect(host, 7001, [])
            end
            # file: lib/shop/line.ex
            defmodule Shop.Line do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:open, _from, state), do: {:reply, Shop.Wire.open(state), state}
            #                                                    ^^^^^^^^^^^^^^ warning: waits for
            end
            """
        ),
        Example(
            """
            defmodule Shop.Desk do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:say, channel, text}, _from, state) do
                {:reply, Nostrum.Api.Message.create(channel, text), state}
            #            ^^^^^^^^^^^^^^^^^^^^^^^^^^ warning: waits for an HTTP answer
              end

              def handle_call({:ask, prompt}, _from, state) do
                {:reply, OpenAI.chat_completion(model: state.model, messages: [prompt]), state}
            #            ^^^^^^^^^^^^^^^^^^^^^^ warning: waits for an HTTP answer
              end

              def handle_call({:prices, items}, _from, state) do
                {:reply, items |> Task.async_stream(&Shop.Prices.of/1) |> Enum.to_list(), state}
            #                     ^^^^^^^^^^^^^^^^^ information: waits for tasks
              end

              def handle_call(:line, _from, state) do
                {:reply, :gen_tcp.recv(state.socket, 0), state}
            #            ^^^^^^^^^^^^^ information: comes in at a socket
              end

              def handle_call({:join, node}, _from, state) do
                {:reply, Node.connect(node), state}
            #            ^^^^^^^^^^^^ information: another node
              end

              def handle_call({:apply, change}, _from, state) do
                {:reply, :ok, change.(state)}
            #                 ^^^^^^ hint: may take any time
              end

              def handle_call({:sold, item}, _from, state) do
                Enum.each(state.hooks, fn {_name, hook} -> hook.(item) end)
            #                                              ^^^^ hint: may take any time
                {:reply, :ok, state}
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Bell do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:ring, work}, from, state) do
                Task.Supervisor.start_child(Shop.Tasks, fn ->
                  GenServer.reply(from, work.(Nostrum.Api.Message.create(state.channel, "ring")))
                end)

                {:noreply, state}
              end

              def handle_call({:double, number}, _from, state) do
                double = fn value -> value * 2 end
                {:reply, double.(number), state}
              end

              def handle_call(:client, _from, state), do: {:reply, OpenAI.Config.new(state.key), state}
              def handle_call(:nodes, _from, state), do: {:reply, Node.list(), state}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/feed.ex
            defmodule Shop.Feed do
              use GenServer
              use Tesla

              def init(_opts), do: {:ok, %{}}

              def handle_call({:get, key}, _from, state), do: {:reply, get(state, key), state}
              def handle_call({:open, socket}, _from, state), do: {:reply, Shop.Wire.open(socket), state}

              defp get(state, key), do: Map.get(state, key)
            end
            # file: lib/shop/wire.ex
            defmodule Shop.Wire do
              def open(%{socket: nil, host: host}), do: :gen_tcp.connect(host, 7000, [])
              def open(%{socket: socket}), do: {:ok, socket}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Plan do
              defmacro __using__(_opts) do
                quote do
                  use GenServer

                  def wait_a_second, do: Process.sleep(1_000)

                  @impl true
                  def init(opts), do: {:ok, opts}

                  @impl true
                  def handle_info(:short, state) do
                    Process.sleep(10)
                    {:noreply, state}
                  end

                  @impl true
                  def handle_info(:task, state) do
                    Task.Supervisor.start_child(Shop.Tasks, fn -> Process.sleep(1_000) end)
                    {:noreply, state}
                  end
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Agreement do
              use GenServer

              def wait, do: GenServer.call(__MODULE__, :ping, :infinity)

              def init(opts), do: {:ok, opts}

              def handle_info(:renew, _state), do: {:noreply, Req.get!("https://example.org/agreement").body}

              def handle_call(:ping, _from, state), do: {:reply, :pong, state}
            end

            defmodule Shop.Harvest do
              use GenServer

              def wait, do: GenServer.call(__MODULE__, :ready)

              def init(opts), do: {:ok, opts}
              def handle_info(:connect, state), do: {:noreply, [Shop.Collector.connect() | state]}
              def handle_call(:ready, _from, state), do: {:reply, true, state}
            end

            defmodule Shop.Collector do
              def connect, do: Req.get!("https://example.org/collector").body
            end

            defmodule Shop.Sums do
              @moduledoc "Calls itself, of which OTP111 tells."
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def total(server \\\\ __MODULE__), do: GenServer.call(server, :total)

              def init(opts), do: {:ok, opts}
              def handle_call(:total, _from, state), do: {:reply, Enum.sum(state), state}
              def handle_info(:check, state), do: {:noreply, [total() | state]}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/desk.ex
            defmodule Shop.Desk do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:waiting, _from, state) do
                Shop.Mailbox.tell(state.door, :knock)
                {:reply, Shop.Mailbox.drain(), state}
              end

              def handle_call(:count, _from, state), do: {:reply, Shop.Mailbox.count_later(state.door), state}
            end
            # file: lib/shop/mailbox.ex
            defmodule Shop.Mailbox do
              def tell(pid, message), do: send(pid, message)

              def drain do
                receive do
                  {:letter, letter} -> [letter | drain()]
                after
                  0 -> []
                end
              end

              def count_later(pid) do
                Task.Supervisor.start_child(Shop.Tasks, fn ->
                  send(pid, :count)

                  receive do
                    {:count, count} -> Shop.Report.put(count)
                  end
                end)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/api.ex
            defmodule Shop.Api do
              @moduledoc "Waits elsewhere, perhaps, or in nobody's way."
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, :load}}
              def handle_continue(:load, opts), do: {:noreply, Shop.Bank.rates(opts)}
              def handle_call({:cached, id}, _from, state), do: {:reply, Shop.Bank.cached(id), state}
              def handle_call({:named, id}, _from, state), do: {:reply, Shop.Bank.name(id), state}
              def handle_call({:listed, id}, _from, state), do: {:reply, Shop.Bank.list(id), state}

              def handle_call({:rates, id}, from, state) do
                Task.Supervisor.start_child(Shop.Tasks, fn -> GenServer.reply(from, Shop.Bank.rates(id)) end)
                {:noreply, state}
              end
            end

            defmodule Shop.Poller do
              use GenServer

              def init(opts), do: {:ok, opts}
              def handle_info(:poll, state), do: {:noreply, Shop.Bank.rates(state)}
            end
            # file: lib/shop/bank.ex
            defmodule Shop.Bank do
              def rates(url), do: Req.get!(url).body
              def name(id), do: "bank #{id}"
              def list(id), do: Shop.Repo.all(id)

              def cached(url) do
                case :ets.lookup(:rates, url) do
                  [{^url, rates}] -> rates
                  [] -> rates(url)
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Rates do
              @moduledoc "Answers later: nobody waits for the work but who asked for it."
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:quote, id}, from, state) do
                Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->
                  GenServer.reply(from, Req.get!(url(id)))
                end)

                {:noreply, state}
              end

              def handle_call({:wait, id}, from, state) do
                Process.send_after(self(), {:over, from}, 1_000)
                {:noreply, Map.put(state, id, from)}
              end

              def handle_call({:read, path}, _from, state) do
                task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, fn -> System.cmd("cat", [path]) end)
                {:reply, :ok, Map.put(state, task.ref, path)}
              end

              def handle_call({:wrap, id}, _from, state) do
                {:reply, fn -> GenServer.call(id, :ask) end, state}
              end

              def handle_info({:over, from}, state) do
                GenServer.reply(from, :over)
                {:noreply, state}
              end

              defp url(id), do: "https://example.org/" <> id
            end
            """
        ),
        Example(
            """
            defmodule Shop.Repair do
              @moduledoc "A worker that nobody calls."
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, :first}}

              def handle_continue(:first, state), do: {:noreply, repair(state)}
              def handle_info(:again, state), do: {:noreply, repair(state)}
              def handle_cast({:repair, task}, state), do: {:noreply, {Task.await(task), state}}

              defp repair(state) do
                Req.post!("https://example.org", json: state)
                Shop.Repo.update_all(Shop.Order, set: [repaired: true])
                Process.send_after(self(), :again, 60_000)
                state
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Menu do
              @moduledoc "The second half of its start."
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, :load}}

              def handle_continue(:load, _opts) do
                Process.sleep(1_000)
                {:noreply, Req.get!("https://example.org/menu").body}
              end

              def handle_call(:menu, _from, menu), do: {:reply, menu, menu}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Client do
              @moduledoc "Runs in its callers."
              use GenServer

              def init(opts), do: {:ok, opts}

              def get(pid) do
                Process.sleep(500)
                GenServer.call(pid, :get)
              end

              def retry(pid, left) when left > 0 do
                Process.sleep(1_000)
                retry(pid, left - 1)
              end

              def handle_call(:get, _from, state) do
                Process.sleep(10)
                Task.yield(state.task, 0)
                :rpc.call(state.node, Shop.Lock, :open, [], 1_000)
                {:reply, GenServer.call(Shop.Other, :get), state}
              end

              def handle_call(:park, _from, state), do: {:reply, {&Process.sleep/1, state.pause}, state}
            end

            defmodule Shop.Buffer do
              use GenServer

              def init(opts), do: {:ok, struct(__MODULE__, opts)}

              def handle_call({:push, item}, _from, state), do: {:reply, :ok, push(state, item)}

              defp push(pid, item) when is_pid(pid), do: GenServer.call(pid, {:push, item})
              defp push(%__MODULE__{} = state, item), do: %{state | items: [item | state.items]}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Stage do
              use GenStage

              def init(opts), do: {:producer, opts}
              def handle_demand(count, state), do: {:noreply, [Req.get!(state.url <> count)], state}
              def handle_call(:get, _from, state), do: {:reply, Req.get!("https://example.org"), [], state}
            end

            defmodule Shop.Mailing do
              use Oban.Worker

              def perform(job) do
                Process.sleep(2_000)
                Req.post!("https://example.org", json: job.args)
              end
            end

            defmodule Shop.Line do
              @behaviour :gen_statem

              def init(opts), do: {:ok, :connecting, opts}
              def handle_event(:internal, :connect, _, data), do: {:keep_state, :ssl.connect(data, 443)}
              def handle_event({:call, from}, :get, state, _), do: {:keep_state, state, {:reply, from, 1}}
            end

            defmodule Shop.Feed do
              use WebSockex

              def handle_disconnect(_status, state) do
                Process.sleep(10_000)
                {:reconnect, state}
              end
            end

            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def handle_event("rates", _params, socket) do
                {:noreply, start_async(socket, :rates, fn -> Process.sleep(500) end)}
              end
            end
            # file: test/support/slow.ex
            defmodule Shop.Slow do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:slow, _from, state) do
                Process.sleep(5_000)
                {:reply, :ok, state}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Opening do
              @moduledoc "A start in steps, each of which leads to the next one."
              use GenServer

              def init(opts), do: {:ok, opts, {:continue, :unlock}}

              def handle_continue(:unlock, state) do
                case Req.post!("https://example.org/lock").status do
                  200 -> {:noreply, state, {:continue, {:light, :on}}}
                  status -> {:stop, {:lock, status}, state}
                end
              end

              def handle_continue({:light, mode}, state) do
                System.cmd("light", [to_string(mode)])
                {:noreply, state}
              end

              def handle_continue(:close, state), do: {:noreply, state}

              def handle_call(:close, _from, state), do: {:reply, :ok, state, {:continue, :close}}
            end

            defmodule Shop.Session do
              @moduledoc "Nobody is served behind a message that ends the server."
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:state, _from, state), do: {:reply, state, state}

              def handle_call(:close, _from, state) do
                Req.delete!(state.url)
                {:stop, :normal, :ok, state}
              end

              def handle_info({:DOWN, _ref, :process, _pid, reason}, state) do
                case Req.delete(state.url) do
                  {:ok, _} -> {:stop, :normal, state}
                  {:error, _} -> {:stop, reason, state}
                end
              end
            end

            defmodule Shop.Console do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call(:state, _from, state), do: {:reply, state, state}

              def handle_info({:fatal, text}, state) do
                show(text)
                {:noreply, state}
              end

              def handle_info(:restart, state) do
                if state.restarts do
                  Process.sleep(5_000)
                  Shop.Boot.restart()
                  Process.sleep(:infinity)
                end

                {:noreply, state}
              end

              defp show(text) do
                IO.puts(text)
                Process.sleep(2_000)
                System.halt(1)
              end
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Shop.MixProject do
              use Mix.Project
              def project, do: [app: :shop]
            end
            # file: examples/kiosk/mix.exs
            defmodule Kiosk.MixProject do
              use Mix.Project
              def project, do: [app: :kiosk]
            end
            # file: examples/kiosk/lib/kiosk/worker.ex
            defmodule Kiosk.Worker do
              @moduledoc "Stands for slow work, to show what the shop does with it."
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:sell, item}, _from, state) do
                Process.sleep(1_000)
                {:reply, item, state}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for sleep in quoted_sleeps(file.source, module):
                yield self._quoted(file, module, sleep)
            found = kinds(module)
            if found & _WORK_IS_WAITING:
                continue
            if found & _JUDGED:
                yield from self._in_server(file, module)
            elif found & WEB_PROCESSES:
                yield from self._in_view(file, module)

    def _in_server(self, file: FileView, module: Module) -> Iterator[Finding]:
        graph = call_graph(module)
        seen: set[Span] = set()
        for callback in callbacks(module):
            if callback.id in _NOT_JUDGED:
                continue
            reached: set[tuple[Span | None, Span]] = set()
            for wait in callback_waits(graph, callback):
                severity = _severity(file, module, wait)
                span = _place(wait)
                if severity is None or span in seen or _is_self_call(graph, wait):
                    continue
                # Calls are mended clause by clause; what several other messages lead to is one wait.
                place = wait.clause.span if callback.id == "handle_call/3" else None
                if (place, wait.found.call.head) not in reached:
                    yield self._finding(file, module, wait, severity)
                seen.add(span)
                reached.add((place, wait.found.call.head))
            for wait in far_waits(file.source, graph, callback):
                severity, place = _severity(file, module, wait), wait.found.call.head
                if severity is not None and place not in seen:
                    seen.add(place)
                    yield self._finding(file, module, wait, Severity.HINT, far=True)
            if callback.id == "handle_call/3":
                yield from self._unknown_functions(file, module, callback)

    def _quoted(self, file: FileView, module: Module, sleep: QuotedCall) -> Finding:
        return self.report(
            file.facts.path,
            sleep.head,
            f"`{sleep.callback}` of each server that uses `{module.name}` sleeps here and takes no other "
            "message meanwhile; `Process.send_after/3` would let it",
            snippet=syntax.text(sleep.node),
            scope=scope_of(module, sleep.macro),
            severity=Severity.HINT,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
        )

    def _in_view(self, file: FileView, module: Module) -> Iterator[Finding]:
        seen: set[Span] = set()
        for callback in callbacks(module):
            for wait in callback_waits(call_graph(module), callback):
                if wait.found.wait.kind == "sleep" and wait.found.wait.certain and _place(wait) not in seen:
                    seen.add(_place(wait))
                    slowed = callback.id == "join/3" or says_slowed_down(file.source, _place(wait).start)
                    yield self._finding(file, module, wait, Severity.HINT if slowed else Severity.WARNING)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """Who has a worker of a pool to himself keeps nobody else waiting."""
        if finding.severity is Severity.HINT:
            return finding
        around = [
            module
            for module in project.files[finding.path].facts.modules
            if module.span.contains(finding.span)
        ]
        pooled = bool(around) and _is_pooled(project, max(around, key=lambda module: module.span.start))
        return structs.replace(finding, severity=Severity.HINT) if pooled else finding

    def check_project(self, project: Project) -> Iterable[Finding]:
        shown_there: set[tuple[str, Span]] = set()
        for wait in waits_elsewhere(project):
            kind = kinds(wait.module)
            if kind & _WORK_IS_WAITING or not kind & _JUDGED or wait.callback.id in _NOT_JUDGED:
                continue
            if _is_unheard(project, wait):
                continue
            shown = (found.span for found in project.files[wait.path].findings if found.code == self.code)
            if wait.call.head not in shown:
                yield self._elsewhere(wait, pooled=_is_pooled(project, wait.module))
            place = (wait.far.path, wait.far.call.head)
            is_apart = wait.far.call is not wait.call
            if is_apart and wait.far.wait.kind in OUTSIDE and place not in shown_there:
                shown_there.add(place)
                yield from self._there(project, wait)

    def _there(self, project: Project, wait: WaitElsewhere) -> Iterator[Finding]:
        """The wait itself, for who works on the other module."""
        far = wait.far
        site = site_at(project.all_facts(far.path), far.call.head)
        if site is not None:
            yield self.report(
                far.path,
                far.call.head,
                f"`{wait.callback.id}` of `{wait.module.name}` waits for {far.wait.words} here: every caller "
                "of that server waits too",
                snippet=far.call.target,
                scope=site.scope,
                severity=Severity.HINT,
                confidence=Confidence.STRONG,
                fix=FixKind.LLM,
                related=(Related(wait.path, wait.call.head, f"`{wait.callback.id}` comes to it from here"),),
            )

    def _elsewhere(self, wait: WaitElsewhere, *, pooled: bool) -> Finding:
        far, itself = wait.far, wait.far.call is wait.call
        behind = "" if itself else f", reached through `{wait.out.target}`"
        there = Related(far.path, far.call.head, f"waits for {far.wait.words} here")
        severity = Severity.INFORMATION if far.wait.kind == "process" else Severity.WARNING
        return self.report(
            wait.path,
            wait.call.head,
            f"`{wait.callback.id}` waits for {far.wait.words} in `{far.call.target}`{behind}: "
            f"every caller of `{wait.module.name}` waits too",
            snippet=wait.call.target,
            scope=scope_of(wait.module, wait.callback),
            severity=Severity.HINT if pooled else severity,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=() if itself else (there,),
        )

    def _unknown_functions(self, file: FileView, module: Module, callback: Function) -> Iterator[Finding]:
        for clause in callback.clauses:
            places = [(span, Severity.INFORMATION) for span in called_fields(file.source, clause)]
            places += [(span, Severity.HINT) for span in called_from_message(file.source, clause)]
            for span, severity in places:
                function = file.source.text(span)
                yield self.report(
                    file.facts.path,
                    span,
                    f"`{callback.id}` calls `{function}`, which may take any time: every caller of "
                    f"`{module.name}` waits for it",
                    snippet=function,
                    scope=scope_of(module, callback),
                    severity=severity,
                    confidence=Confidence.HEURISTIC,
                    fix=FixKind.LLM,
                )

    def _finding(
        self,
        file: FileView,
        module: Module,
        wait: CallbackWait,
        severity: Severity,
        *,
        far: bool = False,
    ) -> Finding:
        """`far`: at the call that waits, wherever that is."""
        found = wait.found
        span = found.call.head if far else _place(wait)
        at_wait = span == found.call.head
        behind = "" if at_wait else f", reached through `{wait.call.target}`"
        related: tuple[Related, ...] = ()
        if not wait.direct:
            other = Related(file.facts.path, wait.call.head, f"`{wait.callback.id}` comes to it from here")
            there = Related(file.facts.path, found.call.head, f"waits for {found.wait.words} here")
            related = (other if at_wait else there,)
        return self.report(
            file.facts.path,
            span,
            f"`{wait.callback.id}` waits for {found.wait.words} in `{found.call.target}`{behind}: "
            f"{_consequence(file, module, wait)}",
            snippet=file.source.text(found.call.span if at_wait else wait.call.span),
            scope=scope_of(module, found.function if at_wait else wait.callback),
            severity=severity,
            confidence=Confidence.EXACT if wait.direct else Confidence.STRONG,
            related=related,
            fix=FixKind.LLM if far else _fix(file, module, wait),
        )


def _fix(file: FileView, module: Module, wait: CallbackWait) -> FixKind:
    """Unsafe where another process can give the answer; to take out a mere sleep needs judgement."""
    if wait.found.wait.kind == "sleep" or "GenServer" not in kinds(module):
        return FixKind.LLM
    reply = plain_reply(file.source, file.facts, call_graph(module), wait.callback, wait.clause)
    return FixKind.LLM if reply is None else FixKind.UNSAFE


def _place(wait: CallbackWait) -> Span:
    """A sleep is to be replaced where it stands; anything else is moved out of the callback."""
    return wait.found.call.head if wait.found.wait.kind == "sleep" else wait.call.head


def _severity(file: FileView, module: Module, wait: CallbackWait) -> Severity | None:
    found = wait.found.wait
    if ends_server(file.source, wait.clause):
        return None
    waiting = audience(file.source, module, wait.callback, wait.clause)
    if waiting == "nobody":
        is_long_sleep = found.kind == "sleep" and found.certain and "GenServer" in kinds(module)
        is_start = ends_start(file.source, module, wait.callback, wait.clause)
        return Severity.HINT if is_long_sleep and not is_start else None
    if found.kind == "query":
        return Severity.HINT
    if found.kind == "process" and wait.found.call.guarded_by_rescue:
        return Severity.HINT
    if found.kind == "process" and _is_own_child(module, wait.found.call):
        return Severity.INFORMATION
    return Severity.WARNING if found.certain else Severity.INFORMATION


def _is_unheard(project: Project, wait: WaitElsewhere) -> bool:
    """All calls of the server ask for nothing but that it be ready again."""
    source = Source(wait.path, project.read(wait.path))
    is_old = project.files[wait.path].carried_over
    return not is_old and audience(source, wait.module, wait.callback, wait.clause) == "nobody"


def _is_pooled(project: Project, module: Module) -> bool:
    """A file that names it turns to poolboy, which lends each worker to one process at a time."""
    return any(
        site.call.module == ":poolboy"
        for facts in project.naming(module.name, holding=("poolboy",), in_application=True)
        for other in facts.modules
        for site in sites(other)
    )


def _is_self_call(graph: CallGraph, wait: CallbackWait) -> bool:
    """It is the server itself that is called; OTP111 says so."""
    if wait.found.wait.kind != "process":
        return False
    places = {wait.call.head, wait.found.call.head}
    return any(not places.isdisjoint((own.call.head, own.site.call.head)) for own in self_calls(graph))


def _is_own_child(module: Module, call: Call) -> bool:
    """The process has the name of one that this server starts and is linked to: they wait for each other."""
    server = call.args[0].value.rpartition(".")[2]
    return any(
        site.call.name == "start_link" and server in kept_variables(site.call) for site in sites(module)
    )


def _consequence(file: FileView, module: Module, wait: CallbackWait) -> str:
    if kinds(module) & WEB_PROCESSES:
        return "the user's page answers nothing meanwhile; `Process.send_after/3` would let it"
    if audience(file.source, module, wait.callback, wait.clause) == "nobody":
        return "it takes no other message meanwhile; `Process.send_after/3` would let it"
    return f"every caller of `{module.name}` waits too"
