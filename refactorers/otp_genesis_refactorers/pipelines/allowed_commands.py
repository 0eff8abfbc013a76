"""Which programs a pipeline may run: those of this list, and those of the user's own configuration.

`config.toml` in the user's configuration folder:

    [pipelines]
    commands = ["mix dialyzer", "mix format"]    # with any arguments behind them

No file of a project can add to it. What runs, runs in the isolated copy.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.machine.user_folders import config_folder
from otp_genesis_refactorers.pipelines.outcome import StepFailed
from otp_genesis_refactorers.sandbox.openings import FILE_NAME

ALWAYS = ("mix compile", "mix credo", "mix format --check-formatted", "mix test", "mix xref")


class _Pipelines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    commands: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True):
    pipelines: _Pipelines = _Pipelines()


def allowed_commands() -> tuple[tuple[str, ...], ...]:
    """The beginnings of command lines that may be run. Raises `StepFailed`."""
    file = config_folder() / FILE_NAME
    try:
        own = msgspec.toml.decode(file.read_bytes(), type=readable(_File)).pipelines.commands
        return tuple(tuple(shlex.split(command)) for command in (*ALWAYS, *own))
    except FileNotFoundError:
        return tuple(tuple(shlex.split(command)) for command in ALWAYS)
    except (OSError, ValueError) as error:
        raise StepFailed(f"{file}: {error}") from error


def objection_to(argv: Sequence[str]) -> str:
    """Why a command line may not be run; empty when it may. Raises `StepFailed`."""
    allowed = allowed_commands()
    if any(start and tuple(argv[: len(start)]) == start for start in allowed):
        return ""
    return (
        f"{shlex.join(argv)!r} is not among the commands that pipelines may run; to allow it, write"
        f' commands = ["{shlex.join(argv[:2])}"] under [pipelines] in {config_folder() / FILE_NAME}'
    )
