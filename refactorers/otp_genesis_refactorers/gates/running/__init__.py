"""The proofs that run the code, in an isolated copy of the project. A file holds one gate.

A gate's `check` is given an `Experiment`. What it ran is in the experiment's log.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from otp_genesis_refactorers.gates.running.experiment import Experiment
from otp_genesis_refactorers.gates.trial import Verdict


class RunningGate(NamedTuple):
    name: str
    check: Callable[[Experiment], Verdict]


@cache
def running_gates() -> tuple[RunningGate, ...]:
    """The gates that run mix, cheap ones first."""
    names = (entry.name for entry in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    gates = [
        (module.RANK, RunningGate(name, module.check))
        for name, module in modules.items()
        if "RANK" in vars(module)
    ]
    return tuple(gate for _, gate in sorted(gates))
