"""OTP104: `Task.async(f)` becomes `Task.Supervisor.async(..., f)`, `Task.async_stream` likewise.

Shown by `tests/beam/supervised_async.exs`: the link stays, and the supervisor lists the task.
"""

from __future__ import annotations

from functools import partial

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.rewriting.call_site import find_call_site
from otp_genesis_refactorers.supervision.start_child import form_refusal, start_child
from otp_genesis_refactorers.supervision.supervised_task import CRASH_AND_SHUTDOWN, supervised_task


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    refusal = form_refusal(site, site.call.name)
    if refusal is not None:
        return refusal
    rewrite = partial(start_child, site, gives_pid=False, function=site.call.name)
    return supervised_task(finding, project, site, rewrite, (CRASH_AND_SHUTDOWN,))
