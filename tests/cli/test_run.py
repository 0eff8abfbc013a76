"""`otp-genesis run`, `runs`, `schema`: what they print, when they fail. What pipelines do is tested apart."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from otp_genesis_refactorers.pipelines.journal import Journal
from otp_genesis_refactorers.pipelines.language.step_types import step_types
from tests.cli.command_line import COMMAND, run, run_command, write_shop
from tests.cli.shop import NOTE

FIND = """\
workflow:
  name: find
  inputs: {word: {default: spawn}}
  steps:
    - {name: find, type: search, pattern: "{{ word }}", glob: lib/, description: Look for it}
  outputs: {places: "{{ steps.find.matches }}", count: "{{ steps.find.count }}"}
"""
FOREVER = """\
workflow:
  name: forever
  steps:
    - name: again
      type: while_loop
      condition: "1 == 1"
      max_rounds: 1000
      steps: [{name: find, type: search, pattern: spawn}]
"""


@pytest.fixture
def shop(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    user = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("XDG_DATA_HOME", str(user / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(user / "config"))
    return write_shop(tmp_path, {"lib/mail.ex": NOTE, "find.yaml": FIND, "forever.yaml": FOREVER})


def run_id(text: str) -> str:
    found = re.search(r"\d{8}-\d{6}-[0-9a-f]{4}", text)
    assert found
    return found[0]


def test_results_and_exit_status(shop: Path) -> None:
    ran = run("run", "find.yaml", at=shop)
    assert (ran.status, ran.err) == (0, "")
    id_ = run_id(ran.out)
    assert ran.out.splitlines() == [
        "places:",
        "  lib/mail.ex:2:   def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)",
        "count: 1",
        f"run {id_}: done, 1 step",
    ]


def test_json_for_programs(shop: Path) -> None:
    ran = run("run", "find.yaml", "--var", "word=GenServer", "--format", "json", at=shop)
    result = json.loads(ran.out)
    assert (ran.status, result["version"], result["status"]) == (0, 1, "done")
    assert result["outputs"] == {"places": [], "count": 0}


def test_a_built_in_pipeline_by_its_name(shop: Path) -> None:
    ran = run("run", "atomic/find_anti_pattern", "--var", "rule=unsupervised-spawn", at=shop)
    assert ran.status == 0
    assert "  lib/mail.ex:2: OTP101 " in ran.out


def test_a_dry_run_shows_the_steps_and_runs_none(shop: Path) -> None:
    ran = run("run", "find.yaml", "--dry-run", at=shop)
    assert (ran.status, ran.out.splitlines()) == (0, ["find: find.yaml", "  find (search) - Look for it"])
    assert run("runs", at=shop).out.startswith("no pipeline was run yet")
    master = run("run", "master_workflow", "--dry-run", at=shop).out
    assert re.search(r"\n( +)refactor \(pipeline\)\n\1  own_fix \(edit\)\n", master)


def test_mistakes_are_lines_that_editors_can_open(shop: Path) -> None:
    (shop / "bad.yaml").write_text(FIND.replace("type: search", "type: serch"))
    ran = run("run", "bad.yaml", at=shop)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "bad.yaml:5:26: there is no step type 'serch'; did you mean 'search'?\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mastr_workflow"], "there is no pipeline 'mastr_workflow': did you mean 'master_workflow'?"),
        ([], "which pipeline?"),
        (["find.yaml", "--var", "word"], "write it as NAME=VALUE"),
        (["find.yaml", "--var", "wrod=x"], "did you mean 'word'?"),
        (["find.yaml", "--input-file", "nowhere.xml"], "is no file that can be read"),
        (["--resume", "2026"], "there is no run '2026'"),
    ],
)
def test_what_can_not_be_run_is_one_line(shop: Path, arguments: list[str], said: str) -> None:
    ran = run("run", *arguments, at=shop)
    assert (ran.status, ran.out) == (2, "")
    [line] = ran.err.splitlines()
    assert said in line


def test_a_run_that_fails_says_how_to_take_it_up(shop: Path) -> None:
    steps = FIND.replace('pattern: "{{ word }}"', "pattern: '(', regex: true")
    (shop / "bad.yaml").write_text(steps)
    ran = run("run", "bad.yaml", at=shop)
    assert ran.status == 1
    assert ran.err.startswith("the run failed: find: ")
    assert f"otp-genesis run --resume {run_id(ran.out)}" in ran.err
    (shop / "bad.yaml").write_text(FIND)
    assert run("run", "--resume", run_id(ran.out), at=shop).status == 0


def test_runs_are_listed_and_shown(shop: Path) -> None:
    id_ = run_id(run("run", "find.yaml", at=shop).out)
    assert run("runs", at=shop).out.splitlines() == [f"{id_}  done         find  (1 step)"]
    shown = run("runs", id_[:15], at=shop).out.splitlines()
    assert shown[1] == f"project: {shop}"
    assert shown[2].endswith("  find (search)")
    [step] = json.loads(run("runs", id_, "--format", "json", at=shop).out)["steps"]
    assert step["gives"]["count"] == 1
    assert run("runs", "2019", at=shop).status == 2


def test_the_schema_names_every_step_type(shop: Path) -> None:
    schema = json.loads(run("schema", at=shop).out)
    kinds = {each["$ref"].rpartition("/")[2] for each in schema["$defs"]["Step"]["oneOf"]}
    assert {"Claude", "ForLoop", "GitCommit", "Verify"} <= kinds
    assert len(kinds) == len(step_types())


def test_interrupted_from_the_keyboard(shop: Path) -> None:
    process = subprocess.Popen(
        [COMMAND, "run", "forever.yaml"], cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with closing(Journal()) as journal:
        deadline = time.monotonic() + 60
        while not journal.runs() or not journal.steps(journal.runs()[0].id):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        [record] = journal.runs()
    assert (process.returncode, out, record.status) == (130, "", "cancelled")
    assert f"otp-genesis run --resume {record.id}" in err


def test_the_command_is_quick_to_help(shop: Path) -> None:
    assert run_command("run", "--help", at=shop).returncode == 0
