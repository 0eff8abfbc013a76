"""OTP408: a sleep behind a cast becomes a barrier, one in front of `refute_received` its timeout."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.awaited_cast import AwaitedCast, awaited_cast
from otp_genesis_analyzers.facts.testing.test_blocks import following
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.statements import without_line
from otp_genesis_refactorers.rewriting.test_site import TestSite, find_test_site


def fix(finding: Finding, project: Project) -> Change | Refused:
    sleep = find_test_site(finding, project)
    if isinstance(sleep, Refused):
        return sleep
    if sleep.statement.type == "binary_operator":
        return Refused(
            f"what the sleep at {place(sleep.source, finding.span.start)} gives is bound to a name: "
            "take the name away first"
        )
    behind = following(sleep.source, sleep.site.clause, sleep.site.call)
    if behind and syntax.local_name(behind[0]) == "refute_received":
        return _as_timeout(finding, sleep, behind[0])
    where = place(sleep.source, finding.span.start)
    if finding.severity is Severity.HINT:
        return Refused(f"the test at {where} is about time, or about nothing happening: no message ends that")
    cast = awaited_cast(project, sleep.site)
    server = _server_of(sleep, cast) if cast is not None else None
    if server is None:
        return Refused(
            f"nothing at {where} shows what the test waits for: let the other process send a message and "
            "wait for it with `assert_receive`, or ask until the state is there"
        )
    edit = Edit(Span.of(sleep.statement), f":sys.get_state({server})")
    return Change(
        title=f"Wait until `{server}` has handled the cast",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, sleep.source.content, [edit]),),
        notes=("The barrier does not wait for work that the server hands to other processes.",),
    )


def _as_timeout(finding: Finding, sleep: TestSite, refutation: Node) -> Change | Refused:
    target, arguments = syntax.call_target(refutation), syntax.arguments(refutation)
    if target is None or not arguments:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    slept = syntax.text(syntax.arguments(sleep.node)[0])
    edits = [
        without_line(sleep.source, sleep.statement),
        Edit(Span.of(target), "refute_receive"),
        Edit(Span(arguments[0].end_byte, 0), f", {slept}"),
    ]
    return Change(
        title="Refute the message for that long",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, sleep.source.content, edits),),
    )


def _server_of(sleep: TestSite, cast: AwaitedCast) -> str | None:
    """The server as the test writes it: the argument that the cast is sent to, or the module's name."""
    node = sleep.source.node_at(cast.call.span)
    if cast.position is None:
        target = syntax.call_target(node)
        receiver = syntax.left(target) if target is not None else None
        is_own = receiver is not None and cast.call.module == cast.name
        return syntax.text(receiver) if is_own and receiver is not None else cast.name
    arguments = syntax.arguments(node)
    if len(arguments) <= cast.position:
        return None
    argument = arguments[cast.position]
    return syntax.text(argument) if argument.type in ("identifier", "alias", "atom") else None
