"""A change in parts that can be left out alone."""

from __future__ import annotations

from otp_genesis_refactorers.gates.running.hunks import parts_of, same_code, without

OLD = """\
defmodule Shop.Mailer do
  @moduledoc "Sends."

  def one(mail), do: mail

  def two(mail), do: mail

  def three(mail), do: mail
end
"""
PATH = "lib/a.ex"


def places(new: str, *others: tuple[str, str, str]) -> list[str]:
    """Where the parts of a change begin; others are path, old and new text."""
    old = {PATH: OLD.encode()} | {path: text.encode() for path, text, _ in others}
    changed = {PATH: new.encode()} | {path: text.encode() for path, _, text in others}
    return [part.place for part in parts_of(old, changed)]


def test_changes_far_from_each_other_are_parts() -> None:
    new = OLD.replace("one(mail), do: mail", "one(mail), do: {mail}").replace(
        "three(mail), do: mail", "three(mail), do: [mail]"
    )
    assert places(new) == ["lib/a.ex:4", "lib/a.ex:8"]
    assert places(OLD.replace("do: mail\n", "do: {mail}\n")) == ["lib/a.ex:4"]


def test_changes_that_share_a_new_name_are_one_part() -> None:
    new = OLD.replace("one(mail), do: mail", "one(mail), do: mend(mail)")
    new = new.replace("three(mail), do: mail\n", "three(mail), do: mail\n\n  defp mend(mail), do: mail\n")
    assert places(new) == ["lib/a.ex:4"]
    tree = ("lib/b.ex", "children = []\n", "children = [Shop.Tasks]\n")
    assert places(OLD.replace("one(mail), do: mail", "one(mail), do: Shop.Tasks.run(mail)"), tree) == [
        "lib/a.ex:4"
    ]


def test_a_part_is_left_out_alone() -> None:
    new = OLD.replace("one(mail), do: mail", "one(mail), do: {mail}").replace(
        "three(mail), do: mail", "three(mail), do: [mail]"
    )
    old, changed = {PATH: OLD.encode()}, {PATH: new.encode(), "lib/new.ex": b"defmodule New do\nend\n"}
    first, second, third = parts_of(old, changed)
    assert (
        without(first, old, changed)[PATH]
        == OLD.replace("three(mail), do: mail", "three(mail), do: [mail]").encode()
    )
    assert (
        without(second, old, changed)[PATH]
        == OLD.replace("one(mail), do: mail", "one(mail), do: {mail}").encode()
    )
    assert without(third, old, changed) == {PATH: new.encode()}


def test_a_removed_file_is_a_part() -> None:
    old = {PATH: OLD.encode()}
    (part,) = parts_of(old, {PATH: None})
    assert without(part, old, {PATH: None}) == old


def test_same_code() -> None:
    documented = OLD.replace(
        "  def one", '  # The first.\n  @doc "One"\n  @spec one(term) :: term\n  def one'
    )
    assert same_code({PATH: OLD.encode()}, {PATH: documented.encode()})
    assert same_code({PATH: OLD.encode()}, {PATH: OLD.replace("(mail), do", "(mail),\n    do").encode()})
    assert not same_code({PATH: OLD.encode()}, {PATH: OLD.replace("two", "second").encode()})
    assert not same_code({PATH: OLD.encode()}, {PATH: None})
