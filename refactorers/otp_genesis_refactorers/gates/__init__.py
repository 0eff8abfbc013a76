"""The proofs that a change must pass. A file holds one gate, named as the file is.

A gate is a function `check` that gives `Passed`, `Failed` with the reason, or `NotRun` with the reason.
Those in this folder are given a `Trial` and run no process: every fix passes them before anybody is shown
it. Those in `running` are given an `Experiment` and run mix. Both are asked in the order of their `RANK`,
the cheap ones first.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from otp_genesis_refactorers.gates.trial import Failed, Trial, Verdict


class Gate(NamedTuple):
    name: str
    check: Callable[[Trial], Verdict]


def first_failure(trial: Trial) -> Failed | None:
    """The first gate that the change does not pass; None when it passes all that apply."""
    for gate in static_gates():
        verdict = gate.check(trial)
        if isinstance(verdict, Failed):
            return verdict
    return None


@cache
def static_gates() -> tuple[Gate, ...]:
    """The gates that run no process, cheap ones first."""
    names = (entry.name for entry in pkgutil.iter_modules(__path__) if not entry.ispkg)
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    gates = [
        (module.RANK, Gate(name, module.check)) for name, module in modules.items() if "RANK" in vars(module)
    ]
    return tuple(gate for _, gate in sorted(gates))
