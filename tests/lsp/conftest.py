from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from otp_genesis_server.lsp.workspace import file_state, folder


@pytest.fixture(scope="session", autouse=True)
def user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The servers of these tests keep their pages there, not with those of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("CACHE", "DATA", "CONFIG"):
            patch.setenv(f"XDG_{kind}_HOME", str(tmp_path_factory.mktemp(kind.lower())))
        yield


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules over the project are asked at once, not when typing pauses."""
    monkeypatch.setattr(folder, "PROJECT_PAUSE_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def no_file_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is: what was found in a slow file is published once more before it is read."""
    monkeypatch.setattr(file_state, "SLOW_SECONDS", math.inf)
