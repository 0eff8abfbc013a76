"""The deterministic fixes: a file `<rule_name>.py` holds the one of the rule of that name.

Each has a function `fix(finding, project)`, which gives a `Change`, or a `Refused` whose reason is
for the user to read. Nothing is written.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.rewriting.tidied import tidied


class _Module(Protocol):
    """What a module in this folder is."""

    def fix(self, finding: Finding, project: Project) -> Change | Refused: ...


@dataclass(frozen=True)
class Fix:
    """The fix of a rule, which leaves nothing untidy."""

    _module: _Module

    def fix(self, finding: Finding, project: Project) -> Change | Refused:
        change = self._module.fix(finding, project)
        return change if isinstance(change, Refused) else tidied(change, project)


def find_fix(rule_name: str) -> Fix | None:
    """The fix of a rule, given by its name (`unsupervised-spawn`); None where it has none."""
    name = rule_name.replace("-", "_")
    return Fix(_load(name)) if name in _names() else None


def fix(finding: Finding, project: Project) -> Change | Refused:
    """The change that removes a finding, computed from what the project has now."""
    found = find_fix(finding.name)
    if found is None:
        return Refused(f"{finding.code} {finding.name} has no deterministic fix")
    return found.fix(finding, project)


@cache
def _names() -> frozenset[str]:
    return frozenset(entry.name for entry in pkgutil.iter_modules(__path__))


def _load(name: str) -> _Module:
    return cast(_Module, importlib.import_module(f"{__name__}.{name}"))
