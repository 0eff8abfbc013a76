"""`check` and `plan` of a pack that repomix made. What packs look like has tests of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.command_line import run, write, write_shop
from tests.cli.shop import NOTE, QUIET, WARNING, check_json, one_line, paths_in
from tests.example_project import DEFAULT_APPLICATION, DEFAULT_MIX
from tests.repomix.packs import STYLES, xml

EXAMPLE = Path(__file__).parents[2] / "examples/shaky_shop"
PROJECT = {"mix.exs": DEFAULT_MIX, "lib/shop/application.ex": DEFAULT_APPLICATION}


def packed(root: Path, files: Mapping[str, str], style: str = "xml") -> Path:
    """A pack of these files, in a folder of its own beside `root`, trimmed as repomix does it."""
    text = STYLES[style]({path: code.strip() for path, code in files.items()})
    return write(root.with_name(f"{root.name}-pack"), {"pack": text}) / "pack"


# --- check --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_a_pack_gives_what_its_folder_gives(tmp_path: Path, style: str) -> None:
    files = {
        file.relative_to(EXAMPLE).as_posix(): file.read_text()
        for folder in ("config", "lib", "test", "src")
        for file in (EXAMPLE / folder).rglob("*.*")
        if file.is_file()
    }
    files["mix.exs"] = (EXAMPLE / "mix.exs").read_text()
    of_pack, ran = check_json("--input-file", packed(tmp_path, files, style), at=tmp_path)
    of_folder, _ = check_json(at=EXAMPLE)
    assert (of_pack.root, of_pack.files, ran.err) == (str(tmp_path), of_folder.files, "")
    assert of_pack.findings == [found.model_copy(update={"fix": None}) for found in of_folder.findings]
    assert list(tmp_path.iterdir()) == []


def test_the_disk_wins(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET, "lib/b.ex": WARNING})
    pack = packed(tmp_path, {**PROJECT, "lib/a.ex": WARNING, "lib/b.ex": QUIET, "lib/c.ex": NOTE})
    result, _ = check_json("--input-file", pack, at=tmp_path)
    assert [(found.path, found.fix) for found in result.findings] == [
        ("lib/b.ex", "unsafe"),
        ("lib/c.ex", None),
    ]


def test_the_project_on_the_disk_is_known_and_not_shown(tmp_path: Path) -> None:
    supervised = DEFAULT_APPLICATION.replace("children = []", "children = [Shop.Orders]")
    assert supervised != DEFAULT_APPLICATION
    write_shop(tmp_path, {"lib/shop/application.ex": supervised, "lib/b.ex": WARNING.replace("Orders", "B")})
    server = """\
    defmodule Shop.Orders do
      use GenServer
      def start_link(orders), do: GenServer.start_link(__MODULE__, orders, name: __MODULE__)
      def init(orders), do: {:ok, orders}
    end
    """
    arguments = ["--select", "OTP106", "--input-file", packed(tmp_path, {"lib/a.ex": server})]
    assert check_json(*arguments, at=tmp_path)[0].findings == []
    write_shop(tmp_path, {})
    result, _ = check_json(*arguments, at=tmp_path)
    assert (result.files, paths_in(result)) == (1, ["lib/a.ex"])


def test_path_is_the_folder_that_was_packed(tmp_path: Path) -> None:
    umbrella = 'defmodule U.MixProject do\n  def project, do: [apps_path: "apps", version: "1.0.0"]\nend\n'
    write(tmp_path, {"mix.exs": umbrella})
    write_shop(tmp_path / "apps/shop", {"lib/a.ex": QUIET})
    pack = packed(tmp_path, {**PROJECT, "lib/a.ex": WARNING, "lib/b.ex": WARNING})
    result, _ = check_json("apps/shop", "--input-file", pack, at=tmp_path)
    assert (result.root, paths_in(result)) == (str(tmp_path / "apps/shop"), ["lib/b.ex"])


def test_a_folder_that_has_none_of_it_is_not_read(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    (tmp_path / "downloads").mkdir()
    pack = packed(tmp_path, {**PROJECT, "lib/b.ex": NOTE})
    result, ran = check_json("--input-file", pack, at=tmp_path / "downloads")
    assert (result.root, result.files, paths_in(result)) == (str(tmp_path / "downloads"), 3, ["lib/b.ex"])
    assert ran.err == ""


def test_what_is_never_looked_at(tmp_path: Path) -> None:
    hidden = {f"{folder}/a.ex": WARNING for folder in ("deps/x/lib", "_build/dev", ".git", "cover", "doc")}
    pack = packed(tmp_path, {**PROJECT, **hidden, "lib/doc/a.ex": NOTE, "lib/.a.ex": WARNING})
    assert paths_in(check_json("--input-file", pack, at=tmp_path)[0]) == ["lib/doc/a.ex"]
    ran = run(
        "check", "--input-file", packed(tmp_path, {".git/a.ex": NOTE, "README.md": "# Shop"}), at=tmp_path
    )
    assert (ran.status, ran.out) == (2, "")
    assert "no Elixir file in it to check" in one_line(ran)


def test_its_configuration_holds(tmp_path: Path) -> None:
    files = {**PROJECT, "lib/a.ex": WARNING, ".otp-genesis.toml": 'ignore = ["OTP101"]\nfoo = 1'}
    result, ran = check_json("--input-file", packed(tmp_path, files), at=tmp_path)
    assert result.findings == []
    assert one_line(ran) == ".otp-genesis.toml:2: unknown key 'foo'; known are preset, select, ignore," + (
        " per-file-ignores, rules, servers"
    )
    write(tmp_path, {".otp-genesis.toml": ""})
    assert paths_in(check_json("--input-file", packed(tmp_path, files), at=tmp_path)[0]) == ["lib/a.ex"]


def test_without_a_project(tmp_path: Path) -> None:
    pack = packed(tmp_path, {"lib/a.ex": WARNING})
    result, ran = check_json("--input-file", pack, at=tmp_path)
    assert paths_in(result) == ["lib/a.ex"]
    assert one_line(ran) == f"{pack}: there is no mix.exs in it; its files are checked without their project"


def test_the_text_says_where_and_offers_no_fix(tmp_path: Path) -> None:
    ran = run("check", "--input-file", packed(tmp_path, {**PROJECT, "lib/a.ex": WARNING}), at=tmp_path)
    assert ran.status == 1
    assert ran.out.startswith("lib/a.ex:7:5 warning OTP101 ")
    assert ran.out.splitlines()[-1] == "1 warning in 3 files"


def test_accepted_findings_are_left_out(tmp_path: Path) -> None:
    pack = packed(tmp_path, {**PROJECT, "lib/a.ex": WARNING})
    assert run("check", "--input-file", pack, "--write-baseline", at=tmp_path).status == 0
    ran = run("check", "--input-file", pack, "--baseline", ".otp-genesis-baseline.json", at=tmp_path)
    assert ran.status == 0


# --- what is wrong with it ----------------------------------------------------------------------------


def test_what_was_whole_is_checked(tmp_path: Path) -> None:
    text = xml({**PROJECT, "lib/a.ex": NOTE.strip(), "lib/b.ex": WARNING.strip()})
    write(tmp_path, {"pack.xml": text[: text.index("handle_cast")]})
    result, ran = check_json("--input-file", "pack.xml", at=tmp_path)
    assert paths_in(result) == ["lib/a.ex"]
    assert (
        one_line(ran)
        == "pack.xml: it ends early, in lib/b.ex, which is left out: what comes after is missing"
    )


def test_a_pack_can_not_steer_the_terminal_or_leave_the_folder(tmp_path: Path) -> None:
    write(tmp_path, {"outside.ex": WARNING})
    root = tmp_path / "shop"
    pack = packed(root, {**PROJECT, "../outside.ex": "", "lib/\x1b[2J.ex": WARNING, "lib/a.ex": QUIET})
    ran = run("check", "--input-file", pack, at=write(root, {"mix.exs": DEFAULT_MIX}))
    assert (ran.status, ran.out) == (0, "no findings in 3 files\n")
    assert "../outside.ex" in one_line(ran) and "\x1b" not in ran.err


@pytest.mark.parametrize("command", ["check", "plan"])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"# Shop\n", "no pack: give a file made by `repomix`"),
        (b"\xff\x00", "not text"),
        (None, "No such file"),
    ],
)
def test_no_pack_is_one_line(tmp_path: Path, command: str, content: bytes | None, why: str) -> None:
    write(tmp_path, {} if content is None else {"pack.md": content})
    ran = run(command, "--input-file", "pack.md", at=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert one_line(ran).startswith(f"otp-genesis {command}: --input-file: pack.md: {why}")


@pytest.mark.parametrize(
    "arguments", [["--since", "HEAD"], ["--stdin-filename", "a.ex"], ["lib", "test"], ["nowhere"]]
)
def test_what_does_not_go_together(tmp_path: Path, arguments: list[str]) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING, "test/a.exs": QUIET})
    ran = run("check", "--input-file", packed(tmp_path, PROJECT), *arguments, at=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert "--input-file" in one_line(ran)


# --- plan ---------------------------------------------------------------------------------------------


def test_a_plan_of_a_pack(tmp_path: Path) -> None:
    pack = packed(tmp_path, {**PROJECT, "lib/a.ex": WARNING, "lib/b.ex": NOTE})
    ran = run("plan", "--input-file", pack, at=tmp_path)
    assert (ran.status, ran.err, ran.out.splitlines()[-1]) == (0, "", "2 new, 0 kept")
    of_pack = (tmp_path / ".otp-genesis/plan/01-critical-fixes.md").read_bytes()
    write_shop(tmp_path / "shop", {"lib/a.ex": WARNING, "lib/b.ex": NOTE})
    run("plan", "shop", "--out", "plan", at=tmp_path)
    assert (tmp_path / "plan/01-critical-fixes.md").read_bytes() == of_pack


def test_a_plan_is_of_the_whole_project(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    ran = run("plan", "--input-file", packed(tmp_path, {"lib/b.ex": NOTE}), at=tmp_path)
    assert ran.out.splitlines()[-1] == "2 new, 0 kept"
