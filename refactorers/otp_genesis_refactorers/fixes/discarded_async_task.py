"""OTP103: `Task.async(f)` whose task nobody takes becomes `Task.Supervisor.start_child(..., f)`.

`Task.Supervisor.async(sup, f)` and `async_nolink` keep their supervisor, so the tree is left alone.
"""

from __future__ import annotations

from functools import partial

from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site
from otp_genesis_refactorers.rewriting.edits import edits_between
from otp_genesis_refactorers.rewriting.formatter import DEFAULT_LINE_LENGTH, line_length_of
from otp_genesis_refactorers.rewriting.unused_value import value_refusal
from otp_genesis_refactorers.supervision.start_child import (
    form_refusal,
    renamed_to_start_child,
    start_child,
)
from otp_genesis_refactorers.supervision.supervised_task import LINK_LOST, link_refusal, supervised_task

_NO_REPLY = "The task sends its caller no reply any more."


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    refusal = form_refusal(site) or value_refusal(site, project, "the task") or link_refusal(site)
    if refusal is not None:
        return refusal
    notes = (_NO_REPLY,) if site.call.name == "async_nolink" else (_NO_REPLY, LINK_LOST)
    if site.call.module == "Task.Supervisor":
        return _under_its_supervisor(finding, project, site, notes)
    rewrite = partial(start_child, site, gives_pid=False)
    return supervised_task(finding, project, site, rewrite, notes)


def _under_its_supervisor(
    finding: Finding, project: Project, site: CallSite, notes: tuple[str, ...]
) -> Change | Refused:
    app = project.app_of(finding.path)
    after = renamed_to_start_child(
        site, line_length_of(project, app) if app is not None else DEFAULT_LINE_LENGTH
    )
    if isinstance(after, Refused):
        return after
    before = site.source.content
    return Change(
        title="Start the task without a reply",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, before, edits_between(before, after)),),
        notes=notes,
    )
