"""What could not be run is never taken for passed or failed: it says what is missing and what to do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.machine import trust
from otp_genesis_refactorers.sandbox.limits import Limits
from otp_genesis_refactorers.shadow.workspace import open_shadow
from tests.mix.projects import MIX, state_of, trusted_shadow, write, write_till


def run_with(root: Path, mix_file: str) -> mix.MixResult:
    with trusted_shadow(write_till(root, {"mix.exs": mix_file})) as shadow:
        return mix.compile(shadow).run


def with_dependency(dependency: str) -> str:
    return MIX.replace("deps: []", f"deps: [{dependency}]")


def test_nothing_runs_in_a_folder_that_nobody_has_trusted(tmp_path: Path) -> None:
    root = write_till(tmp_path / "till", {"mix.exs": f'File.write!("{tmp_path}/ran", "")\n{MIX}'})
    with open_shadow(root) as shadow:
        for result in (
            mix.run(shadow, ["compile"]),
            mix.compile(shadow).run,
            mix.test(shadow).run,
            mix.format_check(shadow, ["mix.exs"]).run,
        ):
            assert (result.status, result.exit_code) == ("not_run", None)
            assert "'otp-genesis trust'" in result.reason
        assert not shadow.build.exists()
    trust.grant(root)
    with open_shadow(root) as shadow:
        assert mix.run(shadow, ["compile"]).status == "failed"


def test_dependencies_from_hex_without_hex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIX_HOME", str(tmp_path))
    result = run_with(tmp_path / "till", with_dependency('{:jason, "~> 1.0"}'))
    assert result.status == "not_run"
    assert "'mix local.hex'" in result.reason


def test_dependencies_that_were_not_fetched(tmp_path: Path) -> None:
    result = run_with(tmp_path / "till", with_dependency('{:far, git: "https://nowhere.invalid/far.git"}'))
    assert result.status == "not_run"
    assert "'mix deps.get'" in result.reason


def test_a_path_dependency_that_is_not_there(tmp_path: Path) -> None:
    result = run_with(tmp_path / "till", with_dependency('{:far, path: "../far"}'))
    assert result.status == "not_run"
    assert "dependencies are missing" in result.reason


def test_an_elixir_that_the_project_does_not_take(tmp_path: Path) -> None:
    result = run_with(tmp_path / "till", MIX.replace("deps:", 'elixir: "~> 7.0", deps:'))
    assert result.status == "not_run"
    assert "asks for Elixir ~> 7.0" in result.reason


def test_a_machine_without_elixir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("otp_genesis_refactorers.machine.toolchain._USUAL_PLACES", ())
    with trusted_shadow(write_till(tmp_path / "till")) as shadow:
        result = mix.test(shadow)
    assert (result.run.status, result.finished, result.tests) == ("not_run", False, ())
    assert "Elixir was not found" in result.run.reason


@pytest.mark.parametrize("search_path", ["/usr/bin", ""])
def test_an_elixir_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search_path: str
) -> None:
    root = tmp_path / "elixir/1.0"
    app = '{application,elixir,[{vsn,"1.0"}]}.'
    write(root, {"bin/elixir": "#!/nowhere\n", "bin/mix": "", "lib/elixir/ebin/elixir.app": app})
    for program in (root / "bin").iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{root}/bin:{search_path}")
    with trusted_shadow(write_till(tmp_path / "till")) as shadow:
        result = mix.run(shadow, ["compile"])
    assert result.status == "not_run"
    assert f"Elixir in {root} can't be started: " in result.reason


GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]


def test_a_dependency_from_git_and_the_time_to_compile_it(tmp_path: Path) -> None:
    far = MIX.replace("Till", "Far").replace(":till", ":far")
    write(tmp_path / "far", {"mix.exs": far, "lib/far.ex": "defmodule Far do\n  def far, do: 1\nend\n"})
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "far"]):
        subprocess.run([*GIT, *command], cwd=tmp_path / "far", check=True)
    root = write_till(
        tmp_path / "till", {"mix.exs": with_dependency(f'{{:far, git: "{tmp_path}/far", only: :test}}')}
    )
    fetch = {**os.environ, "MIX_ENV": "test", "MIX_HOME": str(tmp_path)}
    subprocess.run(["mix", "deps.get"], cwd=root, env=fetch, check=True, capture_output=True)
    before = state_of(root)
    short = Limits(timeout_seconds=0.1)
    with trusted_shadow(root) as shadow:
        compiled = mix.run(shadow, ["run", "-e", "IO.write(Far.far())"], limits=short)
        assert (compiled.status, compiled.stdout[-1:]) == ("ok", "1")
        assert mix.run(shadow, ["run", "-e", "IO.write(Far.far())"], limits=short).status == "timed_out"
    assert state_of(root) == before
