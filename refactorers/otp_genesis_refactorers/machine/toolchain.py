"""Where Elixir and Erlang are on this machine, found without running anything.

An editor is often started from a desktop, with another `PATH` than the user's shell has, and what
stands in `PATH` may be a shim that asks a version manager. So what a version manager has installed
for the project comes first, then `PATH`, then what is installed by a manager or in the usual places.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from otp_genesis_refactorers.machine.version_managers import Pins, installed, newest_installed, pins_of

_USUAL_PLACES = (
    "/usr/local/bin",
    "/usr/bin",
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/run/current-system/sw/bin",
    "/nix/var/nix/profiles/default/bin",
)
_ELIXIR_APP = ("lib/elixir/ebin/elixir.app", "lib/elixir/lib/elixir/ebin/elixir.app")
_VERSION_IN_APP = re.compile(rb'\{\s*vsn\s*,\s*"([^"]+)"')
_STORE = Path("/nix/store")


@dataclass(frozen=True)
class Toolchain:
    """An Elixir and its Erlang."""

    elixir_root: Path
    """`bin/elixir` and `bin/mix` are in it."""
    erlang_root: Path | None
    """`bin/erl` is in it; None where Elixir brings its own, as under Nix."""
    elixir_version: str
    otp_version: str
    """Empty where the files don't say."""
    mix_home: Path | None
    """Where archives and rebar lie; None where nothing was ever installed there."""
    hex_version: str
    """Empty without Hex."""

    @property
    def elixir(self) -> Path:
        return self.elixir_root / "bin" / "elixir"

    @property
    def search_path(self) -> str:
        """The `PATH` to run it with."""
        roots = [root for root in (self.elixir_root, self.erlang_root) if root is not None]
        places = [*(f"{root}/bin" for root in roots), "/usr/local/bin", "/usr/bin", "/bin"]
        if _STORE.is_dir():
            places.append("/run/current-system/sw/bin")
        return ":".join(places)

    @property
    def needed_folders(self) -> tuple[Path, ...]:
        """What must be readable for it to run, besides the system's own folders."""
        folders = [_whole(root) for root in (self.elixir_root, self.erlang_root) if root is not None]
        folders += [self.mix_home] if self.mix_home is not None else []
        if _STORE.is_dir():
            folders += [_STORE, Path("/run/current-system/sw")]
        return tuple(dict.fromkeys(folders))


@dataclass(frozen=True)
class NoToolchain:
    reason: str
    """What is missing and what to do, one line."""


def find_toolchain(project: Path, environment: Mapping[str, str]) -> Toolchain | NoToolchain:
    """The Elixir that runs in the folder `project` for a user with this environment."""
    home = Path(environment.get("HOME") or Path.home())
    pins = pins_of(project, home)
    elixir_root = next((root for root in _elixir_roots(pins, home, environment) if _is_elixir(root)), None)
    if elixir_root is None:
        return NoToolchain("Elixir was not found: install it, or put it in PATH, to verify by running mix")
    if not os.access(elixir_root / "bin" / "mix", os.X_OK):
        return NoToolchain(f"the Elixir in {elixir_root} has no mix: install Elixir completely")
    erlang_root = next((root for root in _erlang_roots(pins, home, environment) if _is_erlang(root)), None)
    if erlang_root is None and not elixir_root.is_relative_to(_STORE):
        return NoToolchain(
            f"Elixir is in {elixir_root}, but no Erlang was found: install it, or put it in PATH"
        )
    mix_home = _mix_home(elixir_root, home, environment)
    return Toolchain(
        elixir_root=elixir_root,
        erlang_root=erlang_root,
        elixir_version=_elixir_version(elixir_root),
        otp_version=_otp_version(erlang_root) if erlang_root is not None else "",
        mix_home=mix_home,
        hex_version=_hex_version(mix_home),
    )


def _elixir_roots(pins: Pins, home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    return _roots("elixir", "elixir", pins.of_project.get("elixir"), pins, home, environment)


def _erlang_roots(pins: Pins, home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    return _roots("erlang", "erl", pins.of_project.get("erlang"), pins, home, environment)


def _roots(
    tool: str, program: str, pin: str | None, pins: Pins, home: Path, environment: Mapping[str, str]
) -> Iterator[Path]:
    """Folders that may hold the tool, the most fitting first."""
    yield from installed(tool, pin, home, environment)
    yield from _on_path(program, environment.get("PATH", ""))
    yield from installed(tool, pins.of_user.get(tool), home, environment)
    yield from newest_installed(tool, home, environment)
    yield from _on_path(program, ":".join((*_USUAL_PLACES, f"{home}/.nix-profile/bin")))


def _on_path(program: str, search_path: str) -> Iterator[Path]:
    """The root of each such program in `PATH`; shims lead to none that holds the tool."""
    for folder in search_path.split(":"):
        found = shutil.which(program, path=folder) if folder.startswith("/") else None
        if found is not None:
            yield Path(found).resolve().parent.parent


def _is_elixir(root: Path) -> bool:
    return os.access(root / "bin" / "elixir", os.X_OK) and any((root / app).is_file() for app in _ELIXIR_APP)


def _is_erlang(root: Path) -> bool:
    return os.access(root / "bin" / "erl", os.X_OK) and bool(_releases(root))


def _releases(erlang_root: Path) -> list[Path]:
    """The release folders of an Erlang, the newest last."""
    found = [
        folder
        for inside in ("releases", "lib/erlang/releases")
        for folder in (erlang_root / inside).glob("*/")
        if folder.name.isdigit()
    ]
    return sorted(found, key=lambda folder: int(folder.name))


def _elixir_version(root: Path) -> str:
    for app in _ELIXIR_APP:
        if (root / app).is_file():
            return _app_version(root / app)
    return ""


def _otp_version(root: Path) -> str:
    release = _releases(root)[-1]
    try:
        return (release / "OTP_VERSION").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return release.name


def _app_version(file: Path) -> str:
    try:
        version = _VERSION_IN_APP.search(file.read_bytes())
    except OSError:
        return ""
    return version[1].decode("utf-8", "replace") if version else ""


def _mix_home(elixir_root: Path, home: Path, environment: Mapping[str, str]) -> Path | None:
    """As mix and the version managers choose it."""
    given = environment.get("MIX_HOME")
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    candidates = [
        *([Path(given)] if given else []),
        elixir_root / ".mix",
        *([data / "mix"] if environment.get("MIX_XDG") in ("1", "true") else []),
        home / ".mix",
    ]
    return next((folder.resolve() for folder in candidates if folder.is_dir()), None)


def _hex_version(mix_home: Path | None) -> str:
    if mix_home is None:
        return ""
    places = ("archives/hex-*/hex-*/ebin/hex.app", "elixir/*/archives/hex-*/hex-*/ebin/hex.app")
    found = [_app_version(app) for place in places for app in mix_home.glob(place)]
    return max(found, key=_as_numbers, default="")


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _whole(root: Path) -> Path:
    """What has to be there for the programs of `root`: Homebrew's formulas use libraries of others."""
    cellar = next((parent for parent in root.parents if parent.name == "Cellar"), None)
    return cellar.parent if cellar is not None else root
