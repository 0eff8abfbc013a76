"""What is proved is what is committed, whatever lies in the work tree. Runs mix."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase, moved_to, open_commit, open_files
from otp_genesis_refactorers.git.branch import Branch, commit_of, open_branch
from otp_genesis_refactorers.proof.commit import commit_proved
from otp_genesis_refactorers.proof.evidence import Evidence, stored
from tests.codebase.projects import change, sure, why
from tests.git.repositories import committed, everything_of, git, write
from tests.mix.projects import MIX, MODULE, TEST, TILL, write_till

KIT_MIX = MIX.replace("Till", "Kit").replace(":till", ":kit")
SHOP = {
    **{f"shop/{path}": text for path, text in TILL.items()},
    "shop/mix.exs": MIX.replace("deps: []", 'deps: [{:kit, path: "../kit"}]'),
    "shop/lib/till.ex": MODULE.replace("Enum.sum(prices)", "Kit.sum(prices)"),
    "shop/.gitignore": "/lib/ignored.ex\n_build\n",
    "kit/mix.exs": KIT_MIX,
    "kit/lib/kit.ex": "defmodule Kit do\n  def sum(list), do: Enum.sum(list)\nend\n",
}
BROKEN = "defmodule Broken do\n  def oops(, do: :ok\nend\n"


@pytest.fixture(autouse=True)
def own_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "user" / variable))
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.com")


def opened(root: Path) -> Branch:
    branch = open_branch(root, "r1")
    assert isinstance(branch, Branch), branch
    return branch


def proved(codebase: Codebase) -> Evidence:
    evidence = codebase.verify(trusted_for_this_run=True)
    assert evidence.verdict == "verified", evidence.reason
    return evidence


def test_from_a_commit_to_a_commit_that_passes_alone(tmp_path: Path) -> None:
    repository = committed(tmp_path / "repository", SHOP)
    root = repository / "shop"
    # None of this is in the commit, and each of it would break it.
    git(repository, "update-index", "--skip-worktree", "shop/test/till_test.exs")
    write(repository, {"shop/test/till_test.exs": TEST.replace("== 3", "== 4"), "kit/lib/kit.ex": BROKEN})
    write(root, {"lib/till.ex": BROKEN, "lib/untracked.ex": BROKEN, "lib/ignored.ex": BROKEN})
    before = everything_of(repository)

    codebase, branch = sure(open_commit(root)), opened(root)
    change(codebase, "lib/till.ex", "Kit.sum(prices)", "Kit.sum(prices) + 0")
    evidence = proved(codebase)
    assert evidence.base_commit == branch.tip
    assert (
        why(commit_proved(branch, evidence, {}, "x")) == "lib/till.ex is not what was verified: verify again"
    )
    other = {**codebase.changed, "lib/more.ex": b""}
    assert why(commit_proved(branch, evidence, other, "x")).startswith("lib/more.ex is not what was verified")
    first = commit_proved(branch, evidence, codebase.changed, "Add nothing", "each/1")
    assert isinstance(first, Branch)
    assert "is at" in why(commit_proved(first, evidence, codebase.changed, "Again"))

    trailer = git(
        repository, "log", "-1", "--format=%(trailers:key=OTP-Genesis-Evidence,valueonly)", first.tip
    )
    kept = stored(root, trailer.split()[0])
    assert kept == evidence
    assert trailer.split()[1] == "verified"
    assert commit_of(first, "each/1") == first.tip

    codebase = sure(moved_to(codebase, first.tip))
    change(codebase, "lib/till.ex", "+ 0", "+ 0 + 0")
    second = commit_proved(first, proved(codebase), codebase.changed, "Add nothing again")
    assert isinstance(second, Branch)
    assert everything_of(repository) == before

    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", "otp-genesis/r1", str(repository), str(clone))
    result = sure(open_files(clone / "shop")).run_test(trusted_for_this_run=True)
    assert not isinstance(result, Refused)
    assert (result.run.status, len(result.in_state("passed"))) == ("ok", 1)


def test_what_is_not_verified_is_not_committed(tmp_path: Path) -> None:
    root = committed(tmp_path / "till", TILL)
    codebase, branch = sure(open_commit(root)), opened(root)
    change(codebase, "lib/till.ex", "Enum.sum(prices)", "Enum.sum(prices) + 1")
    untrusted = codebase.verify()
    assert untrusted.verdict == "not_verified"
    assert "what is not verified is not committed" in why(
        commit_proved(branch, untrusted, codebase.changed, "x")
    )
    rejected = codebase.verify(trusted_for_this_run=True)
    assert (rejected.verdict, rejected.base_commit) == ("rejected", branch.tip)
    assert "adds up" in why(commit_proved(branch, rejected, codebase.changed, "x"))
    forged = rejected.model_copy(update={"verdict": "verified", "base_commit": "0" * 40})
    assert "verify again" in why(commit_proved(branch, forged, codebase.changed, "x"))
    assert git(root, "branch", "--list", "otp-genesis/*") == ""


def test_tests_and_the_compiler_see_the_layer(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till")
    codebase = sure(
        open_files(root, {"lib/till.ex": MODULE.replace("sum(prices)", "sum(prices) + 1").encode()})
    )
    failed = codebase.run_test(["test/till_test.exs:5"], trusted_for_this_run=True)
    assert not isinstance(failed, Refused)
    assert failed.run.status == "failed"
    change(codebase, "lib/till.ex", "+ 1", "+ 0")
    passed = codebase.run_test(["test/till_test.exs"], trusted_for_this_run=True)
    assert not isinstance(passed, Refused)
    assert passed.run.status == "ok"
    assert (
        why(codebase.run_test(["test/gone_test.exs"], trusted_for_this_run=True))
        == "there is no test/gone_test.exs"
    )
    assert "outside" in why(codebase.run_test(["../x_test.exs"], trusted_for_this_run=True))
    change(codebase, "lib/new.ex", "", "defmodule New do\n  def a, do: b()\nend")
    compiled = codebase.compile(trusted_for_this_run=True)
    assert not isinstance(compiled, Refused)
    assert [diagnostic.path for diagnostic in compiled.diagnostics] == ["lib/new.ex"]
    with codebase.in_copy(trusted_for_this_run=True) as shadow:
        assert mix.format_check(shadow, ["lib/new.ex"]).run.status in ("ok", "failed")
    assert not (root / "lib/new.ex").exists()


def test_without_trust_or_a_project_nothing_runs(tmp_path: Path) -> None:
    codebase = sure(open_files(write_till(tmp_path / "till")))
    result = codebase.run_test()
    assert not isinstance(result, Refused)
    assert result.run.status == "not_run"
    write(tmp_path / "plain", {"a.ex": "defmodule A do\nend\n"})
    plain = sure(open_files(tmp_path / "plain"))
    assert "is no mix project" in why(plain.run_test(trusted_for_this_run=True))
    assert "is no mix project" in why(plain.compile(trusted_for_this_run=True))
