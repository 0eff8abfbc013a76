"""OTP102: `Task.start(f)` becomes `Task.Supervisor.start_child(Shop.TaskSupervisor, f)`.

Both give `{:ok, pid}`, so the value may be used in any way.
"""

from __future__ import annotations

from functools import partial

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.rewriting.call_site import find_call_site
from otp_genesis_refactorers.supervision.start_child import form_refusal, start_child
from otp_genesis_refactorers.supervision.supervised_task import (
    CRASH_AND_SHUTDOWN,
    LINK_LOST,
    link_refusal,
    supervised_task,
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    refusal = form_refusal(site) or link_refusal(site)
    if refusal is not None:
        return refusal
    notes = (LINK_LOST, CRASH_AND_SHUTDOWN) if site.call.name == "start_link" else (CRASH_AND_SHUTDOWN,)
    rewrite = partial(start_child, site, gives_pid=False)
    return supervised_task(finding, project, site, rewrite, notes)
