"""OTP114: the start takes `{:error, {:already_started, pid}}` for what it is, a process that is there."""

from __future__ import annotations

from itertools import pairwise

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.facts.processes.process_checks import checks, starts_process
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import find_call_site, place
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.long_lines import makes_long_line, without_long_line
from otp_genesis_refactorers.rewriting.statements import begins_its_line

_BLOCKS = ("body", "do_block", "else_block")
_NOTE = "A process that another one has started meanwhile counts as started here."


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    clause, graph = site.site.clause, call_graph(site.site.module)
    found = [check for check in checks(site.source, graph, clause) if check.question == site.call]
    if not found:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    act = found[0].act
    if found[0].step != "start":
        return Refused(
            f"the process that is asked for at {site.place} may end before "
            f"{place(site.source, act.head.start)} turns to it: leave the question out, and catch the exit"
        )
    if not starts_process(act):
        return Refused(
            f"the start is in `{act.name}/{act.arity}`: let that function take "
            "`{:error, {:already_started, pid}}` for a success"
        )
    edits = _edits(project, site.source, clause, act)
    if isinstance(edits, Refused):
        return edits
    if makes_long_line(project, site.source, edits):
        return Refused(f"the line at {place(site.source, act.head.start)} would be too long: break it first")
    return Change(
        title="Take :already_started for a success",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, edits),),
        notes=(_NOTE,),
    )


def _edits(project: Project, source: Source, clause: Clause, act: Call) -> list[Edit] | Refused:
    node = source.node_at(act.span)
    parent = node.parent
    start = parent if act.piped and parent is not None else node
    holder = start.parent
    if holder is not None and holder.type == "binary_operator" and syntax.operator(holder) == "=":
        return _as_case(source, holder, start)
    if act.result == "subject" and holder is not None and holder.type == "arguments":
        return _with_clause(project, source, start)
    if act.result == "returned" and holder is not None and holder.type in _BLOCKS:
        return _as_with(project, source, clause, start)
    where = place(source, act.head.start)
    return Refused(f"what the start at {where} gives goes on in a way that can't be rewritten safely")


def _with_clause(project: Project, source: Source, start: Node) -> list[Edit] | Refused:
    """Behind `{:ok, pid} -> pid` a clause for the process that is there already."""
    choice = start.parent.parent if start.parent is not None and start.parent.type == "arguments" else None
    block = syntax.do_block(choice) if choice is not None else None
    stabs = (
        [stab for stab in syntax.children(block) if stab.type == "stab_clause"] if block is not None else []
    )
    found = next((stab for stab in stabs if _started_as(stab)), None)
    body = syntax.stab_parts(found)[2] if found is not None else []
    above = (
        next((stab for stab in stabs[: stabs.index(found)] if _takes_errors(stab)), None) if found else None
    )
    if above is not None:
        return Refused(
            f"the clause at {place(source, above.start_byte)} takes every error, and one for "
            "`{:error, {:already_started, pid}}` would never run below it: put that one above it by hand"
        )
    if found is None or len(body) != 1 or body[0].end_point.row != found.start_point.row:
        return Refused(
            f"the `case` of the start at {place(source, start.start_byte)} has no `{{:ok, pid}} -> ...` of "
            "one line: add a clause for `{:error, {:already_started, pid}}`"
        )
    gap = newline_of(source.content) * (2 if _stand_apart(stabs) else 1)
    end = source.lines.line_end(found.start_point.row)
    indent = source.text(Span.between(source.lines.starts[found.start_point.row], found.start_byte))
    text = f"{gap}{indent}{{:error, {{:already_started, {_started_as(found)}}}}} -> {syntax.text(body[0])}"
    return without_long_line(project, source, [Edit(Span(end, 0), text)], Span(end, 0))


