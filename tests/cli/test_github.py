"""`check --format github`: workflow commands, one a line, whatever a path or a message holds."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.command_line import run, write_shop
from tests.cli.shop import NOTE, QUIET, WARNING, check_json

COMMAND = re.compile(r"::(?P<command>\w+) (?P<properties>[^:]*)::(?P<message>.*)")


def unescaped(text: str) -> str:
    for code, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, character)
    return text


def commands(root: Path) -> list[tuple[str, dict[str, str], str]]:
    """As the runner of GitHub Actions reads them."""
    ran = run("check", "--format", "github", at=root)
    found: list[tuple[str, dict[str, str], str]] = []
    for line in ran.out.splitlines():
        command = COMMAND.fullmatch(line)
        assert command, line
        pairs = (pair.split("=", 1) for pair in command["properties"].split(","))
        found.append((command["command"], {k: unescaped(v) for k, v in pairs}, unescaped(command["message"])))
    return found


def test_a_command_says_what_the_json_says(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": WARNING, "lib/b.ex": NOTE})
    found = check_json(at=tmp_path)[0].findings
    assert [command for command, _, _ in commands(tmp_path)] == ["warning", "notice"]
    for (_, properties, message), finding in zip(commands(tmp_path), found, strict=True):
        assert message == finding.message
        assert properties == {
            "file": str(tmp_path / finding.path),
            "line": str(finding.line),
            "endLine": str(finding.end_line),
            "col": str(finding.column),
            "endColumn": str(finding.end_column),
            "title": "OTP101 unsupervised-spawn",
        }


def test_a_path_cannot_write_a_command(tmp_path: Path) -> None:
    name = "a,b:c%2C::error file=x\n::set-output name=y::z\r.ex"
    root = write_shop(tmp_path / "é漢", {})
    (root / "lib" / name).write_text(WARNING)
    [(_, properties, _)] = commands(root)
    assert properties["file"] == str(root / "lib" / name)


def test_exit_status_and_nothing_found(tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    assert run("check", "--format", "github", at=tmp_path) == (0, "", "")
    write_shop(tmp_path, {"lib/a.ex": WARNING})
    assert run("check", "--format", "github", at=tmp_path).status == 1
