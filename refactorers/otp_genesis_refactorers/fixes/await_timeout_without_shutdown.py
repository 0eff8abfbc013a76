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
    plain = call.name == "yield" and not call.piped and call.result in ("subject", "bound")
    if not plain or task is None or task.type != "identifier":
        return Refused(
            f"the wait at {site.place} is no `Task.yield(task, time)` in a `case` or behind `=`: "
            "add `Task.shutdown(task)` where the time is up"
        )
    module = site.source.text(call.head).removesuffix("yield")
    end = site.node.end_byte
    return Edit(Span(end, end), f" || {module}shutdown({syntax.text(task)}, :brutal_kill)")
