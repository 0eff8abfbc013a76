"""What the pages say of the BEAM, shown by the BEAM: every script here is run by the real Elixir.

    tests/beam/call_to_itself.exs      named in the References of each rule whose page relies on it

A script is an ExUnit file that starts ExUnit itself: `elixir FILE` says whether the claim holds.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import otp_genesis_refactorers.fixes
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.page import section

FOLDER = Path(__file__).parent
SCRIPTS = sorted(FOLDER.glob("*.exs"))
NAMED = re.compile(r"tests/beam/(\w+\.exs)")

EACH_SCRIPT = pytest.mark.parametrize("script", [pytest.param(script, id=script.stem) for script in SCRIPTS])


@EACH_SCRIPT
def test_the_beam_does_what_the_pages_say(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["elixir", str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[1-9]\d* tests?, 0 failures$", done.stdout, re.MULTILINE), done.stdout


@EACH_SCRIPT
def test_each_script_is_named_by_a_rule_or_a_fix(script: Path) -> None:
    assert script.name in named_by_rules() | named_by_fixes()


def test_each_script_that_is_named_is_there() -> None:
    assert named_by_rules() | named_by_fixes() <= {script.name for script in SCRIPTS}


def named_by_rules() -> set[str]:
    return {name for rule in all_rules() for name in NAMED.findall(section(rule, "References"))}


def named_by_fixes() -> set[str]:
    (folder,) = otp_genesis_refactorers.fixes.__path__
    return {name for file in Path(folder).glob("*.py") for name in NAMED.findall(file.read_text("utf-8"))}
