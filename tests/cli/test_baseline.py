"""`check --baseline` and `--write-baseline`: what a project has accepted, and what a person wrote to it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from otp_genesis_analyzers.rules import find_rule
from tests.cli.command_line import Ran, run, write, write_shop
from tests.cli.shop import NOTE, QUIET, WARNING, check_json, one_line, paths_in
from tests.example_project import parse

NAME = ".otp-genesis-baseline.json"


def shop(root: Path, **files: str) -> Path:
    return write_shop(root, {f"lib/{name}.ex": code for name, code in files.items()})


def accepted(root: Path, *arguments: str, name: str = NAME) -> Ran:
    """A baseline with everything that is found."""
    ran = run("check", "--write-baseline", name, *arguments, at=root)
    assert ran.status == 0, ran.err
    return ran


def entries(root: Path, name: str = NAME) -> list[dict[str, Any]]:
    return json.loads((root / name).read_bytes())["findings"]


def rewrite(root: Path, findings: list[dict[str, Any]], **more: Any) -> None:
    content = {"version": 1, "findings": findings, **more}
    (root / NAME).write_text(json.dumps(content), encoding="utf-8")


# --- leaving out --------------------------------------------------------------------------------------


def test_what_is_accepted_is_not_shown_and_does_not_fail(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING, b=NOTE)
    ran = accepted(tmp_path)
    assert ran.err == f"{NAME}: 2 findings, 2 new, 0 dropped\n"
    assert ran.out == "no findings in 4 files; 2 in the baseline\n"
    assert run("check", "--baseline", NAME, at=tmp_path) == (0, ran.out, "")


def test_what_is_new_is_shown(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path)
    shop(tmp_path, b=WARNING.replace("Orders", "Returns"))
    result, ran = check_json("--baseline", NAME, at=tmp_path)
    assert (ran.status, paths_in(result), ran.err) == (1, ["lib/b.ex"], "")


def test_a_second_one_beside_the_first_is_new(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path)
    spawn = "    spawn(fn -> Shop.Warehouse.ship(order) end)\n"
    shop(tmp_path, a=WARNING.replace(spawn, spawn * 2))
    assert len(check_json("--baseline", NAME, at=tmp_path)[0].findings) == 1


def test_moved_lines_do_not_matter(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path)
    moved = "# first\n\n" + WARNING.replace("spawn(fn -> ", "spawn(fn ->\n      ")
    shop(tmp_path, a=moved)
    assert run("check", "--baseline", NAME, at=tmp_path).status == 0


def test_findings_of_the_whole_project_are_taken_in(tmp_path: Path) -> None:
    rule = find_rule("child-not-in-tree")
    assert rule is not None and rule.project_wide
    write_shop(tmp_path, parse(rule.INVALID[0].code).files)
    found = check_json(at=tmp_path)[0].findings
    assert found
    accepted(tmp_path)
    assert check_json("--baseline", NAME, at=tmp_path)[0].findings == []


def test_it_is_used_only_when_it_is_named(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path)
    assert run("check", at=tmp_path).status == 1


def test_from_a_folder_inside_the_project(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    assert run("check", "--write-baseline", at=tmp_path / "lib").status == 0
    assert [entry["path"] for entry in entries(tmp_path)] == ["lib/a.ex"]
    assert run("check", "--baseline", f"../{NAME}", at=tmp_path / "lib").status == 0


# --- what is gone -------------------------------------------------------------------------------------


def test_what_is_no_longer_found_is_said_in_one_line(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING, b=NOTE)
    accepted(tmp_path)
    shop(tmp_path, a=QUIET)
    (tmp_path / "lib/b.ex").unlink()
    ran = run("check", "--baseline", NAME, at=tmp_path)
    assert ran.status == 0
    assert one_line(ran) == (
        f"{NAME}: 2 findings no longer found, --write-baseline takes them out: OTP101 in lib/a.ex,"
        " OTP101 in lib/b.ex"
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["lib/b.ex"], QUIET),
        (["--select", "OTP102"], QUIET),
        (["--ignore", "OTP101"], QUIET),
        ([], WARNING.replace("do: {:ok, orders}", "do: [1, {")),
    ],
)
def test_what_was_not_looked_for_is_not_called_gone(tmp_path: Path, arguments: list[str], code: str) -> None:
    shop(tmp_path, a=WARNING, b=QUIET)
    accepted(tmp_path)
    before = (tmp_path / NAME).read_bytes()
    shop(tmp_path, a=code)
    assert "no longer found" not in run("check", "--baseline", NAME, *arguments, at=tmp_path).err
    accepted(tmp_path, *arguments)
    assert (tmp_path / NAME).read_bytes() == before


def test_a_file_that_cannot_be_read_is_not_called_repaired(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path)
    (tmp_path / "lib/a.ex").write_bytes(b"# \xe9")
    assert one_line(run("check", "--baseline", NAME, at=tmp_path)).startswith("lib/a.ex: not UTF-8")


def test_rewriting_drops_what_is_gone_and_says_so_with_its_reason(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING, b=NOTE)
    accepted(tmp_path)
    rewrite(tmp_path, [{**entry, "reason": f"why {entry['path']}"} for entry in entries(tmp_path)])
    shop(tmp_path, a=QUIET)
    assert accepted(tmp_path).err.splitlines() == [
        f"{NAME}: 1 finding, 0 new, 1 dropped",
        "dropped OTP101 in lib/a.ex, Shop.Orders.handle_cast/2 -- why lib/a.ex",
    ]
    assert [(entry["path"], entry["reason"]) for entry in entries(tmp_path)] == [("lib/b.ex", "why lib/b.ex")]


# --- the file -----------------------------------------------------------------------------------------


def test_the_file(tmp_path: Path) -> None:
    shop(tmp_path, é=WARNING)
    accepted(tmp_path)
    text = (tmp_path / NAME).read_text(encoding="utf-8")
    [finding] = check_json(at=tmp_path)[0].findings
    assert entries(tmp_path) == [
        {
            "fingerprint": finding.fingerprint,
            "code": "OTP101",
            "path": "lib/é.ex",
            "scope": "Shop.Orders.handle_cast/2",
            "message": finding.message,
            "reason": "",
        }
    ]
    assert text.startswith('{\n  "version": 1,\n  "findings": [\n    {\n      "fingerprint": "')
    assert text.endswith("  ]\n}\n")
    assert '"path": "lib/é.ex"' in text


def test_reasons_and_order_survive(tmp_path: Path) -> None:
    two = WARNING.replace("{:noreply", "Task.start(fn -> Shop.Mail.tell(order) end)\n    {:noreply")
    shop(tmp_path, b=two)
    accepted(tmp_path)
    reasons = ["läuft im Mai aus", "second"]
    turned = list(reversed(entries(tmp_path)))
    rewrite(tmp_path, [{**entry, "reason": why} for entry, why in zip(turned, reasons, strict=True)])
    shop(tmp_path, a=WARNING.replace("Orders", "A"), b=f"{two}\n{WARNING.replace('Orders', 'C')}")
    assert accepted(tmp_path).err == f"{NAME}: 4 findings, 2 new, 0 dropped\n"
    assert [entry["path"] for entry in entries(tmp_path)] == ["lib/a.ex", *["lib/b.ex"] * 3]
    assert [entry["reason"] for entry in entries(tmp_path)] == ["", *reasons, ""]
    assert [entry["fingerprint"] for entry in entries(tmp_path)][1:3] == [e["fingerprint"] for e in turned]


def test_writing_it_again_changes_no_byte_and_no_time(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING, b=NOTE)
    accepted(tmp_path)
    file = tmp_path / NAME
    os.utime(file, (1, 1))
    before = file.read_bytes()
    accepted(tmp_path)
    assert (file.read_bytes(), file.stat().st_mtime) == (before, 1)


def test_twice_the_same_entry_after_a_merge(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path)
    [entry] = entries(tmp_path)
    rewrite(tmp_path, [entry, {**entry, "reason": "theirs"}])
    accepted(tmp_path)
    assert entries(tmp_path) == [{**entry, "reason": "theirs"}]


def test_an_older_entry_without_a_reason_is_read(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path)
    rewrite(tmp_path, [{key: text for key, text in entries(tmp_path)[0].items() if key != "reason"}])
    assert run("check", "--baseline", NAME, at=tmp_path).status == 0


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["--write-baseline"], NAME),
        (["--write-baseline", "other.json"], "other.json"),
        (["--write-baseline=other.json"], "other.json"),
        (["--baseline", "given.json", "--write-baseline"], "given.json"),
        (["--baseline", "given.json", "--write-baseline", "other.json"], "other.json"),
    ],
)
def test_where_it_is_written(tmp_path: Path, arguments: list[str], written: str) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path, name="given.json")
    rewrite(tmp_path, [{**entries(tmp_path, "given.json")[0], "reason": "kept"}])
    (tmp_path / NAME).rename(tmp_path / "given.json")
    assert run("check", *arguments, at=tmp_path).status == 0
    reason = "kept" if "given.json" in arguments else ""
    assert [entry["reason"] for entry in entries(tmp_path, written)] == [reason]


def test_a_link_to_a_shared_file_stays_a_link(tmp_path: Path) -> None:
    shop(tmp_path / "shop", a=WARNING)
    (tmp_path / "shop" / NAME).symlink_to("../shared.json")
    (tmp_path / "shared.json").write_text('{"version": 1, "findings": []}')
    accepted(tmp_path / "shop")
    assert (tmp_path / "shop" / NAME).is_symlink()
    assert len(entries(tmp_path, "shared.json")) == 1


def test_names_that_are_no_text(tmp_path: Path) -> None:
    shop(tmp_path)
    (tmp_path / "lib" / "\udce9.ex").write_text(WARNING)
    accepted(tmp_path)
    assert run("check", "--baseline", NAME, at=tmp_path).status == 0
    accepted(tmp_path)
    assert [entry["path"] for entry in entries(tmp_path)] == ["lib/\udce9.ex"]


# --- what is no baseline ------------------------------------------------------------------------------

ENTRY = {"fingerprint": "0", "code": "OTP101", "path": "lib/a.ex", "scope": "", "message": ""}
WRONG = {
    "": "line 1: not JSON: Expecting value",
    '{"version": 1,\n "findings": [\n<<<<<<< HEAD\n': "line 3: not JSON: Expecting value",
    "[]": 'no baseline: it must hold {"version": 1, "findings": […]}',
    "{}": 'no baseline: "version" must be 1',
    '{"version": "1", "findings": []}': 'no baseline: "version" must be 1',
    '{"version": true, "findings": []}': 'no baseline: "version" must be 1',
    '{"version": 2, "findings": []}': "version 2, written by a newer otp-genesis; this one reads 1",
    '{"version": 1}': "Object missing required field `findings`",
    '{"version": 1, "findings": {}}': "Expected `array`, got `object` - at `$.findings`",
    '{"version": 1, "findings": [{}]}': "Object missing required field `fingerprint` - at `$.findings[0]`",
    '{"version": 1, "findings": [], "owner": "me"}': "Object contains unknown field `owner`",
    json.dumps(
        {"version": 1, "findings": [{**ENTRY, "owner": "me"}]}
    ): "unknown field `owner` - at `$.findings[0]`",
    json.dumps(
        {"version": 1, "findings": [{**ENTRY, "reason": 1}]}
    ): "Expected `str`, got `int` - at `$.findings[0].reason`",
    "[" * 100_000: "nested too deeply",
    WARNING: "line 1: not JSON",
}


@pytest.mark.parametrize("option", ["--baseline", "--write-baseline"])
@pytest.mark.parametrize(("content", "message"), WRONG.items(), ids=WRONG.values())
def test_a_wrong_file_is_one_line_and_is_not_touched(
    tmp_path: Path, content: str, message: str, option: str
) -> None:
    shop(tmp_path, a=WARNING)
    write(tmp_path, {"base.json": content})
    ran = run("check", option, "base.json", at=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert one_line(ran).startswith("otp-genesis check: base.json: ")
    assert message in one_line(ran)
    assert (tmp_path / "base.json").read_text() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--baseline", "nowhere.json"],
            "nowhere.json: there is no such baseline; --write-baseline makes one",
        ),
        (["--baseline", "lib"], "lib is a folder, not a baseline"),
        (
            ["--write-baseline", "lib"],
            "lib is a folder, not a baseline; write --write-baseline behind the paths",
        ),
        (["--write-baseline", "--since", "HEAD"], "can't be combined: a baseline takes in all findings"),
    ],
)
def test_usage_errors(tmp_path: Path, arguments: list[str], message: str) -> None:
    shop(tmp_path, a=WARNING)
    ran = run("check", *arguments, at=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert message in one_line(ran)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    write(tmp_path, {"base.json": b'{"version": 1, "findings": ["\xff"]}'})
    assert one_line(run("check", "--baseline", "base.json", at=tmp_path)).endswith("not UTF-8 text")


def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    shop(tmp_path, a=QUIET)
    rewrite(tmp_path, [{**ENTRY, "reason": "\x1b[2J", "path": "lib/a.ex\n::error::"}])
    for option in ("--baseline", "--write-baseline"):
        ran = run("check", option, NAME, at=tmp_path)
        assert ran.status == 0
        assert "\x1b" not in ran.err and "\n::" not in ran.err


def test_a_read_only_file_is_left_alone(tmp_path: Path) -> None:
    shop(tmp_path, a=WARNING)
    accepted(tmp_path)
    (tmp_path / NAME).chmod(0o444)
    shop(tmp_path, b=NOTE)
    ran = run("check", "--write-baseline", at=tmp_path)
    assert (ran.status, one_line(ran)) == (
        2,
        f"otp-genesis check: {NAME} is read-only; nothing was written",
    )
