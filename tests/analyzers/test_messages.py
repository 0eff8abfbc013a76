"""Messages: which shapes fit which heads, what a module takes and sends, and whom its clients ask."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.messages.client_api import client_api
from otp_genesis_analyzers.facts.messages.shapes import has_shape_of, may_match, sent, taken
from otp_genesis_analyzers.facts.processes.registered_names import registered_names
from otp_genesis_analyzers.terms import Term
from tests.analyzers.reading import module_in


def head_and_message(pattern: str, message: str) -> tuple[Term, Term]:
    module = module_in(f"defmodule A do\ndef handle_info({pattern}, s), do: send(s, {message})\nend")
    (received,), (given,) = taken(module), sent(module)
    return received.pattern, given.message


FITS = [
    (":stop", ":stop"),
    ("message", "{:add, 1}"),
    ("{:add, item}", "{:add, 1}"),
    ("{:add, item} = message", "{:add, 1}"),
    ("{:add, %{id: id}}", "{:add, %{id: 1, name: 2}}"),
    ("{:add, %{id: id}}", "{:add, %Item{id: 1}}"),
    ("{:add, %{id: id}}", "{:add, item}"),
    ("{:add, [first | rest]}", "{:add, [1, 2, 3]}"),
    ("{^ref, answer}", "{ref, 1}"),
    ('"add" <> rest', '"add 1"'),
    ("{:add, 1}", "{:add, count()}"),
]
MISFITS = [
    (":stop", ":go"),
    ("{:add, item}", ":add"),
    ("{:add, item}", "{:add, 1, 2}"),
    ("{:add, item}", "{:remove, 1}"),
    ("{:add, 1}", "{:add, 2}"),
    ("{:add, %Item{}}", "{:add, %Other{}}"),
    ("{:add, %{kind: :a}}", "{:add, %{kind: :b}}"),
    ("{:add, [a, b]}", "{:add, [1]}"),
    ("{:add, {:ok, a}}", "{:add, {:error, 1}}"),
    ("{:add, item} = {_, 1}", "{:add, 2}"),
]


@pytest.mark.parametrize(("pattern", "message"), FITS)
def test_fits(pattern: str, message: str) -> None:
    assert may_match(*head_and_message(pattern, message))


@pytest.mark.parametrize(("pattern", "message"), MISFITS)
def test_does_not_fit(pattern: str, message: str) -> None:
    assert not may_match(*head_and_message(pattern, message))


def test_a_clause_for_everything_is_written_for_no_shape() -> None:
    assert has_shape_of(*head_and_message("{:add, item}", "{:add, 1}"))
    assert has_shape_of(*head_and_message(":stop", ":stop"))
    assert not has_shape_of(*head_and_message("message", "{:add, 1}"))
    assert not has_shape_of(*head_and_message("{tag, item}", "{:add, 1}"))


def test_taken_by_servers_and_state_machines() -> None:
    module = module_in(
        """
        defmodule A do
          def handle_call({:get, key}, _from, state), do: {:reply, key, state}
          def handle_cast(:clear, state), do: {:noreply, state}
          def handle_info(:tick, state), do: {:noreply, state}
          def handle_continue(:load, state), do: {:noreply, state}
          def handle_event({:call, from}, :read, _state, data), do: {:keep_state, data, [{:reply, from, 1}]}
          def open(:info, :close, data), do: {:next_state, :closed, data}
          def open(:internal, :ignored, data), do: {:keep_state, data}
          defp handle_info(:private, state, _), do: state
        end
        """
    )
    assert [(message.way, message.pattern.tag) for message in taken(module)] == [
        ("call", "get"),
        ("cast", "clear"),
        ("info", "tick"),
        ("continue", "load"),
        ("call", "read"),
        ("info", "close"),
    ]


def test_sent_in_every_way() -> None:
    module = module_in(
        """
        defmodule A do
          def run(pid) do
            GenServer.call(pid, :a)
            pid |> GenServer.cast(:b)
            send(pid, :c)
            Process.send(pid, :d, [])
            Process.send_after(pid, :e, 10)
            :gen_server.call(pid, :f)
            Enum.each([pid], &send(&1, :g))
            &GenServer.call/2
          end
        end
        """
    )
    found = [(message.way, message.message.value) for message in sent(module)]
    ways = ["call", "cast", "info", "info", "info", "call", "info"]
    assert found == list(zip(ways, "abcdefg", strict=True))


def test_client_functions_and_whom_they_ask() -> None:
    module = module_in(
        """
        defmodule Shop.Cart do
          use GenServer
          @store :store

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :cart)
          def get(key), do: GenServer.call(:cart, {:get, key})
          def get(pid, key), do: GenServer.call(pid, {:get, key})
          def add(item), do: tell({:add, item})
          def wake, do: send(Process.whereis(:cart), :wake)
          def far(node), do: GenServer.cast({:cart, node}, :far)
          def of(id), do: GenServer.call({:via, Registry, {Shop.Carts, id}}, :all)
          def store(item), do: GenServer.call(@store, {:put, item})
          def mail(item), do: GenServer.cast(Shop.Mailer, {:mail, item})
          def later(item), do: Task.start(fn -> GenServer.call(:cart, item) end)
          def plain(item), do: item
          defp tell(message), do: GenServer.cast(:cart, message)

          def init(opts), do: {:ok, opts}
          def handle_info(:wake, state), do: {:noreply, GenServer.call(Shop.Mailer, :wake) || state}
        end
        """
    )
    asked = {
        name: [(request.way, request.server, request.message.tag) for request in requests]
        for name, requests in client_api(call_graph(module)).items()
    }
    assert asked == {
        "get/1": [("call", "Shop.Cart", "get")],
        "get/2": [("call", "Shop.Cart", "get")],
        "add/1": [("cast", "Shop.Cart", None)],
        "wake/0": [("info", "Shop.Cart", "wake")],
        "far/1": [("cast", "Shop.Cart", "far")],
        "of/1": [("call", "Shop.Cart", "all")],
        "store/1": [("call", ":store", "put")],
        "mail/1": [("cast", "Shop.Mailer", "mail")],
    }


def test_registered_names() -> None:
    module = module_in(
        """
        defmodule A do
          use GenServer
          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
          def start_named(name), do: GenServer.start_link(__MODULE__, [], name: name)
          def start_child(name), do: Supervisor.start_link([], strategy: :one_for_one, name: A.Supervisor)

          def init(opts) do
            Process.register(self(), :also_a)
            {:ok, opts}
          end
        end
        """
    )
    assert registered_names(module) == (Term("module", "A"), Term("atom", "also_a"))
