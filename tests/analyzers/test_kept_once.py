"""What is known of a project is read once, and kept once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_analyzers.facts.model import Clause, FileFacts
from tests.example_project import write_project

PATH = "lib/shop/cart.ex"
CONNECTED = """\
defmodule Shop.Cart do
  use GenServer
  def init(items), do: {:ok, items}
  def handle_cast(:empty, items), do: {:noreply, emptied(items)}
  defp emptied(items), do: Enum.drop(items, 100)
end
"""
UNCONNECTED = """\
  def total(items), do: Enum.sum(items)
  def dearest(items), do: Enum.max(items)
  def cheapest(items), do: Enum.min(items)
end
"""
PARTLY = CONNECTED.removesuffix("end\n") + UNCONNECTED


def clauses(facts: FileFacts) -> dict[str, Clause]:
    return {function.id: function.clauses[0] for function in facts.modules[0].functions}


def test_a_file_of_which_nothing_was_left_out_is_not_read_again(tmp_path: Path) -> None:
    project = write_project(tmp_path, {PATH: CONNECTED})
    assert project.files[PATH].facts.whole
    assert project.all_facts(PATH) is project.files[PATH].facts


def test_a_small_rest_is_read_with_the_others(tmp_path: Path) -> None:
    rest = "  def total(items), do: Enum.sum(items)\nend\n"
    project = write_project(tmp_path, {PATH: CONNECTED.removesuffix("end\n") + rest})
    assert project.files[PATH].facts.whole


def test_what_was_read_before_is_shared(tmp_path: Path) -> None:
    project = write_project(tmp_path, {PATH: PARTLY})
    before, after = clauses(project.files[PATH].facts), clauses(project.all_facts(PATH))
    assert not project.files[PATH].facts.whole
    assert after["handle_cast/2"] is before["handle_cast/2"]
    assert (before["total/1"].calls, [call.target for call in after["total/1"].calls]) == ((), ["Enum.sum/1"])


def test_names_that_another_process_has_read_are_kept_once(tmp_path: Path) -> None:
    facts = write_project(tmp_path, {PATH: "#\n" * 200 + CONNECTED}).files[PATH].facts
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=readable(FileFacts))
    own, other = (clauses(each)["emptied/1"].calls[0] for each in (facts, decoded))
    assert (other.module, other.name) == ("Enum", "drop")
    assert (other.module is own.module, other.name is own.name) == (True, True)
    assert other.head.start is other.span.start
