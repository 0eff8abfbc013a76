from pathlib import Path

import pytest

from tests.plan.shop import Shop, write_shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return write_shop(tmp_path)
