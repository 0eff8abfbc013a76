"""The master workflow on the example project, with a real mix and without a model."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.codebase import Codebase, open_commit
from otp_genesis_refactorers.pipelines.running import Report
from tests.pipelines.pipelines import committed, git, perform

EXAMPLE = Path(__file__).parents[2] / "examples/shaky_shop"
TASKS = 2


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The example as a repository, with work of a person in it that is not committed."""
    root = tmp_path / "shaky_shop"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("_build", "deps", ".otp-genesis"))
    committed(root, {})
    catalogue = root / "lib/shaky_shop/catalogue.ex"
    catalogue.write_text(catalogue.read_text() + "\n# A note of mine.\n")
    (root / "todo.txt").write_text("buy milk\n")
    git(root, "add", "lib/shaky_shop/catalogue.ex")
    (root / "README.md").write_text("mine\n")
    return root


def findings_of(root: Path, revision: str) -> int:
    codebase = open_commit(root, revision)
    assert isinstance(codebase, Codebase)
    return len(engine.check(codebase.project, codebase.config))


def mix_test(root: Path, commit: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`mix test` on a commit by itself. One folder for all, so that little is compiled anew."""
    folder.mkdir(exist_ok=True)
    archive = subprocess.run(["git", "-C", root, "archive", commit], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    environment = {**os.environ, "MIX_ENV": "test", "HEX_OFFLINE": "1"}
    return subprocess.run(
        ["mix", "test"], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=200
    )


def test_from_findings_to_a_branch_of_verified_commits(shop: Path, tmp_path: Path) -> None:
    before = state_of(shop)
    variables = {"max_tasks": str(TASKS), "generate_tests": "false"}
    report: Report = perform("master_workflow", shop, variables=variables, trusted_for_this_run=True)
    assert report.is_done, report.reason
    assert report.failures == ()
    assert [each["status"] for each in report.outputs["committed"]] == ["passed"] * TASKS
    assert state_of(shop) == before, "the user's work tree, index and branch are as they were"

    commits = git(shop, "rev-list", "--reverse", f"HEAD..{report.branch}").splitlines()
    assert commits == [commit for commit, _ in report.commits]
    assert len(commits) == TASKS
    counts = [findings_of(shop, commit) for commit in ["HEAD", *commits]]
    assert counts == sorted(set(counts), reverse=True), "every commit has fewer findings than the one before"
    for commit in commits:
        assert "OTP-Genesis-Evidence: " in git(shop, "log", "-1", "--format=%B", commit)
        assert "A note of mine" not in git(shop, "show", commit)
        ran = mix_test(shop, commit, tmp_path / "alone")
        assert ran.returncode == 0, ran.stdout + ran.stderr


def state_of(root: Path) -> tuple[str, ...]:
    asked = (
        ("status", "--porcelain"),
        ("rev-parse", "HEAD"),
        ("symbolic-ref", "HEAD"),
        ("diff",),
        ("diff", "--cached"),
    )
    return tuple(git(root, *each) for each in asked)
