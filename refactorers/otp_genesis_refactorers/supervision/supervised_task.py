"""A task under the application's Task.Supervisor: the rewritten call and the supervisor are one change."""

from __future__ import annotations

from collections.abc import Callable

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.messages.mailbox import takes_exits
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import MixApp, Project
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite
from otp_genesis_refactorers.rewriting.edits import edits_between
from otp_genesis_refactorers.rewriting.formatter import line_length_of
from otp_genesis_refactorers.supervision.boot import runs_before_the_tree
from otp_genesis_refactorers.supervision.tree import (
    add_task_supervisor,
    find_task_supervisor,
    free_name,
    owning_application,
    starts_too_late,
)
from otp_genesis_refactorers.whole_project import WholeProject

LINK_LOST = "The task is no longer linked to its caller: a crash of one does not end the other."
CRASH_AND_SHUTDOWN = "A crash is logged as that of a Task; at shutdown the task has 5 seconds to end."

_LINKING = frozenset({"spawn_link", "start_link", "async"})

Rewrite = Callable[[str, int], bytes | Refused]
"""`rewrite(supervisor, line_length)` gives the file with the call rewritten."""


def supervised_task(
    finding: Finding, project: Project, site: CallSite, rewrite: Rewrite, notes: tuple[str, ...]
) -> Change | Refused:
    """Rewrite the call and, where the application has no Task.Supervisor yet, add one to its tree."""
    whole = WholeProject(project)
    refusal = _unfit_place(finding, whole, site)
    if refusal is not None:
        return refusal
    app = owning_application(whole, finding.path)
    if isinstance(app, Refused):
        return app
    caller = site.site.module.name
    existing = find_task_supervisor(whole, app, caller)
    name = existing or free_name(whole, app)
    if isinstance(name, Refused):
        return name
    content = rewrite(name, line_length_of(project, app))
    if isinstance(content, Refused):
        return content
    contents = {finding.path: content}
    if existing is None:
        added = add_task_supervisor(whole, app, name, caller, contents)
        if isinstance(added, Refused):
            return added
        contents |= added
    return Change(
        title=f"Start the task under {name}",
        kind=FixKind.UNSAFE,
        files=tuple(
            file_change(path, before := project.read(path), edits_between(before, after))
            for path, after in sorted(contents.items())
        ),
        notes=(*notes, *_supervisor_notes(whole, app, name, caller, is_new=existing is None)),
    )


def link_refusal(site: CallSite) -> Refused | None:
    """Why a link can't be given up: the process that starts the task takes its exit for a message."""
    if site.call.name not in _LINKING:
        return None
    module, function = site.site.module, site.site.function
    waits = any(pattern.tag == "EXIT" for one in site.site.clause.receives for pattern in one.patterns)
    if not waits and not (takes_exits(module) and function.id in callback_chains(call_graph(module))):
        return None
    return Refused(
        f"`{site.site.scope if waits else module.name}` takes the `:EXIT` of what is started at {site.place}"
        ", and a task under a supervisor is not linked to it: monitor its pid and take `:DOWN` instead"
    )


def _supervisor_notes(
    whole: WholeProject, app: MixApp, name: str, caller: str, *, is_new: bool
) -> tuple[str, ...]:
    if is_new:
        started = f"start_supervised!({{Task.Supervisor, name: {name}}})"
        return (f"Tests that don't start the application need `{started}`.",)
    if starts_too_late(whole, app, name, caller):
        return (f"{name} starts after {caller}, whose init/1 must not use it yet: move it up if it does.",)
    return ()


def _unfit_place(finding: Finding, whole: WholeProject, site: CallSite) -> Refused | None:
    project = whole.project
    app = project.app_of(finding.path)
    if app is not None and app.application and finding.fix is FixKind.LLM:
        return Refused(f"a supervisor alone would not cure it at {site.place}: {finding.message}")
    if not project.role_of(finding.path).is_application_code:
        return Refused(f"{finding.path} may run without the application, and so without its supervisors")
    if app is not None and runs_before_the_tree(whole, app, site):
        return Refused(
            f"{site.place} runs before {app.application} has started its children: "
            f"make the work a child, `{{Task, fn -> ... end}}`"
        )
    return None
