"""The environment that mix runs in: made from nothing, so that no key is in it but what the user opens."""

from __future__ import annotations

from pathlib import Path

from otp_genesis_refactorers.machine.toolchain import Toolchain
from otp_genesis_refactorers.mix.readiness import Ready
from otp_genesis_refactorers.sandbox.bubblewrap import HOME
from otp_genesis_refactorers.sandbox.limits import Limits
from otp_genesis_refactorers.shadow.workspace import Shadow

_WORD_BYTES = 8


def surroundings(shadow: Shadow, ready: Ready, limits: Limits, report: Path) -> dict[str, str]:
    """All variables, by name. `report` is where this tool's own Elixir code writes what it finds."""
    home = HOME if ready.bubblewrap is not None else str(shadow.folder / "home")
    words = limits.heap_bytes // _WORD_BYTES
    made = {
        **toolchain_environment(ready.toolchain, home),
        "MIX_ENV": "test",
        "MIX_BUILD_PATH": str(shadow.build),
        "ERL_ZFLAGS": f"+hmax {words} +hmaxk true",
        "GIT_CEILING_DIRECTORIES": str(shadow.folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "OTP_GENESIS_REPORT": str(report),
    }
    if not ready.openings.network:
        made["HEX_OFFLINE"] = "1"
    taken_over = ("LOCALE_ARCHIVE", *ready.openings.environment)
    return made | {name: ready.environment[name] for name in taken_over if name in ready.environment}


def toolchain_environment(toolchain: Toolchain, home: str) -> dict[str, str]:
    """What Elixir itself needs, be there a project or not."""
    made = {
        "PATH": toolchain.search_path,
        "HOME": home,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "HEX_HOME": f"{home}/.hex",
        "ERL_CRASH_DUMP": "/dev/null",
    }
    if toolchain.mix_home is not None:
        made["MIX_HOME"] = str(toolchain.mix_home)
    return made
