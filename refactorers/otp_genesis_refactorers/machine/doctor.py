"""What this machine has of what this tool can use, and what each lack costs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

from otp_genesis_refactorers.llm.failures import BadSettings
from otp_genesis_refactorers.llm.settings import base_url_of, host_of, load_settings
from otp_genesis_refactorers.machine import trust
from otp_genesis_refactorers.machine.toolchain import NoToolchain, Toolchain, find_toolchain
from otp_genesis_refactorers.machine.user_folders import cache_folder, config_folder
from otp_genesis_refactorers.mix import Ready, has_credo, try_mix
from otp_genesis_refactorers.sandbox.bubblewrap import Bubblewrap, find_bubblewrap
from otp_genesis_refactorers.sandbox.openings import FILE_NAME, BadConfiguration, Openings, openings_for


class Found(Struct, frozen=True):
    """One thing that was looked for."""

    name: str
    state: Literal["found", "missing"]
    what: str
    """What was found; for what is missing, why it is."""
    cost: str = ""
    """What can't be done without it, and how to get it."""


def examine(project: Path | None) -> Iterator[Found]:
    """Look for everything, one thing after the other; `project` is the folder of a mix project, if any.

    Nothing of the project is executed. No key is ever given, only the names of those that are set.
    """
    environment = dict(os.environ)
    toolchain = find_toolchain(project or Path.cwd(), environment)
    bubblewrap = find_bubblewrap(environment)
    try:
        openings: Openings | BadConfiguration = openings_for(project) if project else Openings()
    except BadConfiguration as error:
        openings = error
    if isinstance(toolchain, NoToolchain):
        cost = "findings, fixes and plans work without; nothing can be verified by compiling and testing"
        yield Found("Elixir", "missing", toolchain.reason, cost)
    else:
        yield from _toolchain(toolchain, bubblewrap if isinstance(bubblewrap, Bubblewrap) else None)
    yield _isolation(bubblewrap if isinstance(bubblewrap, Bubblewrap) else bubblewrap.reason, openings)
    yield _configuration(openings)
    if project is not None:
        yield from _project(project, toolchain)
    yield from _models(environment)
    yield Found("Copies of projects", "found", str(cache_folder() / "shadows"))


def _toolchain(toolchain: Toolchain, bubblewrap: Bubblewrap | None) -> Iterator[Found]:
    yield Found("Elixir", "found", f"{toolchain.elixir_version} in {toolchain.elixir_root}")
    if toolchain.erlang_root is not None:
        yield Found("Erlang/OTP", "found", f"{toolchain.otp_version} in {toolchain.erlang_root}")
    yield _mix(Ready(toolchain, bubblewrap, Openings(), {}))
    if toolchain.hex_version:
        yield Found("Hex", "found", f"{toolchain.hex_version} in {toolchain.mix_home}")
    else:
        cost = "projects with dependencies from Hex can't be verified: run 'mix local.hex'"
        yield Found("Hex", "missing", "not installed for this Elixir", cost)


def _mix(ready: Ready) -> Found:
    cost = "nothing can be verified by compiling and testing"
    try:
        ended = try_mix(ready)
    except OSError as error:
        return Found("mix", "missing", f"it can't be started: {error.strerror}", cost)
    if ended.exit_code == 0:
        return Found("mix", "found", f"starts in {ended.seconds:.1f} s")
    said = ended.reason or " ".join(ended.stderr.split())[:200] or f"exit status {ended.exit_code}"
    return Found("mix", "missing", f"it does not start: {said}", cost)


def _isolation(bubblewrap: Bubblewrap | str, openings: Openings | BadConfiguration) -> Found:
    if isinstance(bubblewrap, Bubblewrap):
        return Found("Isolation", "found", f"bubblewrap {bubblewrap.version} works")
    is_required = isinstance(openings, Openings) and openings.isolation == "required"
    cost = "mix runs with your own rights on the projects that you trust, and every result says so"
    required = "your configuration asks for isolation, so mix is never run"
    return Found("Isolation", "missing", bubblewrap, required if is_required else cost)


def _configuration(openings: Openings | BadConfiguration) -> Found:
    if isinstance(openings, BadConfiguration):
        return Found("Configuration", "missing", str(openings), "mix is not run until it can be read")
    opened = [
        *(["the network"] if openings.network else []),
        *(f"the variable {name}" for name in openings.environment),
        *openings.paths,
    ]
    file = config_folder() / FILE_NAME
    if not file.exists():
        return Found("Configuration", "found", f"none, there is no {file}")
    return Found("Configuration", "found", f"{file}; opened for mix: {', '.join(opened) or 'nothing'}")


def _project(project: Path, toolchain: Toolchain | NoToolchain) -> Iterator[Found]:
    if trust.is_trusted(project):
        yield Found("Trust", "found", f"mix may run on {project}")
    else:
        cost = "nothing is verified by mix there: allow it with 'otp-genesis trust'"
        yield Found("Trust", "missing", f"mix may not run on {project}", cost)
    if _has_hex_dependencies(project) and not (project / "deps").is_dir():
        cost = "the project can't be compiled: run 'mix deps.get' in it"
        yield Found("Dependencies", "missing", "mix.lock names some, deps/ is not there", cost)
    if has_credo(project):
        yield Found("Credo", "found", "a dependency of the project")
    elif isinstance(toolchain, Toolchain):
        yield Found("Credo", "missing", "no dependency of the project", "changes are not checked by Credo")


def _has_hex_dependencies(project: Path) -> bool:
    try:
        return b"{:hex," in (project / "mix.lock").read_bytes()
    except OSError:
        return False


def _models(environment: dict[str, str]) -> Iterator[Found]:
    try:
        settings = load_settings()
    except BadSettings as error:
        yield Found(
            "Models", "missing", str(error), "no fixes and plans by a model; all that needs none works"
        )
        return
    for name, model in sorted(settings.models.items()):
        provider = settings.providers[model.provider]
        title = provider.title if name == provider.title.lower() else f"{provider.title} ({name})"
        found = [variable for variable in provider.key_variables if environment.get(variable)]
        if found:
            host = host_of(base_url_of(model, provider, environment))
            yield Found(title, "found", f"{', '.join(found)} is set; {model.id} at {host}")
        else:
            cost = f"no fixes and plans by {provider.title}; all that needs no model works"
            yield Found(title, "missing", f"{' or '.join(provider.key_variables)} is not set", cost)
