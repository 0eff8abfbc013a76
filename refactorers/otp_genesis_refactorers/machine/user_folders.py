"""The user's own folders. Nothing of them is ever part of a project."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_NAME = "otp-genesis"


def cache_folder() -> Path:
    """For what can be made again."""
    return platformdirs.user_cache_path(_NAME)


def data_folder() -> Path:
    """For what the user would miss."""
    return platformdirs.user_data_path(_NAME)


def config_folder() -> Path:
    """For what the user writes."""
    return platformdirs.user_config_path(_NAME)
