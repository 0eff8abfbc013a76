"""The user's own folders. Nothing of them is ever part of a project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

_NAME = "otp-genesis"


def cache_folder() -> Path:
    """For what can be made again."""
    return _folder().user_cache_path


def data_folder() -> Path:
    """For what the user would miss."""
    return _folder().user_data_path


def config_folder() -> Path:
    """For what the user writes."""
    return _folder().user_config_path


def write_whole(file: Path, content: bytes) -> None:
    """Write a file of these folders so that a reader finds the old one or the new one. Raises OSError."""
    import tempfile

    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(content)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _folder() -> PlatformDirs:
    from platformdirs import PlatformDirs  # a language server starts without

    return PlatformDirs(_NAME)
