"""What the compiled modules offer is kept, also what macros make and what only other modules show.

Callbacks of OTP are no promise to callers.
"""

from __future__ import annotations

from otp_genesis_refactorers.gates.running.experiment import Experiment
from otp_genesis_refactorers.gates.running.exports import exports_of
from otp_genesis_refactorers.gates.trial import Failed, NotRun, Passed, Verdict

RANK = 110
_CALLBACKS = frozenset(
    {"init/1", "handle_call/3", "handle_cast/2", "handle_info/2", "handle_continue/2", "handle_event/3"}
    | {
        "handle_event/4",
        "handle_demand/2",
        "handle_events/3",
        "callback_mode/0",
        "terminate/2",
        "terminate/3",
    }
    | {"code_change/3", "code_change/4", "format_status/1", "format_status/2"}
)


def check(experiment: Experiment) -> Verdict:
    """Asked after `compile`, which has left the change's build in the copy."""
    baseline = experiment.baseline
    if baseline.problem:
        return NotRun(baseline.problem)
    after = exports_of(experiment.shadow.build) if experiment.contents else baseline.exports
    for module, exported in baseline.exports.items():
        if module not in after:
            return Failed(f"the module {module} would be gone")
        missing = sorted(set(exported) - set(after[module]) - _CALLBACKS)
        if missing:
            return Failed(f"{module} would no longer have {', '.join(missing[:3])}, which others may use")
    return Passed()
