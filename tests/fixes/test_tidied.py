"""What a change leaves behind is put in order, and nothing else is."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, file_change
from otp_genesis_refactorers.rewriting.tidied import tidied
from tests.fixes.fixing import changed_files, project_of

PATH = "lib/a.ex"
LONG = "wholesale_department_" * 3


def replaced(text: str, old: str, new: str) -> str:
    """`text` after a change that puts `new` in the place of `old`, tidied."""
    content = text.encode()
    project = project_of({PATH: content})
    start = content.index(old.encode())
    edit = Edit(Span(start, len(old.encode())), new)
    change = Change("Change it", FixKind.SAFE, (file_change(PATH, content, [edit]),))
    return changed_files(tidied(change, project), project)[PATH].decode()


def module(*lines: str) -> str:
    return "\n".join(["defmodule A do", *(f"  {line}" if line else "" for line in lines), "end", ""])


@pytest.mark.parametrize(
    ("directive", "use"),
    [
        ("alias Shop.Cart", "Cart.put(1)"),
        ("alias Shop.Cart, as: C", "C.put(1)"),
        ("@limit 5", "put(@limit)"),
    ],
)
def test_a_name_that_loses_its_last_use_goes_too(directive: str, use: str) -> None:
    before = module("use GenServer", "", directive, "", f"def run, do: {use}")
    assert replaced(before, use, ":ok") == module("use GenServer", "", "def run, do: :ok")
    first = module(directive, "", f"def run, do: {use}")
    assert replaced(first, use, ":ok") == module("def run, do: :ok")


@pytest.mark.parametrize(
    "kept",
    [
        ["alias Shop.Cart", "", "def run, do: put(1)", "def other, do: Cart.put(1)"],
        ["alias Shop.Unused", "", "def run, do: put(1)"],
        ["alias Shop.{Cart, Till}", "", "def run, do: put(1)"],
        ["@unused 5", "", "def run, do: put(1)"],
        ["@doc false", "def run, do: put(1)"],
        ["@impl true", "def run, do: put(1)"],
        ["@limit 5", "", "def run, do: put(1)", "def other, do: @limit"],
    ],
)
def test_what_has_a_use_or_never_had_one_stays(kept: list[str]) -> None:
    before = module(*kept)
    assert replaced(before, "put(1)", "put(2)") == before.replace("put(1)", "put(2)", 1)


def test_a_value_that_has_become_short_goes_back_to_its_line() -> None:
    before = module(
        "def run(state) do", "  found =", f"    ask(state.{LONG}, state.{LONG})", "", "  found", "end"
    )
    after = module("def run(state) do", "  found = ask(1, 2)", "", "  found", "end")
    assert replaced(before, f"state.{LONG}, state.{LONG}", "1, 2") == after


def test_one_that_the_change_does_not_touch_stays_where_it_is() -> None:
    before = module("def run do", "  found =", "    ask(1)", "", "  put(found)", "end")
    assert replaced(before, "put(found)", "found") == before.replace("put(found)", "found")


def test_a_line_that_has_become_too_long_is_broken() -> None:
    before = module("def run(x), do: ask(x)")
    after = module("def run(x),", f"  do: ask({LONG}, more_than_fits)")
    assert replaced(before, "ask(x)", f"ask({LONG}, more_than_fits)") == after


def test_a_line_that_was_too_long_before_is_left() -> None:
    before = module(f"def run(x), do: ask({LONG}, {LONG}, x)")
    assert replaced(before, "x)\nend", "y)\nend") == before.replace("x)\nend", "y)\nend")
