"""`check --stdin-filename`: a text that is not saved, with the project around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_analyzers.config import CONFIG_NAME
from tests.cli.command_line import run, write, write_shop
from tests.cli.shop import NOTE, QUIET, WARNING, check_json, one_line, paths_in


def test_the_text_stands_for_the_file(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET, "lib/b.ex": NOTE})
    result, ran = check_json("--stdin-filename", "lib/a.ex", at=tmp_path, stdin=WARNING.encode())
    assert (ran.status, paths_in(result), result.files, ran.err) == (1, ["lib/a.ex"], 1, "")
    assert (tmp_path / "lib/a.ex").read_text() == QUIET


@pytest.mark.parametrize("name", ["lib/new.ex", "lib/deep/er/new.ex", "./lib/../lib/new.ex"])
def test_a_file_that_does_not_exist(tmp_path: Path, name: str) -> None:
    write_shop(tmp_path, {CONFIG_NAME: "[per-file-ignores]\n'lib/**' = ['OTP102']\n"})
    text = f"{WARNING}\ndefmodule Shop.More do\n  def run(f), do: Task.start(f)\nend\n"
    result, _ = check_json("--stdin-filename", name, at=tmp_path, stdin=text.encode())
    assert [(f.path, f.code) for f in result.findings] == [(str(Path(name)).replace("lib/../", ""), "OTP101")]


def test_the_project_around_it_decides(tmp_path: Path) -> None:
    """The same text is a flaw in the application, and none in a test."""
    write_shop(tmp_path, {})
    for name, found in (("lib/a.ex", 1), ("test/a_test.exs", 0)):
        result, _ = check_json("--stdin-filename", name, at=tmp_path, stdin=NOTE.encode())
        assert len(result.findings) == found


def test_a_wrapper_on_the_disk_is_known(tmp_path: Path) -> None:
    quoted = "quote do\n      use GenServer\n    end"
    wrapper = f"defmodule Shop.Server do\n  defmacro __using__(_) do\n    {quoted}\n  end\nend\n"
    write_shop(tmp_path, {"lib/server.ex": wrapper})
    text = WARNING.replace("use GenServer", "use Shop.Server").replace("handle_cast", "handle_info")
    result, _ = check_json("--stdin-filename", "lib/new.ex", at=tmp_path, stdin=text.encode())
    assert [finding.severity for finding in result.findings] == ["warning"]


def test_from_a_folder_inside_the_project(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    ran = run("check", "--stdin-filename", "a.ex", at=tmp_path / "lib", stdin=WARNING.encode())
    assert ran.out.startswith("a.ex:7:5 warning OTP101 ")
    assert "\n  7 |     spawn(fn -> Shop.Warehouse.ship(order) end)\n" in ran.out


def test_outside_every_project(tmp_path: Path) -> None:
    result, ran = check_json("--stdin-filename", "a.ex", at=tmp_path, stdin=WARNING.encode())
    assert paths_in(result) == ["a.ex"]
    assert one_line(ran) == "a.ex: there is no mix.exs above it; it is checked without its project"


def test_columns_are_those_of_the_text(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": "# é\n"})
    text = f"# {'é' * 99}\n{NOTE}"
    [finding] = check_json("--stdin-filename", "lib/a.ex", at=tmp_path, stdin=text.encode())[0].findings
    assert (finding.line, finding.column) == (3, 23)


def test_with_a_baseline(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING, "lib/b.ex": NOTE})
    run("check", "--write-baseline", "base.json", at=tmp_path)
    write(tmp_path, {"lib/b.ex": QUIET})
    arguments = ["--stdin-filename", "lib/a.ex", "--baseline", "base.json"]
    ran = run("check", *arguments, at=tmp_path, stdin=f"\n{WARNING}".encode())
    assert (ran.status, ran.err) == (0, ""), "of the other file nothing is known"


@pytest.mark.parametrize("name", ["lib/a.ex", "lib/new.ex"])
def test_text_that_is_not_utf8(tmp_path: Path, name: str) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    result, ran = check_json("--stdin-filename", name, at=tmp_path, stdin=b"# \xe9")
    assert (result.unparsed, ran.status) == ([name], 0)
    assert one_line(ran) == f"{name}: not UTF-8 text (byte 2); it is left out"


@pytest.mark.parametrize("name", ["README.md", "lib/.hidden/a.ex", "assets/node_modules/a.ex"])
def test_what_is_no_elixir_of_the_project(tmp_path: Path, name: str) -> None:
    write_shop(tmp_path, {})
    result, ran = check_json("--stdin-filename", name, at=tmp_path, stdin=WARNING.encode())
    assert (result.findings, ran.status) == ([], 0)
    assert one_line(ran).startswith(f"{name}: no Elixir file to check")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lib"], "--stdin-filename and a PATH can't be combined: it checks that one file"),
        (["--since", "HEAD"], "--stdin-filename and --since can't be combined: git doesn't know the text"),
        (["--write-baseline"], "--write-baseline can't be combined: the text is not saved yet"),
    ],
)
def test_usage_errors(tmp_path: Path, arguments: list[str], message: str) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    ran = run("check", "--stdin-filename", "lib/a.ex", *arguments, at=tmp_path, stdin=b"")
    assert (ran.status, ran.out) == (2, "")
    assert message in one_line(ran)


def test_a_folder(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    ran = run("check", "--stdin-filename", "lib", at=tmp_path)
    assert (ran.status, one_line(ran)) == (
        2,
        "otp-genesis check: 'lib' is a folder: name the file that the text is of",
    )
