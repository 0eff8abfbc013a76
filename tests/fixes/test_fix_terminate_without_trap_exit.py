"""OTP203: where a link makes messages of the exits that are trapped, clauses take them."""

from __future__ import annotations

import pytest

from tests.fixes.one_finding import check_becomes

SERVER = """
# file: lib/shop/a.ex
defmodule Shop.A do
  use GenServer

  def init(opts) do
    {{:ok, opts}}
  end

  def handle_call(:go, _from, opts), do: {{:reply, {call}, opts}}
  def handle_info(:tick, opts), do: {{:noreply, opts}}
  def terminate(_reason, opts), do: File.write!("opts", inspect(opts))
end
# file: lib/shop/conn.ex
defmodule Shop.Conn do
  def open(opts), do: connect(opts)
  defp connect(opts), do: GenServer.start_link(Shop.Wire, opts)
end
"""
LINKS = {
    "a command": 'System.cmd("true", [])',
    "a port": 'Port.open({:spawn, "true"}, [])',
    "another module": "Shop.Conn.open(opts)",
}


@pytest.mark.parametrize("name", LINKS)
def test_what_the_server_is_linked_to_does_not_surprise_it(name: str) -> None:
    check_becomes(
        "OTP203",
        SERVER.format(call=LINKS[name]),
        "Process.flag(:trap_exit, true)",
        "def handle_info({:EXIT, _pid, :normal}, state), do: {:noreply, state}",
        "def handle_info({:EXIT, _pid, reason}, state), do: {:stop, reason, state}",
        "def handle_info(:tick, opts)",
    )
