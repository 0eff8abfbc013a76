"""Models are asked on this machine only; what is spent and configured is each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_user_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def impatient(tmp_path: Path) -> None:
    """The user's configuration gives up silent connections soon."""
    file = tmp_path / "config" / "otp-genesis" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[models.limits]\nsilence_seconds = 0.5\n")
