"""Why mix could not do its work, where that is no fault of the code: read from what it prints."""

from __future__ import annotations

import re

from otp_genesis_refactorers.mix.readiness import Ready
from otp_genesis_refactorers.sandbox.process import Ended

_HEX = "Could not find Hex"
_REBAR = re.compile(r'Could not find "?rebar3?"?')
_DEPENDENCIES = ("Unchecked dependencies for environment", "Can't continue due to errors on dependencies")
_VERSION = re.compile(
    r"You're trying to run .* but it has declared in its mix.exs file it supports only Elixir (.+)"
)
_SANDBOX = "bwrap: "
_NOT_STARTED = (126, 127)
_NO_MEMORY = ("Failed to create super carrier", "Cannot allocate")


def what_it_lacked(ended: Ended, ready: Ready) -> str:
    """One line that says what is missing and what to do; empty when it is the project that failed."""
    printed = f"{ended.stdout}\n{ended.stderr}"
    version = _VERSION.search(printed)
    if ended.stderr.startswith(_SANDBOX) or ended.exit_code in _NOT_STARTED:
        return f"Elixir in {ready.toolchain.elixir_root} can't be started: {' '.join(ended.stderr.split())}"
    if _HEX in printed:
        return "the project has dependencies from Hex, and Hex is missing: run 'mix local.hex'"
    if _REBAR.search(printed):
        return "a dependency is built by rebar3, which is missing: run 'mix local.rebar'"
    if version is not None:
        found = ready.toolchain.elixir_version
        return f"the project asks for Elixir {version[1].strip()}, and {found} was found: install the former"
    if any(words in printed for words in _DEPENDENCIES):
        return "dependencies are missing or don't fit mix.lock: run 'mix deps.get' in the project"
    if any(words in printed for words in _NO_MEMORY):
        return "there is not enough memory to start Erlang"
    return ""
