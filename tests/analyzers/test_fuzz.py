"""A few hundred mutated texts; `bench/fuzz.py` tries as many as one likes, on real code."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.source import Source
from tests.fuzzed import Stage, prove, stage
from tests.mutated import NESTS, mutated

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"
PARTS, CASES_OF_A_PART = 4, 25
SERVER = b"defmodule A do\nuse GenServer\ndef handle_call(:a, b, c) do\n%b\nend\nend"


@cache
def _project() -> Project:
    return engine.load(EXAMPLE).project


@cache
def _stage(path: str) -> Stage:
    return stage(_project(), path)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_text_does_harm(part: int) -> None:
    random = Random(part)
    paths = sorted(_project().files)
    for case in range(CASES_OF_A_PART):
        on, other = _stage(random.choice(paths)), _stage(random.choice(paths))
        text = mutated(random, on.healthy.content, other.healthy.content)
        try:
            prove(on, text, random, thoroughly=case % 20 == 0)
        except Exception as error:
            error.add_note(f"case {case} of part {part}: {on.path} is {text!r}")
            raise


DID_HARM = {
    "the name of a module begins on the line above": (
        "lib/shaky_shop/events.ex",
        b"defmodule^\nShakyShop.Events do\n  use GenServer\n"
        b"  def start_link() do\n    GenServer.start_link(_, {}, E)\n  end\nend\n",
    ),
}


@pytest.mark.parametrize("name", DID_HARM)
def test_what_did_harm_once(name: str) -> None:
    path, text = DID_HARM[name]
    prove(_stage(path), text, Random(0), thoroughly=True)


@pytest.mark.parametrize("nest", NESTS, ids=lambda nest: nest[0].decode().strip())
@pytest.mark.parametrize("around", [b"%b", SERVER], ids=["bare", "server"])
def test_no_depth_does_harm(around: bytes, nest: tuple[bytes, bytes]) -> None:
    opening, closing = nest
    for depth in (90, 110, 140, 300, 2000):
        for closings in (depth, 0):
            text = around % (opening * depth + b"spawn(f)" + closing * closings)
            engine.analyze(Source("lib/deep.ex", text), Role.LIB, gated=False)