def _as_case(source: Source, match: Node, start: Node) -> list[Edit] | Refused:
    """`{:ok, pid} = start` as `pid = case start do ... end`."""
    name = _pid_in(syntax.left(match))
    after = match.next_named_sibling
    if (
        not name
        or after is None
        or not begins_its_line(source, match)
        or start.end_point.row != match.start_point.row
    ):
        return Refused(
            f"the match at {place(source, match.start_byte)} is no `{{:ok, pid}} = ...` of one line: "
            "put the start into a `case`"
        )
    newline = newline_of(source.content)
    indent = source.text(Span.between(source.lines.starts[match.start_point.row], match.start_byte))
    value, inner = "pid" if name.startswith("_") else name, indent + "  "
    lines = [
        f"case {syntax.text(start)} do",
        f"  {{:ok, {value}}} -> {value}",
        f"  {{:error, {{:already_started, {value}}}}} -> {value}",
        "end",
    ]
    bound = f"{name} =" if name != "_" else "_pid ="
    text = newline.join([bound, *(inner + line for line in lines)])
    edits = [Edit(Span.of(match), text)]
    before = match.prev_named_sibling
    if before is not None and match.start_point.row - before.end_point.row == 1 and before.type != "comment":
        edits.append(_blank_line(source, match.start_point.row, newline))
    if after.start_point.row - match.end_point.row == 1:
        edits.append(_blank_line(source, after.start_point.row, newline))
    return edits


def _as_with(project: Project, source: Source, clause: Clause, start: Node) -> list[Edit] | Refused:
    """The value of a branch, where another branch gives `{:ok, pid}`."""
    if _lacks_parentheses(start):
        return Refused(
            f"the start at {place(source, start.start_byte)} has no parentheses around its arguments: "
            "give it some first"
        )
    if not any(_pid_in(node) for node in results(source, clause)):
        return Refused(
            f"what the function gives when the process is there is no `{{:ok, pid}}`: say what it gives when "
            f"the start at {place(source, start.start_byte)} finds it already started"
        )
    if start.start_point.row != start.end_point.row:
        return Refused(
            f"the start at {place(source, start.start_byte)} has several lines: put it into a `case`"
        )
    opening = Edit(Span(start.start_byte, 0), "with {:error, {:already_started, pid}} <- ")
    closing = Edit(Span(start.end_byte, 0), ", do: {:ok, pid}")
    return without_long_line(project, source, [opening, closing], Span.of(start))


def _lacks_parentheses(start: Node) -> bool:
    """Of a call inside of another one the arguments could not be told apart."""
    call = syntax.right(start) if syntax.operator(start) == "|>" else start
    holder = next((child for child in call.children if child.type == "arguments"), None) if call else None
    return holder is not None and holder.children[0].type != "("


def _takes_errors(stab: Node) -> bool:
    """`{:error, reason} ->`, `other ->`."""
    pattern = next(iter(syntax.stab_parts(stab)[0]), None)
    if pattern is None or pattern.type == "identifier":
        return pattern is not None
    parts = syntax.children(pattern)
    is_pair = pattern.type == "tuple" and len(parts) == 2
    return is_pair and syntax.text(parts[0]) in (":error", "_") and parts[1].type == "identifier"


def _started_as(stab: Node) -> str:
    """`pid` of a clause `{:ok, pid} -> ...` without a guard."""
    patterns, guard, _ = syntax.stab_parts(stab)
    return _pid_in(patterns[0]) if len(patterns) == 1 and guard is None else ""


def _pid_in(node: Node | None) -> str:
    """`pid` of `{:ok, pid}`."""
    parts = syntax.children(node) if node is not None and node.type == "tuple" else []
    if len(parts) != 2 or syntax.text(parts[0]) != ":ok" or parts[1].type != "identifier":
        return ""
    return syntax.text(parts[1])


def _stand_apart(stabs: list[Node]) -> bool:
    """The clauses have blank lines between them."""
    return any(
        after.start_point.row - syntax.stab_parts(before)[2][-1].end_point.row > 1
        for before, after in pairwise(stabs)
        if syntax.stab_parts(before)[2]
    )


def _blank_line(source: Source, row: int, newline: str) -> Edit:
    start = source.lines.starts[row]
    return Edit(Span(start, 0), newline)
