"""A tree that was edited says the same as one that was parsed anew."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from otp_genesis_analyzers.last_good import retyped
from otp_genesis_analyzers.source import Source

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop" / "lib" / "shaky_shop"
TYPED = [
    '"',
    "fn -> ",
    "end",
    "do",
    "\n",
    '"""',
    "(",
    ")",
    "x",
    "é🎉",
    "# c\n",
    "spawn(f)\n",
    "~s(",
    "\r\n",
    "",
]


@pytest.mark.parametrize("file", sorted(EXAMPLE.glob("*.ex")), ids=lambda file: file.stem)
def test_edited_and_fresh_trees_are_equal(file: Path) -> None:
    chance = random.Random(file.name)
    source = saved = Source(file.name, file.read_bytes())
    for _ in range(40):
        text = source.content.decode()
        start = chance.randrange(len(text) + 1)
        end = start + chance.choice([0, 0, 1, 20])
        content = (text[:start] + chance.choice(TYPED) + text[end:]).encode()
        edited, fresh = retyped(source, content), Source(file.name, content)
        assert edited.broken == fresh.broken
        # Where there are errors, there is more than one way to see them.
        assert fresh.broken or str(edited.root) == str(fresh.root)
        source = edited if chance.random() < 0.7 else saved


def test_the_tree_before_stays_as_it_was() -> None:
    before = Source("a.ex", b"a = 1\n")
    shape = str(before.root)
    assert str(retyped(before, b"a = [1, 2]\n").root) != shape
    assert str(before.root) == shape
