"""OTP207: the restart that fits: `:transient` for a task that ends, `:permanent` for a server with a name."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.restart_types import (
    RestartMismatch,
    declared_mismatches,
    listed_mismatches,
)
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.statements import begins_its_line
from otp_genesis_refactorers.rewriting.test_site import read_source


def fix(finding: Finding, project: Project) -> Change | Refused:
    source = read_source(finding, project)
    if isinstance(source, Refused):
        return source
    found = _mismatch_at(source, finding.span)
    if found is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    module, mismatch = found
    if mismatch.kind == "does not start":
        return Refused(
            "which children may end their supervisor is a decision: give it `auto_shutdown: "
            f":any_significant`, or take `significant: true` at {place(source, mismatch.span.start)} away"
        )
    restart = ":transient" if mismatch.kind == "ends" else ":permanent"
    edit = _edit(source, mismatch, restart)
    if isinstance(edit, Refused):
        return edit
    what = "the task" if mismatch.kind == "ends" else module.name
    return Change(
        title=f"Make {what} {restart}",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, source.content, [edit]),),
        notes=(
            ("When it is done, it is not started again; when it fails, it is.",)
            if mismatch.kind == "ends"
            else ("It is started again after a crash; one that keeps crashing ends its supervisor.",)
        ),
    )


def _mismatch_at(source: Source, span: Span) -> tuple[Module, RestartMismatch] | None:
    for module in read_facts(source).modules:
        graph = call_graph(module)
        found = [*declared_mismatches(source, graph)]
        for children in module.child_lists:
            found += listed_mismatches(source, graph, children)
        for mismatch in found:
            if mismatch.span == span:
                return module, mismatch
    return None


def _edit(source: Source, mismatch: RestartMismatch, restart: str) -> Edit | Refused:
    if mismatch.written:
        value = source.node_at(mismatch.span)
        if value.type != "atom":
            where = place(source, mismatch.span.start)
            return Refused(
                f"the restart at {where} is not written as an atom: change `{syntax.text(value)}` by hand"
            )
        return Edit(mismatch.span, restart)
    node = source.node_at(mismatch.span)
    while node.type != "keywords" and node.parent is not None:
        node = node.parent
    pairs = syntax.children(node)
    last = pairs[-1] if pairs else None
    if node.type != "keywords" or last is None or node.parent is None or node.parent.type != "map_content":
        where = place(source, mismatch.span.start)
        return Refused(f"the child at {where} is no map with atom keys: add `restart: {restart}` by hand")
    separator = ", "
    if begins_its_line(source, last):
        line_start = source.lines.starts[last.start_point.row]
        separator = f",{newline_of(source.content)}{source.text(Span.between(line_start, last.start_byte))}"
    return Edit(Span(last.end_byte, 0), f"{separator}restart: {restart}")
