from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llm.vendors import Loopback, serving


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Both vendors, and a user of theirs who has configured nothing else."""
    for kind in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    with serving() as loopback:
        for name, value in loopback.environment.items():
            monkeypatch.setenv(name, value)
        yield loopback
