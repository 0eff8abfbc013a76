"""`otp-genesis check`: what it shows, how it exits, and what it says of odd input."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_analyzers.config import PRESETS
from otp_genesis_analyzers.findings import Severity
from tests.cli.command_line import run, write, write_shop
from tests.cli.shop import NOTE, QUIET, WARNING, check_json, one_line, paths_in

LEVELS = [("--fail-on", severity.label) for severity in Severity]


# --- what is shown ------------------------------------------------------------------------------------


def test_json(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/b.ex": WARNING, "lib/a.ex": NOTE, "lib/c.ex": QUIET})
    result, ran = check_json(at=tmp_path)
    assert (result.root, result.files, result.unparsed) == (str(tmp_path), 5, [])
    note, warning = result.findings
    assert (note.path, note.line, note.column, note.end_line, note.end_column) == ("lib/a.ex", 2, 23, 2, 28)
    assert (warning.path, warning.line, warning.column, warning.end_column) == ("lib/b.ex", 7, 5, 10)
    assert (note.severity, warning.severity) == ("information", "warning")
    assert (warning.code, warning.name, warning.phase) == ("OTP101", "unsupervised-spawn", 1)
    assert ran.err == ""


def test_text(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": NOTE, "lib/b.ex": WARNING})
    lines = run("check", at=tmp_path).out.splitlines()
    assert lines[0].startswith("lib/a.ex:2:23 note OTP101 unsupervised-spawn: `spawn/1` starts a process")
    assert lines[1:4] == [
        "  2 |   def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)",
        "    |                       ^^^^^",
        "",
    ]
    assert lines[4].startswith("lib/b.ex:7:5 warning OTP101 ")
    assert lines[-1] == "1 warning, 1 note in 4 files; 2 can be fixed with `otp-genesis fix --unsafe`"


def test_nothing_found_is_said(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    assert run("check", at=tmp_path) == (0, "no findings in 3 files\n", "")


@pytest.mark.parametrize(
    ("text", "columns"), [("ascii", 5), ("é漢", 3), ("e\u0301", 1), ("🔥", 2), ("\t", None)]
)
def test_columns_are_code_points_and_carets_stand_below_the_code(
    tmp_path: Path, text: str, columns: int | None
) -> None:
    line = f'  def go, do: {{"{text}", spawn(fn -> Shop.Smtp.go() end)}}'
    write_shop(tmp_path, {"lib/a.ex": f"defmodule Shop.Mail do\n{line}\nend\n"})
    [finding] = check_json("lib/a.ex", at=tmp_path)[0].findings
    start = line.index("spawn(")
    assert (finding.line, finding.column, finding.end_column) == (2, start + 1, start + 6)
    _, _, carets = run("check", "lib/a.ex", at=tmp_path).out.partition("    | ")
    before = carets.partition("^")[0]
    if columns is None:
        assert before == " " * line.index("\t") + "\t" + " " * (start - line.index("\t") - 1)
    else:
        assert before == " " * (start - len(text) + columns)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_end_as_in_the_protocol_and_nowhere_else(tmp_path: Path, newline: str) -> None:
    code = "# one\N{LINE SEPARATOR}still one\x0cstill one\n" + WARNING
    write_shop(tmp_path, {"lib/a.ex": code.replace("\n", newline).encode()})
    [finding] = check_json("lib/a.ex", at=tmp_path)[0].findings
    assert (finding.line, finding.column, finding.end_line, finding.end_column) == (8, 5, 8, 10)


def test_two_runs_print_the_same_bytes(tmp_path: Path) -> None:
    write_shop(tmp_path, {f"lib/{name}.ex": WARNING.replace("Orders", name) for name in ("B", "A", "C")})
    for form in ("json", "text"):
        assert run("check", "--format", form, at=tmp_path) == run("check", "--format", form, at=tmp_path)


def test_fingerprints_survive_moved_lines_and_another_root(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    [before] = check_json(at=tmp_path)[0].findings
    write_shop(tmp_path, {"lib/a.ex": "# a new first line\n\n" + WARNING})
    [after] = check_json("lib", at=tmp_path)[0].findings
    assert after.fingerprint == before.fingerprint
    assert after.line == before.line + 2


def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    code = NOTE.replace("(mail) end)", "(mail) end) # \x1b[2J\x07")
    write_shop(tmp_path, {"lib/a.ex": code})
    out = run("check", at=tmp_path).out
    assert "\x1b" not in out and "\x07" not in out


# --- what is asked for --------------------------------------------------------------------------------


def test_a_folder_is_the_root_of_what_is_shown(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/shop/a.ex": WARNING, "lib/b.ex": WARNING.replace("Orders", "B")})
    result, _ = check_json("lib/shop", at=tmp_path)
    assert (result.root, result.files) == (str(tmp_path / "lib" / "shop"), 2)
    assert paths_in(result) == ["a.ex"]


def test_the_project_is_the_root_of_files_and_of_several_paths(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/shop/a.ex": WARNING, "lib/b.ex": NOTE, "lib/c.ex": NOTE})
    for arguments in (["lib/shop/a.ex"], ["lib/shop", "lib/b.ex"]):
        result, _ = check_json(*arguments, at=tmp_path)
        assert result.root == str(tmp_path)
        assert paths_in(result) == ["lib/b.ex", "lib/shop/a.ex"][-len(arguments) :]


def test_from_a_folder_inside_the_project(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/shop/a.ex": WARNING})
    assert run("check", "a.ex", at=tmp_path / "lib/shop").out.startswith("a.ex:7:5 ")
    assert run("check", "..", at=tmp_path / "lib/shop").out.startswith("a.ex:7:5 ")


def test_an_app_of_an_umbrella_is_read_with_its_umbrella(tmp_path: Path) -> None:
    umbrella = 'defmodule U.MixProject do\n  def project, do: [apps_path: "apps", version: "1.0.0"]\nend\n'
    write(tmp_path, {"mix.exs": umbrella, ".otp-genesis.toml": 'ignore = ["OTP101"]'})
    write_shop(tmp_path / "apps/shop", {"lib/a.ex": WARNING})
    result, _ = check_json("apps/shop", at=tmp_path)
    assert (result.root, result.findings) == (str(tmp_path / "apps/shop"), [])
    write(tmp_path, {"apps/shop/.otp-genesis.toml": ""})
    assert paths_in(check_json(at=tmp_path / "apps/shop")[0]) == ["lib/a.ex"]


def test_a_dependency_is_a_project_of_its_own(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    write_shop(tmp_path / "deps/other", {"lib/b.ex": WARNING})
    assert paths_in(check_json(at=tmp_path)[0]) == ["lib/a.ex"]
    result, _ = check_json("deps/other", at=tmp_path)
    assert (result.root, paths_in(result)) == (str(tmp_path / "deps/other"), ["lib/b.ex"])


def test_a_folder_that_holds_several_projects(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_shop(tmp_path / name, {"lib/a.ex": WARNING})
    write(tmp_path, {"two/.otp-genesis.toml": 'ignore = ["OTP1"]'})
    result, ran = check_json(at=tmp_path)
    assert (result.root, paths_in(result), ran.err) == (str(tmp_path), ["one/lib/a.ex"], "")


def test_a_file_of_no_project_is_checked_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.ex": WARNING, "b.ex": WARNING})
    result, ran = check_json("a.ex", at=tmp_path)
    assert (result.root, result.files, paths_in(result)) == (str(tmp_path), 1, ["a.ex"])
    assert ran.err == "a.ex: there is no mix.exs above it; it is checked without its project\n"


# --- choosing rules, exit status ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--select", "OTP101"], True),
        (["--select", "otp1,unsupervised-task"], True),
        (["--select", "unsupervised-spawn"], True),
        (["--select", "OTP102"], False),
        (["--ignore", "OTP101"], False),
        (["--ignore", "OTP102", "--ignore", "unsupervised-spawn"], False),
        (["--preset", "strict"], True),
    ],
)
def test_choosing_rules(tmp_path: Path, arguments: list[str], found: bool) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    assert bool(check_json(*arguments, at=tmp_path)[0].findings) is found


@pytest.mark.parametrize(
    ("code", "arguments", "status"),
    [
        (QUIET, [], 0),
        (NOTE, [], 0),
        (WARNING, [], 1),
        (WARNING, ["--exit-zero"], 0),
        (WARNING, ["--fail-on", "error"], 0),
        (NOTE, ["--fail-on", "information"], 1),
        (NOTE, ["--fail-on", "hint"], 1),
        (QUIET, ["--fail-on", "hint"], 0),
    ],
)
def test_exit_status(tmp_path: Path, code: str, arguments: list[str], status: int) -> None:
    write_shop(tmp_path, {"lib/a.ex": code})
    assert run("check", *arguments, at=tmp_path).status == status


@pytest.mark.parametrize("option", [*(("--preset", preset) for preset in PRESETS), *LEVELS])
def test_every_preset_and_level_can_be_asked_for(tmp_path: Path, option: tuple[str, str]) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    assert run("check", *option, at=tmp_path).status == 0


def test_suppression_comments(tmp_path: Path) -> None:
    code = WARNING.replace("    spawn", "    # otp-genesis:ignore OTP101 -- the VM ends it\n    spawn")
    write_shop(tmp_path, {"lib/a.ex": code})
    assert run("check", at=tmp_path).status == 0


def test_configuration_and_its_mistakes(tmp_path: Path) -> None:
    toml = 'ignore = ["OTP102"]\nmodell = "x"\nselect = ["unsupervised-spwan"]\n'
    write_shop(tmp_path, {"lib/a.ex": WARNING, ".otp-genesis.toml": toml})
    result, ran = check_json(at=tmp_path)
    assert (ran.status, paths_in(result)) == (1, ["lib/a.ex"])
    assert ran.err == (
        ".otp-genesis.toml:2: unknown key 'modell'; known are preset, select, ignore, per-file-ignores,"
        " rules, servers\n"
        ".otp-genesis.toml:3: no rule 'unsupervised-spwan'; did you mean 'unsupervised-spawn'?\n"
    )


# --- odd input: one clear line each, and the rest is done ---------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "'nowhere' does not exist: give a mix project, or folders or files of one"),
        (["loop"], "'loop' does not exist: give a mix project, or folders or files of one"),
        (
            ["--select", "unsupervised-spwan"],
            "no rule 'unsupervised-spwan'; did you mean 'unsupervised-spawn'?",
        ),
        (["--ignore", "OTP101,quux"], "no rule 'quux'; 'otp-genesis rules' lists them"),
        (["--format", "xml"], "'xml' is not one of 'text', 'json', 'sarif', 'github'"),
        (["--fail-on", "fatal"], "'fatal' is not one of 'hint', 'information', 'warning', 'error'"),
        (["--slect", "OTP101"], "No such option '--slect'"),
        (["lib", "../other"], "different mix projects: give one project at a time"),
    ],
)
def test_usage_errors(tmp_path: Path, arguments: list[str], message: str) -> None:
    write_shop(tmp_path / "other", {})
    root = write_shop(tmp_path / "shop", {"lib/a.ex": WARNING})
    (root / "loop").symlink_to("loop")
    ran = run("check", *arguments, at=root)
    assert (ran.status, ran.out) == (2, "")
    assert one_line(ran).startswith("otp-genesis check: ")
    assert message in one_line(ran)


@pytest.mark.parametrize("files", [{}, {"lib/a.ex": WARNING}])
def test_not_a_mix_project(tmp_path: Path, files: dict[str, str]) -> None:
    ran = run("check", at=write(tmp_path, files))
    assert (ran.status, ran.out) == (2, "")
    assert one_line(ran) == (
        f"otp-genesis check: '{tmp_path}' is no mix project, there is no mix.exs in it, above it or below it:"
        " give the folder of one"
    )


def test_what_is_no_elixir_is_left_out(tmp_path: Path) -> None:
    write_shop(tmp_path, {"README.md": "# Shop", "priv/a.txt": ""})
    for path in ("README.md", "priv"):
        ran = run("check", path, at=tmp_path)
        assert (ran.status, ran.out) == (0, "no findings in 0 files\n")
        assert one_line(ran).startswith(f"{path}: no Elixir file to check")


@pytest.mark.parametrize("arguments", [[], ["lib/latin1.ex"], ["lib"]])
def test_a_file_that_is_not_utf8(tmp_path: Path, arguments: list[str]) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING, "lib/latin1.ex": "# é\n".encode("latin-1") + WARNING.encode()})
    result, ran = check_json(*arguments, at=tmp_path)
    assert [path.rpartition("/")[2] for path in result.unparsed] == ["latin1.ex"]
    assert len(result.findings) == (0 if arguments == ["lib/latin1.ex"] else 1)
    assert one_line(ran) == "lib/latin1.ex: not UTF-8 text (byte 2); it is left out"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    (tmp_path / "lib/gone.ex").symlink_to("nowhere.ex")
    result, ran = check_json(at=tmp_path)
    assert (result.unparsed, len(result.findings)) == (["lib/gone.ex"], 1)
    assert one_line(ran) == "lib/gone.ex: can't be read: No such file or directory; it is left out"


def test_loops_of_links(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    (tmp_path / "lib/again").symlink_to(tmp_path)
    (tmp_path / "lib/self.ex").symlink_to("self.ex")
    result, ran = check_json(at=tmp_path)
    assert (paths_in(result), result.unparsed) == (["lib/a.ex"], ["lib/self.ex"])
    assert one_line(ran) == "lib/self.ex: can't be read: Too many levels of symbolic links; it is left out"


def test_broken_syntax_is_said_and_the_rest_is_checked(tmp_path: Path) -> None:
    write_shop(
        tmp_path,
        {"lib/a.ex": WARNING, "lib/b.ex": "defmodule B do\n  def f, do: [spawn(fn -> 1 end), {\nend\n"},
    )
    result, ran = check_json(at=tmp_path)
    assert (paths_in(result), result.unparsed, result.files) == (["lib/a.ex"], [], 4)
    assert one_line(ran) == "lib/b.ex: its syntax is broken; only the rest of it is checked"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"\0\0\0", b"end end ) ]"])
def test_strange_files(tmp_path: Path, content: bytes) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING, "lib/b.ex": content})
    assert paths_in(check_json(at=tmp_path)[0]) == ["lib/a.ex"]


def test_a_byte_order_mark(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": b"\xef\xbb\xbf" + WARNING.encode()})
    assert paths_in(check_json(at=tmp_path)[0]) == ["lib/a.ex"]


def test_a_generated_file_of_5_mb(tmp_path: Path) -> None:
    rows = "".join(f'    {{{number}, "key{number}", :gold, [1, 2, 3]}},\n' for number in range(125_000))
    table = f"defmodule Shop.Table do\n  def rows do\n    [\n{rows}    ]\n  end\nend\n"
    one_line_file = (
        f'defmodule Shop.Blob do\n  def f, do: {{"{"x" * 2_000_000}", spawn(fn -> Shop.g() end)}}\nend\n'
    )
    assert len(table) > 5_000_000
    write_shop(tmp_path, {"lib/table.ex": table, "lib/blob.ex": one_line_file})
    ran = run("check", at=tmp_path)
    assert ran.status == 0
    assert "lib/blob.ex:2:2000019 note OTP101" in ran.out
    assert len(ran.out) < 1_000


def test_names_that_are_no_text(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a b é.ex": WARNING})
    (tmp_path / "lib" / "\udce9.ex").write_text(WARNING)
    assert paths_in(check_json(at=tmp_path)[0]) == ["lib/a b é.ex", "lib/\N{REPLACEMENT CHARACTER}.ex"]
    assert run("check", at=tmp_path).status == 1
