"""Types that several threads read for the first time at once."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    file
    for ring in ("analyzers", "refactorers", "server")
    for file in sorted((ROOT / ring).rglob("*.py"))
    if file.name != "decoding.py"
]

# With `type=Kept` alone nine of ten such processes end with a segmentation fault.
READ_AT_ONCE = """
import sys
from threading import Barrier, Thread

import msgspec

from otp_genesis_analyzers.decoding import readable

class Inner(msgspec.Struct, array_like=True):
    one: "int"
    two: "int | None"
    three: "dict[str, list[int]]"

class Card(msgspec.Struct, frozen=True):
    name: "str"
    anchors: "tuple[str, ...]"
    inner: "list[Inner]"

class Kept(msgspec.Struct, frozen=True):
    cards: "tuple[Card, ...]"

content = msgspec.msgpack.encode(Kept(tuple(Card("a", ("b",), [Inner(1, None, {})]) for _ in range(50))))
sys.setswitchinterval(1e-6)
together = Barrier(8)

def read():
    together.wait()
    assert len(msgspec.msgpack.decode(content, type=readable(Kept)).cards) == 50

threads = [Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("attempt", range(3))
def test_several_threads_read_a_type_for_the_first_time(attempt: int) -> None:
    done = subprocess.run([sys.executable, "-c", READ_AT_ONCE], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), f"attempt {attempt}"


def test_every_type_that_is_read_is_made_known_first() -> None:
    unsafe = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file in SOURCES
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and (kind := _kind_read(call)) is not None and not _is_known(kind)
    ]
    assert unsafe == []


def _kind_read(call: ast.Call) -> ast.expr | None:
    """The type that a call has msgspec read; None where it reads no type of ours, or is something else."""
    name = ast.unparse(call.func)
    if not name.startswith("msgspec."):
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    match name.rpartition(".")[2]:
        case "Decoder":
            return next(iter(call.args), given.get("type"))
        case "convert":
            return call.args[1] if len(call.args) > 1 else given.get("type")
        case "decode":
            return given.get("type")
        case _:
            return None


def _is_known(kind: ast.expr) -> bool:
    return isinstance(kind, ast.Call) and ast.unparse(kind.func) == "readable"
