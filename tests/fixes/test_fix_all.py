"""Many fixes one after another, on what the fixes before them left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.applying.overlay import with_files
from otp_genesis_refactorers.applying.write import write_files
from otp_genesis_refactorers.change import Change, Outdated, Refused
from otp_genesis_refactorers.fix_all import FixResult, fix_all, proven_fix
from tests.fixes.fixing import (
    STRICT,
    WITH_SUPERVISOR,
    files_of,
    in_function,
    project_of,
    start_findings,
)

EXAMPLE = Path(__file__).parents[2] / "examples/shaky_shop"
ALL = {FixKind.SAFE, FixKind.UNSAFE}
CALL = "Task.Supervisor.start_child(Shop.TaskSupervisor, "


def fix_starts(project: Project) -> FixResult:
    return fix_all(project, start_findings(project), ALL, STRICT)


def test_two_equal_starts_and_one_supervisor() -> None:
    project = project_of(files_of(in_function("spawn(user)\nspawn(user)")))
    result = fix_starts(project)
    assert len(result.applied) == 2
    assert result.changed["lib/example.ex"].decode().count(CALL) == 2
    assert result.changed["lib/shop/application.ex"].count(b"{Task.Supervisor, name: ") == 1
    assert len(result.notes) == len(set(result.notes))


def test_a_start_inside_a_start() -> None:
    before = "spawn(fn ->\n  spawn(fn -> mail(user) end)\nend)"
    after = f"{CALL}fn ->\n  {CALL}fn -> mail(user) end)\nend)"
    result = fix_starts(project_of(files_of(in_function(before)), WITH_SUPERVISOR))
    assert result.changed == files_of(in_function(after))


def test_a_start_inside_a_start_whose_lines_are_broken() -> None:
    project = project_of(files_of(in_function("spawn(fn -> spawn(fn -> mail(user, :welcome) end) end)")))
    result = fix_starts(project)
    assert (len(result.applied), result.refused) == (2, ())
    assert result.changed["lib/example.ex"].decode().count(CALL) == 2


def test_the_supervisor_goes_before_all_its_users() -> None:
    later = files_of(in_function("spawn(user)"))
    sooner = files_of("# file: lib/z.ex\ndefmodule Shop.Z do\n  def run(job), do: [Task.start(job)]\nend")
    application = WITH_SUPERVISOR.replace(
        "{Task.Supervisor, name: Shop.TaskSupervisor}", "A, Shop.Z, Shop.Mailer"
    )
    result = fix_starts(project_of(later | sooner, application))
    assert len(result.applied) == 2
    tree = result.changed["lib/shop/application.ex"]
    assert b"[A, {Task.Supervisor, name: Shop.TaskSupervisor}, Shop.Z, Shop.Mailer]" in tree


def test_only_what_is_allowed() -> None:
    project = project_of(files_of(in_function("spawn(user)")))
    result = fix_all(project, start_findings(project), {FixKind.SAFE}, STRICT)
    assert (result.changed, result.applied, result.refused) == ({}, (), ())


def test_what_is_refused_is_told() -> None:
    files = files_of(in_function("pids = Enum.map(user, fn job -> spawn(job) end)\nlog(pids)\nspawn(user)"))
    project = project_of(files, WITH_SUPERVISOR)
    findings = start_findings(project)
    result = fix_all(project, findings, {*FixKind}, STRICT)
    assert result.applied == (findings[1],)
    [(finding, reason)] = result.refused
    assert finding == findings[0]
    assert "`Enum.map/2`" in reason


def test_a_proven_fix() -> None:
    project = project_of(files_of(in_function("spawn(user)")))
    finding = start_findings(project)[0]
    assert isinstance(proven_fix(finding, project, STRICT), Change)
    gone = with_files(project, files_of(in_function("log(user)")))
    assert isinstance(proven_fix(finding, gone, STRICT), Refused)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "shop", ignore=shutil.ignore_patterns("_build", "deps")))


def test_the_example_is_fixed_once_and_for_all(example: Path) -> None:
    project = engine.load(example).project
    result = fix_starts(project)
    assert len(result.applied) >= 8
    write_files(example, result.changed, result.original_hashes)
    again = engine.load(example).project
    assert {finding.fix for finding in start_findings(again)} <= {FixKind.LLM}
    second = fix_starts(again)
    assert (second.changed, second.applied) == ({}, ())


def test_a_file_that_changes_meanwhile(example: Path) -> None:
    project = engine.load(example).project
    result = fix_starts(project)
    file = example / "lib/shaky_shop/orders.ex"
    file.write_bytes(file.read_bytes() + b"# mine\n")
    before = {path: (example / path).read_bytes() for path in result.changed}
    with pytest.raises(Outdated, match=r"lib/shaky_shop/orders\.ex"):
        write_files(example, result.changed, result.original_hashes)
    assert {path: (example / path).read_bytes() for path in result.changed} == before
