"""OTP121: the server gets clauses that take the result of its task, and the news of its end."""

from __future__ import annotations

from otp_genesis_analyzers.facts.messages.mailbox import messages_taken, takes_task_replies
from otp_genesis_analyzers.facts.messages.shapes import unwrapped
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import find_call_site
from otp_genesis_refactorers.rewriting.callback_clauses import add_info_clauses, state_name
from otp_genesis_refactorers.rewriting.places import place_of, written

_NOTE = "Both clauses leave the state as it is: say in them what a result and a failure mean to the server."
_NOTE_OF_END = (
    "The clause leaves the state as it is; the `:DOWN` that follows it goes to the clause that is there. "
    "Say in it what a result means to the server."
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    module = site.site.module
    if takes_task_replies(module):
        return Refused(
            f"`{module.name}` takes the result of the task at {site.place} already, but a crash of the task "
            "ends the server first: start it with `Task.Supervisor.async_nolink/2`"
        )
    state = state_name(module)
    scope = place_of(site.source, site.site.clause.span).scope
    ends = [pattern for pattern in map(unwrapped, messages_taken(module)) if pattern.tag == "DOWN"]
    flush = [] if any(map(_is_any_end, ends)) else [f"  {written('Process', scope)}.demonitor(ref, [:flush])"]
    clauses = [
        [
            f"def handle_info({{ref, _result}}, {state}) when is_reference(ref) do",
            *flush,
            f"  {{:noreply, {state}}}",
            "end",
        ]
    ]
    if not ends:
        clauses.append(
            [
                f"def handle_info({{:DOWN, _ref, :process, _pid, _reason}}, {state}) do",
                f"  {{:noreply, {state}}}",
                "end",
            ]
        )
    edit = add_info_clauses(site.source, module, clauses)
    if isinstance(edit, Refused):
        return edit
    return Change(
        title="Take the result of the task in handle_info/2",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, [edit]),),
        notes=(_NOTE if flush else _NOTE_OF_END,),
    )


def _is_any_end(pattern: Term) -> bool:
    """`{:DOWN, ref, :process, _pid, _reason}`: whatever the end was, the clause cleans up after it."""
    reason = pattern.items[-1] if pattern.items else pattern
    return reason.kind == "variable" and reason.value.startswith("_")
