"""OTP412: the test monitors the process before it ends it, and waits for the `:DOWN` message."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.testing.kills import UnwatchedKill, unwatched_kills
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.places import place_of, written
from otp_genesis_refactorers.rewriting.statements import (
    begins_its_line,
    line_before,
    line_behind,
    without_line,
)
from otp_genesis_refactorers.rewriting.test_site import TestSite, find_test_site

_REFERENCES = ("ref", "monitor_ref", "down_ref")


def fix(finding: Finding, project: Project) -> Change | Refused:
    exit_signal = find_test_site(finding, project)
    if isinstance(exit_signal, Refused):
        return exit_signal
    where = place(exit_signal.source, finding.span.start)
    kills = unwatched_kills(exit_signal.source, exit_signal.block)
    kill = next((kill for kill in kills if kill.site.call.head == finding.span), None)
    if kill is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    if kill.process.kind != "variable":
        return Refused(f"the process that ends at {where} has no variable: bind its pid to one first")
    if not kill.expects_absence:
        return Refused(
            f"the test looks for what takes the place of the process that ends at {where}, and a monitor "
            "says nothing of that: ask for the new process until it is there"
        )
    if kill.look.name == "alive?" and not _says_only_that_it_is_gone(exit_signal, kill):
        look = place(exit_signal.source, kill.look.head.start)
        return Refused(
            f"the statement at {look} says more than that the process is gone: give `refute "
            "Process.alive?(...)` a statement of its own first"
        )
    if not _has_own_lines(exit_signal, kill):
        return Refused(f"several statements share a line at {where}: give each a line of its own first")
    reference = _free_name(exit_signal)
    if reference is None:
        return Refused(f"{', '.join(_REFERENCES)} are all in use around {where}: monitor the process by hand")
    return Change(
        title="Wait for the process to end",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, exit_signal.source.content, _edits(exit_signal, kill, reference)),),
    )


def _says_only_that_it_is_gone(exit_signal: TestSite, kill: UnwatchedKill) -> bool:
    """`refute Process.alive?(pid)`, `assert not ...`, `assert Process.alive?(pid) == false`."""
    statement = exit_signal.source.node_at(kill.statement)
    arguments = syntax.arguments(statement)
    if statement.type == "binary_operator" and syntax.operator(statement) == "=":
        arguments = [inner for inner in (syntax.right(statement),) if inner is not None]
    look = arguments[0] if len(arguments) == 1 else None
    if look is not None and look.type == "unary_operator" and syntax.operator(look) in ("not", "!"):
        look = syntax.operand(look)
    if look is not None and look.type == "binary_operator" and syntax.operator(look) in ("==", "==="):
        sides = (syntax.left(look), syntax.right(look))
        look = next((side for side in sides if side is not None and syntax.text(side) != "false"), None)
    return look is not None and Span.of(look) == kill.look.span


def _edits(exit_signal: TestSite, kill: UnwatchedKill, reference: str) -> list[Edit]:
    source, pid = exit_signal.source, kill.process.value
    reason = ":killed" if kill.reason.is_atom("kill") else "_"
    wait = f"assert_receive {{:DOWN, ^{reference}, :process, ^{pid}, {reason}}}"
    process = written("Process", place_of(source, Span.of(exit_signal.statement)).scope)
    edits = [line_before(source, exit_signal.statement, f"{reference} = {process}.monitor({pid})")]
    edits += [without_line(source, source.node_at(sleep.span)) for sleep in kill.sleeps]
    if kill.look.name == "alive?":
        edits.append(Edit(kill.statement, wait))
    else:
        edits.append(line_behind(source, exit_signal.statement, wait))
    return edits


def _has_own_lines(exit_signal: TestSite, kill: UnwatchedKill) -> bool:
    source = exit_signal.source
    changed = [source.node_at(span) for span in (*(sleep.span for sleep in kill.sleeps), kill.statement)]
    return all(begins_its_line(source, node) for node in changed)


def _free_name(exit_signal: TestSite) -> str | None:
    used = _words(exit_signal.source, exit_signal)
    return next((name for name in _REFERENCES if name not in used), None)


def _words(source: Source, exit_signal: TestSite) -> set[str]:
    nodes = [source.node_at(exit_signal.site.clause.span)]
    words: set[str] = set()
    while nodes:
        node = nodes.pop()
        if node.type == "identifier":
            words.add(syntax.text(node))
        nodes += node.named_children
    return words
