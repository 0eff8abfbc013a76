"""Edits of a model belong exactly where they say, or nowhere."""

from __future__ import annotations

from textwrap import dedent

import pytest

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.llm.mending.anchors import with_function_replaced, with_text_replaced

CART = dedent(
    """
    defmodule Shop.Cart do
      @moduledoc "A cart."

      @doc "Puts it in."
      @spec put(map, atom) :: map
      def put(cart, sku), do: Map.put(cart, sku, 1)

      # Takes it out.
      def take(cart, nil), do: cart
      def take(cart, sku) do
        Map.delete(cart, sku)
      end

      defmodule Line do
        def new(sku), do: {sku, 1}
      end

      def put(cart, sku, count), do: Map.put(cart, sku, count)
    end
    """
).lstrip()


def replaced(function: str, new: str, text: str = CART) -> str:
    content = with_function_replaced("lib/cart.ex", text.encode(), function, dedent(new))
    assert not isinstance(content, Refused), content.reason
    return content.decode()


def refused(function: str, text: str = CART) -> str:
    content = with_function_replaced("lib/cart.ex", text.encode(), function, "def x, do: 1")
    assert isinstance(content, Refused)
    return content.reason


def test_a_function_is_replaced_and_keeps_what_stands_above_it() -> None:
    after = replaced("Shop.Cart.put/2", "def put(cart, sku) do\n  Map.put(cart, sku, 2)\nend\n")
    assert after == CART.replace(
        "  def put(cart, sku), do: Map.put(cart, sku, 1)\n",
        "  def put(cart, sku) do\n    Map.put(cart, sku, 2)\n  end\n",
    )


def test_all_clauses_are_replaced() -> None:
    after = replaced("Shop.Cart.take/2", "      def take(cart, sku), do: Map.delete(cart, sku)")
    assert "  # Takes it out.\n  def take(cart, sku), do: Map.delete(cart, sku)\n\n  defmodule" in after
    assert after.count("def take") == 1


def test_what_brings_its_own_attributes_takes_the_place_of_those_above() -> None:
    after = replaced("Shop.Cart.put/2", '@doc "New."\ndef put(cart, sku), do: {cart, sku}')
    assert '  @doc "New."\n  def put(cart, sku), do: {cart, sku}\n' in after
    assert "@spec" not in after


def test_nothing_in_its_place_removes_it() -> None:
    after = replaced("Shop.Cart.put/2", "")
    assert after.startswith('defmodule Shop.Cart do\n  @moduledoc "A cart."\n\n  # Takes it out.\n')


def test_functions_of_nested_modules_and_other_arities_are_told_apart() -> None:
    assert "def new(sku), do: sku" in replaced("Shop.Cart.Line.new/1", "def new(sku), do: sku")
    assert replaced("Shop.Cart.put/3", "def put(a, b, c), do: {a, b, c}").count("Map.put(cart, sku, 1)") == 1


def test_line_ends_and_byte_order_mark_stay() -> None:
    text = "\N{ZERO WIDTH NO-BREAK SPACE}" + CART.replace("\n", "\r\n")
    after = replaced("Shop.Cart.put/2", "def put(cart, sku) do\n  cart\nend", text)
    assert "def put(cart, sku) do\r\n    cart\r\n  end\r\n" in after
    assert "\n" not in after.replace("\r\n", "")
    content = with_text_replaced("a.ex", b"a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\nz\n")
    assert content == b"x\r\ny\r\nz\r\nc\r\n"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("Shop.Cart.fetch/1", "Shop.Cart has no fetch/1 in lib/cart.ex; it has put/2, take/2, put/3"),
        ("Shop.Basket.put/2", "it holds Shop.Cart, Shop.Cart.Line"),
        ("put/2", "name it as Module.function/arity"),
        ("Shop.Cart.put", "name it as Module.function/arity"),
        ("", "name it as Module.function/arity"),
    ],
)
def test_a_function_that_is_not_there_is_refused(function: str, reason: str) -> None:
    assert reason in refused(function)


def test_clauses_with_others_between_them_are_refused() -> None:
    text = "defmodule A do\n  def a(1), do: 1\n  def b, do: 2\n  def a(2), do: 2\nend\n"
    assert "b/0 stands between the clauses of a/1" in refused("A.a/1", text)


def test_a_text_that_stands_once_is_replaced() -> None:
    content = with_text_replaced("lib/cart.ex", CART.encode(), "{sku, 1}", "{sku, 2}")
    assert content == CART.replace("{sku, 1}", "{sku, 2}").encode()


@pytest.mark.parametrize(
    ("old", "reason"),
    [
        ("cart, sku", "stands 6 times in lib/cart.ex, in lines 6, 6, 10, 11, 18, 18"),
        (
            "  def put(cart, sku), do: Map.put(cart, sku, 2)\n",
            "begins at line 6:\n  def put(cart, sku), do: Map",
        ),
        ("Map.delete(cart,  sku)", "begins at line 11:\n    Map.delete(cart, sku)"),
        (" \n", "an empty text stands nowhere"),
    ],
)
def test_any_other_text_is_refused_with_what_comes_nearest(old: str, reason: str) -> None:
    content = with_text_replaced("lib/cart.ex", CART.encode(), old, "x")
    assert isinstance(content, Refused)
    assert reason in content.reason
