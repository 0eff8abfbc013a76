"""`otp-genesis test`: what it shows, writes and says, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import Ran, run
from tests.exunit.shop import COUNTER, write_shop

SCRIPT = 'IO.puts("hello")\n'
PLAIN = "defmodule Shop.Price do\n  def sum(prices), do: Enum.sum(prices)\nend\n"


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path_factory.mktemp(variable)))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {"lib/shop/price.ex": PLAIN, "run.exs": SCRIPT, "lib/shop/notes.ex": "# nothing yet\n"}
    return write_shop(tmp_path / "shop", files)


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def one_line(ran: Ran) -> str:
    (line,) = ran.err.splitlines()
    assert (ran.status, ran.out) == (2, "")
    return line


def test_without_trust_a_skeleton_is_shown(shop: Path) -> None:
    before = files(shop)
    ran = run("test", "lib/shop/counter.ex", at=shop)
    assert ran.status == 0
    assert ran.out.startswith(
        "--- /dev/null\n+++ b/test/shop/counter_test.exs\n@@ -0,0 +1,41 @@\n+defmodule Shop.CounterTest do\n"
    )
    said = ran.err.splitlines()
    assert said[0].startswith("Shop.Counter: not proven: mix may not run here: allow it with --trust")
    assert said[1] == "  value/0 is left out: what it answers is only known by running it"
    assert files(shop) == before


def test_with_trust_it_is_proven_and_written(shop: Path) -> None:
    before = files(shop)
    ran = run("test", "lib/shop/flags.ex", "--trust", "--write", at=shop)
    assert (ran.status, ran.out) == (0, "test/shop/flags_test.exs\n")
    assert ran.err == "Shop.Flags: proven: passes 3 times, and fails when the code is broken (1 of 1 ways)\n"
    new = {path: content for path, content in files(shop).items() if path not in before}
    assert [*new] == [shop / "test/shop/flags_test.exs"]
    assert b'assert Flags.on?("flag") == true' in new[shop / "test/shop/flags_test.exs"]
    assert before.items() <= files(shop).items()


def test_a_change_is_tested_with_what_it_makes(shop: Path) -> None:
    new = COUNTER.replace("value: 0, step", "value: 7, step")
    (shop / "lib/shop/counter.ex").write_text(new)
    undo = (
        "--- a/lib/shop/counter.ex\n+++ b/lib/shop/counter.ex\n@@ -11 +11 @@\n"
        f"-{new.splitlines()[10]}\n+{COUNTER.splitlines()[10]}\n"
    )
    ran = run("test", "-", at=shop, stdin=undo.encode())
    assert ran.status == 0
    assert "+defmodule Shop.CounterTest do\n" in ran.out


def test_one_function(shop: Path) -> None:
    ran = run("test", "lib/shop/counter.ex", "--function", "add/1", at=shop)
    assert ran.status == 0
    assert "+defmodule Shop.Counter.AddTest do\n" in ran.out
    assert ran.out.count("+  test ") == 1
    assert "add/2 asks nothing" in one_line(
        run("test", "lib/shop/counter.ex", "--function", "add/2", at=shop)
    )


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("lib/shop/price.ex", "Shop.Price is no process"),
        ("lib/shop/application.ex", "Shop.Application is an application"),
        ("lib/shop/notes.ex", "defines no module"),
        ("run.exs", "is a script"),
        ("mix.exs", "is a script"),
        ("test/test_helper.exs", "is a test already"),
        ("lib", "is a folder: give a file of it"),
        ("lib/shop/none.ex", "does not exist"),
        ("none.diff", "can't be read"),
    ],
)
def test_what_it_cannot_test(shop: Path, file: str, part: str) -> None:
    assert part in one_line(run("test", file, at=shop))


def test_a_change_that_does_not_fit(shop: Path) -> None:
    for diff, part in [("", "the diff is empty"), ("hello\n", "can't be applied: ")]:
        assert part in one_line(run("test", "-", at=shop, stdin=diff.encode()))


def test_a_file_of_no_project(tmp_path: Path) -> None:
    (tmp_path / "a.ex").write_text(PLAIN)
    assert "belongs to no mix project" in one_line(run("test", "a.ex", at=tmp_path))


def test_a_model_that_nobody_knows(shop: Path) -> None:
    assert "no model 'oracle'" in one_line(run("test", "lib/shop/counter.ex", "--model", "oracle", at=shop))


def test_the_help_has_an_example(tmp_path: Path) -> None:
    ran = run("test", "--help", at=tmp_path)
    assert ran.status == 0
    assert "otp-genesis test lib/shop/cart.ex --trust" in ran.out
