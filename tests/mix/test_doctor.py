"""What is there, what is not, and what that costs; never a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otp_genesis_refactorers.machine import trust
from tests.cli.command_line import run
from tests.mix.projects import MIX, state_of, write, write_till
from tests.mix.test_isolation import without_bubblewrap

KEY = "sk-ant-0123456789"


def examined(at: Path, *arguments: str) -> dict[str, dict[str, str]]:
    ran = run("doctor", "--format", "json", *arguments, at=at)
    assert (ran.status, ran.err) == (0, "")
    return {entry["name"]: entry for entry in json.loads(ran.out)}


def test_a_machine_with_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    app = '{application,hex,[{vsn,"2.1.1"}]}.'
    write(tmp_path, {"mix/archives/hex-2.1.1/hex-2.1.1/ebin/hex.app": app})
    monkeypatch.setenv("MIX_HOME", str(tmp_path / "mix"))
    root = write_till(tmp_path / "till", {"mix.exs": MIX.replace("[]]", '[{:credo, "~> 1.7"}]]')})
    before = state_of(root)
    trust.grant(root)
    found = examined(root)
    assert [name for name, entry in found.items() if entry["state"] == "missing"] == ["Gemini"]
    assert "/lib/elixir" in found["Elixir"]["what"]
    assert found["Hex"]["what"].startswith("2.1.1 in ")
    assert found["Claude"]["what"].startswith("ANTHROPIC_API_KEY is set; claude-")
    assert state_of(root) == before


def test_what_each_lack_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_bubblewrap(monkeypatch, tmp_path)
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIX_HOME", str(tmp_path))
    found = examined(write_till(tmp_path / "till", {"mix.lock": '%{"jason": {:hex, :jason, "1.4.4"}}'}))
    missing = {name for name, entry in found.items() if entry["state"] == "missing"}
    assert missing == {"Hex", "Isolation", "Trust", "Dependencies", "Credo", "Claude", "Gemini"}
    assert all(found[name]["cost"] for name in missing)
    assert "'mix deps.get'" in found["Dependencies"]["cost"]


def test_a_machine_without_elixir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("otp_genesis_refactorers.machine.toolchain._USUAL_PLACES", ())
    found = examined(tmp_path)
    assert found["Elixir"]["state"] == "missing"
    assert "findings, fixes and plans work without" in found["Elixir"]["cost"]
    assert "mix" not in found
    assert "Trust" not in found


def test_what_the_users_configuration_opens(tmp_path: Path, own_user: Path) -> None:
    root = write_till(tmp_path / "till")
    file = own_user / "config/otp-genesis/config.toml"
    write(own_user, {"config/otp-genesis/config.toml": f'[mix.projects."{root}"]\nnetwork = true\n'})
    assert examined(root)["Configuration"]["what"] == f"{file}; opened for mix: the network"
    write(own_user, {"config/otp-genesis/config.toml": "[mix]\nisolation = 3\n"})
    broken = examined(root)["Configuration"]
    assert broken["state"] == "missing"
    assert "isolation" in broken["what"]


def test_for_people_and_without_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    ran = run("doctor", at=tmp_path)
    assert ran.status == 0
    assert "✓ Elixir" in ran.out
    assert "✓ Gemini             GOOGLE_API_KEY is set" in ran.out
    assert KEY not in ran.out
    assert "\x1b" not in ran.out
    assert run("doctor", "nowhere", at=tmp_path).status == 2
