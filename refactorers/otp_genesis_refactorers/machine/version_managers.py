"""Elixir and Erlang as asdf and mise install them, read from their files.

Their shims are not asked: a shim runs code that the project can have a word in. Of a project's
file only the version is taken, which names a folder among the user's installations and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from otp_genesis_analyzers.decoding import readable

_TOOL_VERSIONS = ".tool-versions"
_MISE_FILES = ("mise.toml", ".mise.toml", "mise/config.toml", ".config/mise.toml", ".config/mise/config.toml")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")


@dataclass(frozen=True)
class Pins:
    """The versions asked for, by tool: `elixir`, `erlang`."""

    of_project: Mapping[str, str] = field(default_factory=dict[str, str])
    of_user: Mapping[str, str] = field(default_factory=dict[str, str])


class _Versioned(msgspec.Struct):
    version: str


class _MiseFile(msgspec.Struct):
    tools: dict[str, str | list[object] | dict[str, object]] = {}


def pins_of(project: Path, home: Path) -> Pins:
    """What the project, the folders above it, and the user ask for; the nearest file wins."""
    of_project: dict[str, str] = {}
    for folder in (project, *project.parents):
        if folder == home:
            break
        of_project = {**_pins_in(folder), **of_project}
    return Pins(of_project, _pins_in(home))


def installed(tool: str, version: str | None, home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Where this version is installed: at most one folder for each manager."""
    if version is None or not _VERSION.fullmatch(version):
        return
    for installs in _installs(tool, home, environment):
        exact = installs / version
        # mise takes "1.17" for the newest 1.17.x
        others = [
            each for each in _versions(installs) if each.name.startswith((f"{version}.", f"{version}-"))
        ]
        yield from [exact.resolve()] if exact.is_dir() else [each.resolve() for each in others[-1:]]


def newest_installed(tool: str, home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """The newest version that each manager has installed."""
    for installs in _installs(tool, home, environment):
        yield from (each.resolve() for each in _versions(installs)[-1:])


def _installs(tool: str, home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    mise = Path(environment.get("MISE_DATA_DIR") or data / "mise")
    asdf = Path(environment.get("ASDF_DATA_DIR") or home / ".asdf")
    for manager in (mise, asdf):
        yield manager / "installs" / tool


def _versions(installs: Path) -> list[Path]:
    """The installed versions, the newest last. Links are other names of them."""
    try:
        found = [each for each in installs.iterdir() if each.is_dir() and not each.is_symlink()]
    except OSError:
        return []
    numbered = [each for each in found if each.name[:1].isdigit()]
    return sorted(
        numbered, key=lambda each: ([int(part) for part in re.findall(r"\d+", each.name)], each.name)
    )


def _pins_in(folder: Path) -> dict[str, str]:
    pins: dict[str, str] = {}
    for name in _MISE_FILES:
        pins = {**_read_mise(folder / name), **pins}
    return {**_read_tool_versions(folder / _TOOL_VERSIONS), **pins}


def _read_tool_versions(file: Path) -> dict[str, str]:
    """`elixir 1.17.3-otp-27`: the first version of each line, the others are for when it is missing."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    words = [line.partition("#")[0].split() for line in lines]
    return {line[0]: line[1] for line in words if len(line) > 1}


def _read_mise(file: Path) -> dict[str, str]:
    """`[tools]` with `elixir = "1.17"`, a list of versions, or a table with a `version`."""
    try:
        tools = msgspec.toml.decode(file.read_bytes(), type=readable(_MiseFile)).tools
    except (OSError, ValueError):
        return {}
    pins: dict[str, str] = {}
    for name, pin in ((name, pin) for name in ("elixir", "erlang") if (pin := tools.get(name))):
        with suppress(msgspec.ValidationError):
            first = pin[0] if isinstance(pin, list) else pin
            pins[name] = (
                first if isinstance(first, str) else msgspec.convert(first, readable(_Versioned)).version
            )
    return pins
