"""Who names a module is known without reading anything."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.name_index import is_name, name_index, names_in

FILES = {
    "a.ex": b"defmodule Shop.Cart do\n  def get(cart), do: {:ok, Shop.Store.get(cart)}\nend\n",
    "b.ex": b"",
    "c.ex": b"# Cart is better than the Cart\nx = :cart; :ready?; :sold_out!",
    "d.ex": b"alias Shop.{Cart, Store}, as: Shop",
    "e.ex": b"Carts.all(myCart)",
}
NAMED = {
    b"Cart": ["a.ex", "c.ex", "d.ex", "e.ex"],  # where a word ends like it, too
    b"Store": ["a.ex", "d.ex"],
    b"Carts": ["e.ex"],
    b"Sto": [],
    b":cart": ["c.ex"],
    b":ready?": ["c.ex"],
    b":ready": [],
    b":ok": ["a.ex"],
}


@pytest.mark.parametrize("name", NAMED)
def test_who_holds_a_name(name: bytes) -> None:
    index = name_index({path: names_in(content) for path, content in FILES.items()})
    assert is_name(name)
    assert list(index.paths_with(name)) == NAMED[name]


@pytest.mark.parametrize("word", [b"cart", b':"a b"', b"Shop.Cart", b":Cart", b""])
def test_what_is_no_name(word: bytes) -> None:
    assert not is_name(word)
