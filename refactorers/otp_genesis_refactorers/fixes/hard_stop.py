"""OTP118: `Process.exit(pid, :kill)` becomes `Process.exit(pid, :shutdown)`, which lets the process clean up.

Shown by `tests/beam/exit_signals.exs`: a server that traps exits runs no `terminate/2` on `:kill`.
"""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.processes.hard_stops import is_exit_signal
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.long_lines import without_long_line

_MAY_GO_ON = (
    "A process that traps exits gets a message in place of the signal, unless it comes from its parent: "
    "whoever relies on its end has to monitor it."
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    if not is_exit_signal(site.call):
        return Refused(
            f"`{site.source.text(site.call.head)}` at {site.place} ends the virtual machine: whether "
            "`System.stop/1`, which comes back before the system has ended, can take its place depends on "
            "what stands behind it"
        )
    awaited = _where_killed_is_awaited(site)
    if awaited is not None:
        return Refused(
            f"{place(site.source, awaited)} waits for the reason `:killed`, which `:shutdown` at "
            f"{site.place} would not give: let it take any reason first"
        )
    edit = _reason(site)
    if isinstance(edit, Refused):
        return edit
    edits = without_long_line(project, site.source, [edit], site.call.span)
    return Change(
        title="Send :shutdown instead of :kill",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, edits),),
        notes=(_MAY_GO_ON,),
    )


def _where_killed_is_awaited(site: CallSite) -> int | None:
    """The byte offset of a `:killed` in the module."""
    module = site.source.node_at(site.site.module.span)
    found = (node for node in syntax.below(module) if node.type == "atom" and syntax.text(node) == ":killed")
    return next((node.start_byte for node in found), None)


def _reason(site: CallSite) -> Edit | Refused:
    reason = argument_nodes(site.source, site.call)[1]
    if syntax.text(reason) == ":kill":
        return Edit(Span.of(reason), ":shutdown")
    if site.call.args[1].is_atom("kill"):
        return Refused(
            f"the reason `{syntax.text(reason)}` at {site.place} is written elsewhere: change it to "
            "`:shutdown` there, if nothing else uses it"
        )
    return Refused(
        f"nothing ends by the signal at {site.place}, so to send one that does would be new: "
        "`GenServer.stop/1`, `Supervisor.terminate_child/2` or `:shutdown`, which ends linked processes too"
    )
