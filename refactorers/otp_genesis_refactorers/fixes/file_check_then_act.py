"""OTP115: the new content is written beside the file, which is then replaced by a rename."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.file_steps import FileSteps, file_steps
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.definitions import indent_of
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.long_lines import makes_long_line
from otp_genesis_refactorers.rewriting.statements import begins_its_line

_NOTES = (
    "The rename is one step only within one file system; the new file has fresh permissions.",
    "Two writers at the same time share the temporary file: give each a name of its own where that can be.",
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    found = [steps for steps in file_steps(site.source, site.site.clause) if steps.first == site.call]
    if not found:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    if found[0].step != "replace":
        second = place(site.source, found[0].second.head.start)
        return Refused(
            f"the file may come or go between {site.place} and {second}: leave the question out, and take "
            "the error of the second step, `:enoent` or, with `[:exclusive]`, `:eexist`"
        )
    edits = _edits(site, found[0])
    if isinstance(edits, Refused):
        return edits
    if makes_long_line(project, site.source, edits):
        return Refused(f"a line at {site.place} would be too long: give the path a shorter name first")
    return Change(
        title="Write beside the file, then rename",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, edits),),
        notes=_NOTES,
    )


def _edits(site: CallSite, steps: FileSteps) -> list[Edit] | Refused:
    source = site.source
    removal, write = source.node_at(steps.first.span), source.node_at(steps.second.span)
    where = place(source, steps.second.head.start)
    if write.prev_named_sibling != removal or not (
        begins_its_line(source, removal) and begins_its_line(source, write)
    ):
        return Refused(
            f"the write at {where} is no statement on the line behind the removal: bring them together"
        )
    if write.type == "call" and source.text(Span(steps.second.head.end, 1)) != "(":
        return Refused(f"the write at {where} is called without parentheses: give it some first")
    arguments = syntax.arguments(write)
    path = syntax.text(arguments[0]) if arguments and arguments[0].type == "identifier" else ""
    if not path or steps.second.piped:
        return Refused(f"the path at {where} is no variable: bind it to one first")
    definition = source.node_at(site.site.clause.span)
    if any(node.type == "identifier" and syntax.text(node) == "tmp" for node in syntax.below(definition)):
        return Refused(f"the function around {where} has a `tmp` already: rename it first")
    module = source.text(steps.second.head).removesuffix(steps.second.name)
    newline, indent = newline_of(source.content), indent_of(source, write)
    edits = [
        Edit(Span.of(removal), f'tmp = {path} <> ".tmp"'),
        Edit(Span.of(arguments[0]), "tmp"),
    ]
    end = Span(write.end_byte, 0)
    if steps.second.name == "write!":
        return [*edits, Edit(end, f"{newline}{indent}{module}rename!(tmp, {path})")]
    if write.start_point.row != write.end_point.row:
        return Refused(f"the write at {where} has several lines: put it into a `with` before the rename")
    start = Span(write.start_byte, 0)
    return [*edits, Edit(start, "with :ok <- "), Edit(end, f", do: {module}rename(tmp, {path})")]
