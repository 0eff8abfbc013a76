"""What is called broken without parsing all of it is broken, and facts that are moved are the same facts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.facts.model import Suppression
from otp_genesis_analyzers.facts.moving import moved_facts
from otp_genesis_analyzers.half_typed import surely_broken
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.typed_text import Typed, typed_between
from tests.mutated import mutated

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop" / "lib" / "shaky_shop"
FILES = sorted(EXAMPLE.glob("*.ex"))

TYPED = (
    *('"', "'", '"""\n', "~s(", "~", "?", '?"', "#", "# c\n", "#{", "}", "\\\n", ':"', '"a'),
    *("fn -> ", " -> \n", "end", "end\n  def foo do\n", "do", "do:", "else", "rescue", "if x do\n"),
    *("(", ")", "[", "]", "{", "<<", ">>", ",", " x = ", "|> x", "..", "not ", "when ", "@", "&", "->"),
    *("x", "\n", "\r\n", "", "é🎉", "spawn(f)\n", "def a(b), do: c\n", "defmodule A do\n", "case x do\n"),
)

FAR = "\n".join(f"  def far_{n}(x) do\n    one(x)\n  end\n" for n in range(5))
MODULE = f"""\
defmodule Shop.Orders do
{FAR}
  def total(orders) do
    sum = Enum.map(orders, fn order -> order.price end)
    Enum.sum(sum)
  end

{FAR.replace("far", "later")}
end
"""


def changed(before: str, old: str, new: str) -> tuple[Source, bytes, Typed]:
    assert before.count(old) == 1
    source, after = Source("lib/a.ex", before.encode()), before.replace(old, new).encode()
    return source, after, typed_between(source.content, after)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_surely_broken_is_broken(file: Path) -> None:
    chance = random.Random(file.name)
    healthy = Source(file.name, file.read_bytes())
    other = chance.choice(FILES).read_bytes()
    for _ in range(60):
        content = healthy.content
        if chance.random() < 0.3:
            content = mutated(chance, content, other)
        else:
            at = chance.randrange(len(content) + 1)
            at = content.rfind(b"\n", 0, at) + 1 if chance.random() < 0.5 else at
            words = "".join(chance.choice(TYPED) for _ in range(chance.choice((1, 1, 2, 3))))
            content = content[:at] + words.encode() + content[at + chance.choice((0, 0, 1, 20)) :]
        if surely_broken(healthy, content, typed_between(healthy.content, content)):
            assert Source(file.name, content).broken, content.decode(errors="replace")


@pytest.mark.parametrize(
    "typed",
    ["sum = Enum.map(orders, fn", "sum = Enum.map(", "sum = [", "if orders do", "sum = = 1", "sum = %{a: }"],
)
def test_broken_code_is_seen_from_the_statements_around_it(typed: str) -> None:
    broken = changed(MODULE, "sum = Enum.map(orders, fn order -> order.price end)", typed)
    assert surely_broken(*broken)


@pytest.mark.parametrize("typed", ["def typed(", "def typed(orders) do\n    spawn(fn -> "])
def test_what_is_begun_between_definitions_is_seen(typed: str) -> None:
    assert surely_broken(*changed(MODULE, "  def total(orders) do", f"  {typed}\n\n  def total(orders) do"))


@pytest.mark.parametrize(
    "typed",
    [
        "sum = Enum.map(orders, & &1.price)",
        "sum =",  # the next line goes on with it
        "",
        '"a string" <> sum',
        "end\n\n  def other(sum) do",  # one definition ends, and another begins
    ],
)
def test_healthy_code_is_not_called_broken(typed: str) -> None:
    healthy, content, typed_text = changed(
        MODULE, "sum = Enum.map(orders, fn order -> order.price end)", typed
    )
    assert not Source("lib/a.ex", content).broken
    assert not surely_broken(healthy, content, typed_text)


def test_an_open_string_is_left_to_the_parser() -> None:
    """It ends at the next quote, be it far away, and what is broken then is another matter."""
    text = MODULE.replace("one(x)", 'one("x")')
    healthy, content, typed = changed(text, "Enum.sum(sum)", 'Enum.sum("')
    said = surely_broken(healthy, content, typed)
    assert Source("lib/a.ex", content).broken or not said


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_moved_facts_have_every_span_moved(file: Path) -> None:
    chance = random.Random(file.name)
    source = Source(file.name, file.read_bytes())
    facts = engine.analyze(source, Role.LIB, gated=False).facts
    for _ in range(10):
        at = chance.randrange(len(source.content))
        content = source.content[:at] + b"typed\n" + source.content[at + chance.choice((0, 0, 7, 400)) :]
        typed = typed_between(source.content, content)
        after = moved_facts(facts, source.lines, typed)
        assert [*_spans(after)] == [typed.move(span) for span in _spans(facts)]
        assert [*_without_spans(after)] == [*_without_spans(facts)]


def _values(value: Any) -> Iterator[Any]:
    """Everything in facts but suppressions, whose lines move too."""
    yield value
    if isinstance(value, Struct) and not isinstance(value, Span | Suppression):
        for name in value.__struct_fields__:
            yield from _values(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _values(item)


def _spans(facts: Any) -> Iterator[Span]:
    return (value for value in _values(facts) if isinstance(value, Span))


def _without_spans(facts: Any) -> Iterator[Any]:
    return (value for value in _values(facts) if isinstance(value, str | int | bool))
