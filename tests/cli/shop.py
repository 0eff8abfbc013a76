"""Code for the tests of `check`, and the verb that asks for what is found in it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command_line import Ran, run
from tests.cli.report import Report, report

# What a callback spawns is a warning, elsewhere it is a note.
WARNING = """\
defmodule Shop.Orders do
  use GenServer

  def init(orders), do: {:ok, orders}

  def handle_cast({:ship, order}, orders) do
    spawn(fn -> Shop.Warehouse.ship(order) end)
    {:noreply, orders}
  end

  def ship(order), do: GenServer.cast(__MODULE__, {:ship, order})
end
"""
NOTE = "defmodule Shop.Mail do\n  def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)\nend\n"
QUIET = "defmodule Shop.Price do\n  def sum(items), do: Enum.sum(items)\nend\n"


def check_json(*arguments: str | Path, at: Path, stdin: bytes = b"") -> tuple[Report, Ran]:
    ran = run("check", "--format", "json", *arguments, at=at, stdin=stdin)
    return report(ran.out), ran


def paths_in(result: Report) -> list[str]:
    return [finding.path for finding in result.findings]


def one_line(ran: Ran) -> str:
    [line] = ran.err.splitlines()
    return line
