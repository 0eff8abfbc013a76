"""What the text says of calls is said of every call that is read."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.calls_in_text import may_call
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.source import Source

CALLS = {
    "by its name": "def go(id), do: Shop.Cart.empty(id)",
    "by the last part of it": "alias Shop.Cart\n  def go(id), do: Cart.empty(id)",
    "among others": "alias Shop.{Order, Cart}\n  def go(id), do: Cart.empty(id)",
    "by a new name": "alias Shop.Cart, as: Basket\n  def go(id), do: Basket.empty(id)",
    "by an attribute": "@cart Shop.Cart\n  def go(id), do: @cart.empty(id)",
    "imported": "import Shop.Cart, only: [empty: 1]\n  def go(id), do: empty(id)",
    "imported and piped into": "import Shop.Cart, only: [empty: 1]\n  def go(id), do: id |> empty",
    "as a value": "def go(ids), do: Enum.each(ids, &Shop.Cart.empty/1)",
    "applied": "def go(id), do: apply(Shop.Cart, :empty, [id])",
    "captured": "def go, do: Function.capture(Shop.Cart, :empty, 1)",
    "delegated": "defdelegate empty(id), to: Shop.Cart",
    "delegated on a line of its own": "defdelegate empty(id),\n    to: Shop.Cart",
    "delegated by another name": "defdelegate clear(id), to: Shop.Cart, as: :empty",
}

NO_CALLS = {
    "another function": "def go(id), do: Shop.Cart.empty_all(id)",
    "a type": "@spec go(Shop.Cart.t()) :: :ok\n  def go(cart), do: empty(cart)",
    "a struct": "def go(%Shop.Cart{} = cart), do: {:empty, cart}",
    "another module": "alias Shop.Cart\n  def go(%Cart{} = cart), do: Order.empty(cart)",
    "a new name and no call": "alias Shop.Cart, as: Basket\n  def go(%Basket{} = empty), do: empty",
}


def text(body: str) -> bytes:
    return f"defmodule Shop.Orders do\n  {body}\nend\n".encode()


@pytest.mark.parametrize("body", CALLS.values(), ids=CALLS)
def test_a_call_that_is_read_is_in_the_text(body: str) -> None:
    (module,) = read_facts(Source("lib/orders.ex", text(body))).modules
    calls = [call for function in module.functions for clause in function.clauses for call in clause.calls]
    assert any((call.module, call.name) == ("Shop.Cart", "empty") for call in calls)
    assert may_call(text(body), "Shop.Cart", ["empty", "fill"])


@pytest.mark.parametrize("body", NO_CALLS.values(), ids=NO_CALLS)
def test_a_text_without_a_call(body: str) -> None:
    assert not may_call(text(body), "Shop.Cart", ["empty"])


def test_whoever_asks_for_no_function_asks_for_all() -> None:
    assert may_call(text("def go, do: :ok"), "Shop.Cart", ())
