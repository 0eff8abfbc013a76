"""OTP101: `spawn(f)` becomes `Task.Supervisor.start_child(Shop.TaskSupervisor, f)`."""

from __future__ import annotations

from functools import partial

from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site
from otp_genesis_refactorers.rewriting.unused_value import is_returned, value_refusal
from otp_genesis_refactorers.supervision.start_child import start_child
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
    refusal = _unfit_form(site) or value_refusal(site, project, "the pid") or link_refusal(site)
    if refusal is not None:
        return refusal
    rewrite = partial(start_child, site, gives_pid=True)
    return supervised_task(finding, project, site, rewrite, _notes(site))


def _unfit_form(site: CallSite) -> Refused | None:
    call = site.call
    if call.form == "capture":
        return Refused(
            f"`{site.source.text(call.span)}` is handed on as a function at {site.place}, and its callers "
            "get a pid: hand on `&Task.Supervisor.start_child(..., &1)` if `{:ok, pid}` will do there"
        )
    if call.form == "apply":
        return Refused(f"the call at {site.place} is made through `apply`: write it out first")
    if call.name == "spawn_monitor":
        return Refused(
            f"`spawn_monitor` gives `{{pid, reference}}` at {site.place}: "
            "`Task.Supervisor.async_nolink/2` gives a task whose `ref` is such a reference"
        )
    if _has_options(call):
        return Refused(
            f"the options of `{_name(call)}` at {site.place} have no counterpart in Task.Supervisor"
        )
    if call.module == "Node" or call.arity in (2, 4):
        return Refused(
            f"`{_name(call)}` at {site.place} starts the process on another node: start it with "
            "`Task.Supervisor.start_child({name, node}, ...)`, under a supervisor that runs there"
        )
    if call.name not in ("spawn", "spawn_link"):
        return Refused(f"`{_name(call)}` at {site.place} has no counterpart in Task.Supervisor")
    return None


def _has_options(call: Call) -> bool:
    return call.module == "Process" or call.name in ("spawn_opt", "spawn_request")


def _name(call: Call) -> str:
    return call.name if call.module == "Kernel" else f"{call.module}.{call.name}"


def _notes(site: CallSite) -> tuple[str, ...]:
    notes = (CRASH_AND_SHUTDOWN,)
    if site.call.name == "spawn_link":
        notes = (LINK_LOST, *notes)
    if is_returned(site):
        notes = (f"`{site.site.scope}` gives `{{:ok, pid}}` instead of a pid.", *notes)
    return notes
