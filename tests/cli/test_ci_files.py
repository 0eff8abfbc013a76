"""What other programs read: the hook definition, the workflows in the documentation."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.cli.command_line import run, write_shop
from tests.cli.shop import QUIET

ROOT = Path(__file__).parents[2]
CI_PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
YAML_BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", CI_PAGE, flags=re.MULTILINE | re.DOTALL)
WORKFLOWS = [block for block in YAML_BLOCKS if "jobs:" in block]
COMMANDS = re.findall(r"otp-genesis (check [^|<>\n]*)", CI_PAGE)


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_pre_commit_hook(tmp_path: Path) -> None:
    [hook] = read((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["id"] == hook["name"] == "otp-genesis"
    assert (hook["language"], hook["types"], hook["require_serial"]) == ("python", ["elixir"], True)
    command, *arguments = shlex.split(hook["entry"])
    assert command == "otp-genesis"
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    assert run(*arguments, "mix.exs", "lib/a.ex", at=tmp_path).status == 0


def test_the_page_shows_how_to_use_the_hook() -> None:
    [block] = [block for block in YAML_BLOCKS if "repos:" in block]
    [repository] = read(block)["repos"]
    [hook] = repository["hooks"]
    assert hook["id"] == "otp-genesis"


@pytest.mark.parametrize("text", WORKFLOWS)
def test_the_workflows(text: str) -> None:
    workflow = read(text)
    assert workflow["on"]
    assert workflow["permissions"]["contents"] == "read"
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"[\w-]+(/[\w-]+)+@v\d+", step.get("uses", "a/b@v1"))


def test_the_upload_takes_the_file_that_is_written() -> None:
    [workflow] = [text for text in WORKFLOWS if "upload-sarif" in text]
    steps = read(workflow)["jobs"]["check"]["steps"]
    [written] = [step["run"].rpartition("> ")[2] for step in steps if ">" in step.get("run", "")]
    [upload] = [step for step in steps if "upload-sarif" in step.get("uses", "")]
    assert upload["with"]["sarif_file"] == written
    assert read(workflow)["permissions"]["security-events"] == "write"


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_every_command_of_the_page_is_understood(command: str, tmp_path: Path) -> None:
    write_shop(tmp_path, {"lib/a.ex": QUIET})
    (tmp_path / ".otp-genesis-baseline.json").write_text('{"version": 1, "findings": []}')
    ran = run(*shlex.split(command), at=tmp_path)
    assert ran.status == 0 or "is in no git repository" in ran.err
