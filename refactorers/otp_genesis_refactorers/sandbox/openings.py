"""What the user's own configuration opens for runs of mix. No file of a project can.

`config.toml` in the user's configuration folder:

    [mix]                                  # for every project
    isolation = "required"                 # never run mix without bubblewrap

    [mix.projects."/home/ann/shop"]        # for this one
    network = true                         # its tests need a database
    environment = ["DATABASE_URL"]         # variables passed on as they are
    paths = ["/run/postgresql"]            # sockets, files and folders it may use
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.machine.user_folders import config_folder

FILE_NAME = "config.toml"


class Openings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run may use beyond the copy of its project."""

    isolation: Literal["auto", "required"] = "auto"
    """`required`: mix is not run where bubblewrap doesn't work."""
    network: bool = False
    environment: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class _Mix(Openings, frozen=True, forbid_unknown_fields=True):
    projects: dict[str, Openings] = {}


class _File(msgspec.Struct, frozen=True):
    mix: _Mix = _Mix()


class BadConfiguration(Exception):
    """The user's configuration can't be read. Its text says where and why, in one line."""


def openings_for(project: Path) -> Openings:
    """What is open for the project with this real path. Raises BadConfiguration: nothing is guessed here."""
    file = config_folder() / FILE_NAME
    try:
        configured = msgspec.toml.decode(file.read_bytes(), type=readable(_File)).mix
    except FileNotFoundError:
        return Openings()
    except (OSError, ValueError) as error:
        raise BadConfiguration(f"{file}: {' '.join(str(error).split())}") from error
    own = [
        each for folder, each in configured.projects.items() if Path(folder).expanduser().resolve() == project
    ]
    layers = [configured, *own]
    required = any(each.isolation == "required" for each in layers)
    return Openings(
        isolation="required" if required else "auto",
        network=any(each.network for each in layers),
        environment=tuple(name for each in layers for name in each.environment),
        paths=tuple(path for each in layers for path in each.paths),
    )
