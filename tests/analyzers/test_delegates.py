"""`defdelegate` is a function whose body is one call."""

from __future__ import annotations

import pytest

from tests.analyzers.reading import calls_in

DELEGATES = {
    "defdelegate reserve(items), to: Shop.Stock": "Shop.Stock.reserve/1",
    "defdelegate reserve(items, where \\\\ :all), to: Stock, as: :take": "Shop.Stock.take/2",
    "defdelegate fetch(url), to: __MODULE__.Client": "Shop.Client.fetch/1",
    "defdelegate size, to: :queue": ":queue.size/0",
}


@pytest.mark.parametrize("written", DELEGATES)
def test_what_it_calls(written: str) -> None:
    (call,) = calls_in(f"defmodule Shop do\n  alias Shop.Stock\n  {written}\nend")
    assert call.target == DELEGATES[written]
    assert (call.form, call.result, call.runs) == ("apply", "returned", "here")


@pytest.mark.parametrize(
    "written", ["defdelegate reserve(items), to: mod()", "defdelegate reserve(items), to: Stock, as: name()"]
)
def test_a_target_that_only_the_run_time_knows(written: str) -> None:
    assert calls_in(f"defmodule Shop do\n  {written}\nend") == []
