"""A small shop: a process that nobody supervises, and an application that could."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.example_project import DEFAULT_APPLICATION, DEFAULT_MIX

MAILER, APPLICATION = "lib/shop/mailer.ex", "lib/shop/application.ex"

MAILER_TEXT = """\
defmodule Shop.Mailer do
  def notify(user) do
    spawn(fn -> deliver(user) end)
    :ok
  end

  def deliver(user), do: IO.puts("to " <> user)
end
"""

# A process that keeps its state to itself, is in no tree, and is called from elsewhere.
CART = "lib/shop/cart.ex"
CART_TEXT = """\
defmodule Shop.Cart do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def total, do: GenServer.call(__MODULE__, :total)

  @impl true
  def init(opts), do: {:ok, opts}

  @impl true
  def handle_call(:total, _from, cart), do: {:reply, length(cart), cart}
end
"""
TILL_TEXT = "defmodule Shop.Till do\n  def total, do: Shop.Cart.total()\nend\n"

SHOP: Mapping[str, str] = {
    "mix.exs": DEFAULT_MIX,
    APPLICATION: DEFAULT_APPLICATION,
    MAILER: MAILER_TEXT,
}


def write_shop(root: Path, files: Mapping[str, str | bytes] | None = None) -> Path:
    """The shop below `root`, with other files in it or instead of its own; gives the root."""
    for path, content in {**SHOP, **(files or {})}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root
