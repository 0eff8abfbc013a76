"""Reads and writes of what an application is configured with: its own environment, that of the system."""

from __future__ import annotations

from typing import NamedTuple

from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.terms import Term

_READS = frozenset(
    {("Application", name) for name in ("get_env", "fetch_env", "fetch_env!", "get_all_env")}
    | {(":application", "get_env"), (":application", "get_all_env")}
)
_READS_OF_SYSTEM = frozenset(
    {("System", name) for name in ("get_env", "fetch_env", "fetch_env!")} | {(":os", "getenv")}
)


class Setting(NamedTuple):
    """`{:shop, :url}` of `Application.get_env(:shop, :url)`; a part is empty where the call hides it."""

    app: str
    key: str

    @property
    def shown(self) -> str:
        """`:shop, :url`, as it is written."""
        return f"{_written(self.app)}, {_written(self.key)}"


def reads_application(call: Call) -> bool:
    return call.form != "capture" and (call.module, call.name) in _READS


def reads_system(call: Call) -> bool:
    return call.form != "capture" and (call.module, call.name) in _READS_OF_SYSTEM


def setting_of(call: Call) -> Setting:
    """The application and key that a call of `Application` names."""
    app, key, *_ = [*(_literal(argument) for argument in call.args[:2]), "", ""]
    return Setting(app, key)


def _literal(term: Term) -> str:
    return term.value if term.kind in ("atom", "module") else ""


def _written(name: str) -> str:
    return name if name[:1].isupper() else f":{name}"
