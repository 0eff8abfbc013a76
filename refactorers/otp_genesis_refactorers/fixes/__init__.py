"""The deterministic fixes: a file `<rule_name>.py` holds the one of the rule of that name.

Each has a function `fix(finding, project)`, which gives a `Change`, or a `Refused` whose reason is
for the user to read. Nothing is written.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused


class Fix(Protocol):
    """What a module in this folder is."""

    def fix(self, finding: Finding, project: Project) -> Change | Refused: ...


def find_fix(rule_name: str) -> Fix | None:
    """The fix of a rule, given by its name (`unsupervised-spawn`); None where it has none."""
    name = rule_name.replace("-", "_")
    return _load(name) if name in _names() else None


def fix(finding: Finding, project: Project) -> Change | Refused:
    """The change that removes a finding, computed from what the project has now."""
    found = find_fix(finding.name)
    if found is None:
        return Refused(f"{finding.code} {finding.name} has no deterministic fix")
    return found.fix(finding, project)


@cache
def _names() -> frozenset[str]:
    return frozenset(entry.name for entry in pkgutil.iter_modules(__path__))


def _load(name: str) -> Fix:
    return cast(Fix, importlib.import_module(f"{__name__}.{name}"))
