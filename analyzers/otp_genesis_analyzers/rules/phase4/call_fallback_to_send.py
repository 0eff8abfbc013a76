from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import ends_of
from otp_genesis_analyzers.facts.calls.guarded import Handler
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.messages.fallbacks import Fallback, fallbacks
from otp_genesis_analyzers.findings import Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class CallFallbackToSend(Rule):
    """When a call fails, its message is sent once more without waiting, and success is reported.

    ## What it does
    Reports a `send` or `GenServer.cast` in a handler of the failure of a `GenServer.call`, when it goes to
    the same server with the same message. It is **information** where the handler says in its value that the
    call failed, and where it only takes `{:noproc, _}`, and where
    only a part of the message is sent again, or the message within another one.

    ## Why it matters on the BEAM
    A timeout of `GenServer.call/3` ends the waiting, not the request: it lies in the mailbox and is carried
    out when its turn comes. The fallback puts it there a second time, so an order is placed twice just when
    the server is slow. And where the server is gone nobody takes the message: `send/2` and `GenServer.cast/2`
    succeed all the same, and the caller is told that all is well.

    ## When it is legitimate
    When the message in the handler is another one (a cancellation, a report), when it goes to another
    process, when a `call` to oneself (`{:calling_self, _}`) becomes a message to oneself. None of these is
    reported.

    ## Use instead
    ```elixir
    try do
      GenServer.call(pid, message, 500)
    catch
      :exit, {:timeout, _} -> {:error, :timeout}
      :exit, {:noproc, _} -> {:error, :down}
    end
    ```

    ## Fix safety
    Unsafe: the handler gives `{:error, reason}` instead of sending again, so callers see failures that were
    hidden from them. Offered for a handler `:exit, _` that does nothing else but log.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#call/3
    - https://hexdocs.pm/elixir/GenServer.html#cast/2
    - `tests/beam/a_call_that_timed_out_is_still_served.exs`
    """

    code = "OTP402"
    name = "call-fallback-to-send"
    severity = Severity.WARNING
    anchors = ("call catch", "call rescue")
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Orders do
              def place(pid, order) do
                try do
                  GenServer.call(pid, {:place, order}, 500)
                catch
                  :exit, _ ->
                    send(pid, {:place, order})
            #       ^^^^ warning: `GenServer.call` may still be served
                    {:ok, :sent}
                end
              end
            end
            """,
            fixed="""
            defmodule Shop.Orders do
              def place(pid, order) do
                try do
                  GenServer.call(pid, {:place, order}, 500)
                catch
                  :exit, reason ->
                    {:error, reason}
                end
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Mailer do
              use GenServer
              require Logger

              def deliver(mail) do
                GenServer.call(__MODULE__, {:deliver, mail})
              catch
                :exit, reason ->
                  Logger.warning("mailer: #{inspect(reason)}")
                  GenServer.cast(__MODULE__, {:deliver, mail})
            #     ^^^^^^^^^^^^^^ warning: the same message
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:deliver, mail}, _from, state), do: {:reply, :ok, [mail | state]}

              @impl true
              def handle_cast({:deliver, mail}, state), do: {:noreply, [mail | state]}
            end
            """,
            fixed="""
            defmodule Shop.Mailer do
              use GenServer
              require Logger

              def deliver(mail) do
                GenServer.call(__MODULE__, {:deliver, mail})
              catch
                :exit, reason ->
                  Logger.warning("mailer: #{inspect(reason)}")
                  {:error, reason}
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:deliver, mail}, _from, state), do: {:reply, :ok, [mail | state]}

              @impl true
              def handle_cast({:deliver, mail}, state), do: {:noreply, [mail | state]}
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Router do
              alias GenServer, as: Server

              def route(worker, message) do
                message |> then(&Server.call(worker, &1))
              end

              def hand_over(worker, message) do
                try do
                  case Server.call(worker, message) do
                    :ok -> :ok
                    {:error, _} -> {:error, :refused}
                  end
                catch
                  kind, reason when kind in [:exit, :error] ->
                    worker |> send(message)
            #                 ^^^^ warning
                    :ok
                after
                  :telemetry.execute([:shop, :routed], %{})
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Stock do
              def reserve(pid, item) do
                GenServer.call(pid, {:reserve, item})
              catch
                :exit, {:noproc, _} ->
                  Process.send(pid, {:reserve, item}, [])
            #     ^^^^^^^^^^^^ information: nobody is there to take it
                :exit, {:timeout, _} ->
                  GenServer.cast(pid, {:reserve, item})
            #     ^^^^^^^^^^^^^^ information
                  {:error, :timeout}
              end

              def tell(pid, news) do
                GenServer.call(pid, {:tell, news})
              catch
                :exit, _ -> send(pid, news)
            #               ^^^^ information
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Orders do
              def place(pid, order) do
                GenServer.call(pid, {:place, order}, 500)
              catch
                :exit, {:timeout, _} -> {:error, :timeout}
                :exit, {:noproc, _} -> {:error, :down}
              end

              def place_or_cancel(pid, order) do
                GenServer.call(pid, {:place, order})
              catch
                :exit, reason ->
                  GenServer.cast(pid, {:cancel, order})
                  {:error, reason}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Ask do
              def elsewhere(pid, spare, question) do
                GenServer.call(pid, question)
              catch
                :exit, _ -> GenServer.cast(spare, question)
              end

              def again(pid, question) do
                GenServer.call(pid, question, 500)
              catch
                :exit, {:noproc, _} -> GenServer.call(start(), question)
              end

              def tell(owner, pid, question) do
                GenServer.call(pid, question)
              catch
                :exit, reason ->
                  send(owner, {:failed, question, reason})
                  :error
              end

              defp start, do: Shop.Server.start()
            end
            """
        ),
        Example(
            """
            defmodule Shop.Both do
              def both(pid, message) do
                GenServer.call(pid, message)
                send(pid, message)
              end

              def either(pid, message, :later), do: GenServer.cast(pid, message)
              def either(pid, message, :now), do: GenServer.call(pid, message)

              def to_myself(pid, message) do
                GenServer.call(pid, message)
              catch
                :exit, {:calling_self, _} -> send(pid, message)
              end

              def in_the_end(pid) do
                GenServer.call(pid, :count)
              catch
                :exit, _ -> 0
              after
                GenServer.cast(pid, :count)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Made do
              def now(pid) do
                GenServer.call(pid, fn -> 1 end)
              catch
                :exit, _ -> GenServer.cast(pid, fn -> 2 end)
              end

              def cast_first(pid, message) do
                GenServer.cast(pid, message)
              catch
                :exit, _ -> send(pid, message)
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/orders_test.exs
            defmodule Shop.OrdersTest do
              use ExUnit.Case

              test "both ways" do
                pid = self()

                try do
                  GenServer.call(pid, :go, 1)
                catch
                  :exit, _ -> send(pid, :go)
                end
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for fallback in fallbacks(file.source, module):
                yield self._finding(file, fallback)

    def _finding(self, file: FileView, fallback: Fallback) -> Finding:
        site, call = fallback.again.site, fallback.call.site.call
        again = file.source.text(site.call.head)
        first = file.source.text(call.head)
        only_gone = fallback.told_reason == "noproc"
        message = f"`{again}` sends the same message when `{first}` fails: after a timeout "
        message += f"`{first}` may still be served, and what it asks for is done twice"
        if only_gone:
            message = (
                f"`{again}` sends the message again when no server was found: nobody is there to take it"
            )
        mild = only_gone or not fallback.is_whole or _says_error(fallback.handler)
        return self.report(
            file.facts.path,
            site.call.head,
            message,
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=Severity.INFORMATION if mild else Severity.WARNING,
            fix=FixKind.LLM if mild or not fallback.handler.takes_every_exit_alone else FixKind.UNSAFE,
            related=(Related(file.facts.path, call.head, "the call that may have failed"),),
        )


def _says_error(handler: Handler) -> bool:
    ends = list(ends_of(list(handler.body)))
    return bool(ends) and all(_is_error(end) for end in ends)


def _is_error(node: Node) -> bool:
    parts = syntax.children(node) if node.type == "tuple" else [node]
    return bool(parts) and syntax.text(parts[0]) in (":error", "false", "nil")
