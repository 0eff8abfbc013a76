"""The static proofs that a change must pass before anybody is shown it. A file holds one gate.

A gate is a function `check(trial)` that gives `Passed` or `Failed` with the reason. It runs no
process: what needs mix is proved elsewhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial

Gate = Callable[[Trial], Passed | Failed]


def first_failure(trial: Trial) -> Failed | None:
    """The first gate, by name, that the change does not pass; None when it passes all."""
    for gate in _gates():
        verdict = gate(trial)
        if isinstance(verdict, Failed):
            return verdict
    return None


@cache
def _gates() -> tuple[Gate, ...]:
    names = sorted(entry.name for entry in pkgutil.iter_modules(__path__) if entry.name != "trial")
    return tuple(importlib.import_module(f"{__name__}.{name}").check for name in names)
