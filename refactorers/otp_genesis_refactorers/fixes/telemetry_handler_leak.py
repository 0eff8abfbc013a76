"""OTP503: a test detaches its handler in `on_exit`; a server detaches the old one before it attaches anew."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.telemetry.attached import id_node
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.statements import line_before, line_behind
from otp_genesis_refactorers.rewriting.test_site import TestSite, find_test_site


def fix(finding: Finding, project: Project) -> Change | Refused:
    attach = find_test_site(finding, project)
    if isinstance(attach, Refused):
        return attach
    where = place(attach.source, attach.site.call.head.start)
    handler_id = id_node(attach.source, attach.site.call)
    if handler_id is None or not _can_be_written_again(handler_id):
        return Refused(f"the id of the handler at {where} is made in place: bind it to a variable first")
    written = syntax.text(handler_id)
    if not project.role_of(finding.path).is_test:
        return _in_a_process(finding, attach, written)
    if attach.site.function.kind != "test":
        return Refused(
            f"`{attach.site.scope}` attaches the handler at {where}, for whichever test calls it: "
            f"let it call `on_exit(fn -> :telemetry.detach({written}) end)`, if only tests call it"
        )
    edit = line_behind(attach.source, attach.statement, f"on_exit(fn -> :telemetry.detach({written}) end)")
    return Change(
        title="Detach the handler when the test is over",
        kind=FixKind.SAFE,
        files=(file_change(finding.path, attach.source.content, [edit]),),
    )


def _in_a_process(finding: Finding, attach: TestSite, handler_id: str) -> Change:
    edit = line_before(attach.source, attach.statement, f":telemetry.detach({handler_id})")
    return Change(
        title="Detach the old handler before attaching it anew",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, attach.source.content, [edit]),),
        notes=(f"A second process of `{attach.site.module.name}` takes the handler away from the first.",),
    )


def _can_be_written_again(handler_id: Node) -> bool:
    """Of literals and variables alone: it means the same a second time."""
    if handler_id.type == "call":
        return False
    return all(_can_be_written_again(child) for child in handler_id.named_children)
