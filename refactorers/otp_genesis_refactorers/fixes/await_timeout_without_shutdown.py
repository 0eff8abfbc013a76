"""OTP125: `Task.yield(task, time)` becomes `Task.yield(task, time) || Task.shutdown(task, :brutal_kill)`."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site
from otp_genesis_refactorers.rewriting.long_lines import makes_long_line

_NOTES = (
    "The task is killed when its time is up; a result that comes at that moment is still taken.",
    "Use `Task.shutdown(task, 5_000)` where the task traps exits and cleans up.",
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    edit = _edit(site)
    if isinstance(edit, Refused):
        return edit
    if makes_long_line(project, site.source, [edit]):
        return Refused(
            f"the line at {site.place} would be too long: bind the result of the `yield` to a name first"
        )
    return Change(
        title="Shut the task down when its time is up",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, [edit]),),
        notes=_NOTES,
    )


def _edit(site: CallSite) -> Edit | Refused:
    call, arguments = site.call, syntax.arguments(site.node)
    task = arguments[0] if arguments else None
    if call.name == "yield_many":
        return Refused(
            f"several tasks are waited for at {site.place}: shut each down whose result is `nil`, with "
            "`Task.shutdown(task, :brutal_kill)` where the results are taken"
        )
    if call.name != "yield":
        return Refused(
            f"the exit of `Task.{call.name}` is caught around {site.place}: take `Task.yield(task, time) || "
            "Task.shutdown(task)` in its place, or shut the task down where the exit is caught"
        )
    if call.piped or task is None or task.type != "identifier":
        return Refused(
            f"the task at {site.place} has no name there: bind it to a variable, then write "
            "`Task.yield(task, time) || Task.shutdown(task)`"
        )
    if call.result not in ("subject", "bound"):
        return Refused(
            f"what `Task.yield` gives at {site.place} goes on at once: bind it to a name, with "
            f"`|| Task.shutdown({syntax.text(task)})` behind it"
        )
    if site.source.text(Span(call.head.end, 1)) != "(":
        return Refused(
            f"the call at {site.place} has no parentheses around its arguments: give it some first"
        )
    module = site.source.text(call.head).removesuffix("yield")
    end = site.node.end_byte
    return Edit(Span(end, 0), f" || {module}shutdown({syntax.text(task)}, :brutal_kill)")
