"""What there is to run mix with, and what stands in the way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_refactorers.machine.toolchain import NoToolchain, Toolchain, find_toolchain
from otp_genesis_refactorers.mix.results import Isolation
from otp_genesis_refactorers.sandbox.bubblewrap import Bubblewrap, find_bubblewrap
from otp_genesis_refactorers.sandbox.openings import BadConfiguration, Openings, openings_for


@dataclass(frozen=True)
class Ready:
    toolchain: Toolchain
    bubblewrap: Bubblewrap | None
    """None where it does not work: mix then runs as the user does, which they agreed to by trusting."""
    openings: Openings
    environment: Mapping[str, str]
    """That of this process."""

    @property
    def isolation(self) -> Isolation:
        return "bubblewrap" if self.bubblewrap is not None else "none"


@dataclass(frozen=True)
class NotReady:
    reason: str
    """What is missing and what to do, one line."""


def readiness(project: Path, trusted: bool) -> Ready | NotReady:
    """Whether mix can run for the project in this folder (a real path), and with what."""
    if not trusted:
        return NotReady(
            f"mix may not run on {project} yet, since it executes the project's code:"
            " allow it with 'otp-genesis trust', or for one run with --trust"
        )
    environment = dict(os.environ)
    try:
        openings = openings_for(project)
    except BadConfiguration as error:
        return NotReady(str(error))
    toolchain = find_toolchain(project, environment)
    if isinstance(toolchain, NoToolchain):
        return NotReady(toolchain.reason)
    bubblewrap = find_bubblewrap(environment)
    if isinstance(bubblewrap, Bubblewrap):
        return Ready(toolchain, bubblewrap, openings, environment)
    if openings.isolation == "required":
        return NotReady(f"{bubblewrap.reason}, and your configuration asks for isolation")
    return Ready(toolchain, None, openings, environment)
