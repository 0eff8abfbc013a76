"""What a project says about models: nothing. A file that tries gets no request, and one message."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from otp_genesis_analyzers.config import CONFIG_NAME, is_for_the_user_alone
from otp_genesis_refactorers.llm.failures import SetByProject
from otp_genesis_refactorers.machine.user_folders import config_folder
from otp_genesis_refactorers.sandbox.openings import FILE_NAME


def refuse_settings_of(root: Path, folders: Iterable[str] = ()) -> None:
    """Raises SetByProject where a file of the project names a provider, a model, an address or a budget.

    `folders` are those of further mix projects below `root`, relative to it, beside the apps of an umbrella.
    """
    files = [root / CONFIG_NAME, *sorted(root.glob(f"apps/*/{CONFIG_NAME}"))]
    for file in dict.fromkeys((*files, *(root / folder / CONFIG_NAME for folder in folders))):
        keys = _keys(file)
        if keys:
            raise SetByProject(
                f"{file}: a project can't set {', '.join(keys)}, so no model is asked for it. Remove that,"
                f" and set what you want in your own {config_folder() / FILE_NAME}"
            )


def _keys(file: Path) -> tuple[str, ...]:
    """Broken files are the analyzers' to report: nothing can be set by them either."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ()
    return tuple(key for key in table if is_for_the_user_alone(key))
