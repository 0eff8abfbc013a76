"""Whether mix starts at all, with no project in sight: this needs nobody's trust."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from otp_genesis_refactorers.mix.readiness import Ready
from otp_genesis_refactorers.mix.surroundings import toolchain_environment
from otp_genesis_refactorers.sandbox.bubblewrap import HOME, Room, wrapped
from otp_genesis_refactorers.sandbox.limits import Limits
from otp_genesis_refactorers.sandbox.process import Ended, run_guarded

_LIMITS = Limits(timeout_seconds=30)


def try_mix(ready: Ready) -> Ended:
    """Run `mix --version` in an empty folder, isolated as any other run. Raises OSError."""
    command = [str(ready.toolchain.elixir), "-S", "mix", "--version"]
    with TemporaryDirectory() as folder:
        home = HOME if ready.bubblewrap is not None else folder
        if ready.bubblewrap is not None:
            room = Room(writable=[Path(folder)], read_only=ready.toolchain.needed_folders)
            command = wrapped(ready.bubblewrap, room, Path(folder), command)
        return run_guarded(
            command,
            folder=Path(folder),
            environment=toolchain_environment(ready.toolchain, home),
            limits=_LIMITS,
            own_namespace=ready.bubblewrap is not None,
        )
