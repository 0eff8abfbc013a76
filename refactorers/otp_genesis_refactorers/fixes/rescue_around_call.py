"""OTP405: the handler of exceptions becomes one of exits, or gets one of exits beside it."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.guarded import Guarded, Handler, guarded_in, guards_of
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import find_call_site, place
from otp_genesis_refactorers.rewriting.definitions import indent_of
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.long_lines import makes_long_line, without_long_line

_HOLDERS = frozenset({"tuple", "list", "keywords", "pair", "arguments", "map", "map_content"})
_SHOWING = frozenset({"inspect", "Kernel.inspect", "IO.inspect"})
_NOTE = "The caller goes on with the handler's value where it exited before."


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    clause = site.site.clause
    around = guards_of(guarded_in(site.source, clause), clause, site.call)
    if not around:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    guarded = around[-1]
    refusal = _refusal(site.source, guarded)
    if refusal is not None:
        return refusal
    alone = finding.severity is Severity.WARNING
    edits = _as_exits(site.source, guarded) if alone else _with_exits(site.source, guarded)
    if isinstance(edits, Refused):
        return edits
    handler = guarded.handlers[0]
    edits = without_long_line(project, site.source, edits, Span.of(handler.body[-1]))
    if makes_long_line(project, site.source, edits):
        where = place(site.source, handler.node.start_byte)
        return Refused(f"the handler at {where} would be too long for its line: break it first")
    return Change(
        title="Catch the exit of the call" if alone else "Catch the exit of the call too",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, edits),),
        notes=(_NOTE,),
    )


def _refusal(source: Source, guarded: Guarded) -> Refused | None:
    handler, *others = guarded.handlers
    where = place(source, handler.node.start_byte)
    if others or not handler.body:
        return Refused(
            f"the handlers at {where} tell failures apart: say in a `catch :exit, reason` what an exit is"
        )
    if handler.section == "catch" and len(handler.patterns) == 2 and not _name(handler):
        kept = syntax.text(handler.patterns[1])
        if kept != "_":
            return Refused(
                f"the handler at {where} takes `{syntax.text(handler.patterns[0])}, {kept}`, which an exit "
                "is not: write `:exit, reason` with a branch of its own"
            )
    use = next((use for node in handler.body if (use := _as_exception(node, _name(handler)))), None)
    if use is not None:
        return Refused(
            f"`{syntax.text(use).splitlines()[0]}` at {place(source, use.start_byte)} is taken for an "
            "exception, which an exit reason is not: write `catch :exit, reason` with a branch of its own"
        )
    if handler.guard is not None:
        return Refused(
            f"the handler at {where} has a guard for exceptions: write `catch :exit, reason` with a branch "
            "of its own"
        )
    return None


def _name(handler: Handler) -> str:
    """The variable that holds what was taken: `e` of `e -> `, `e in RuntimeError ->`."""
    pattern = handler.patterns[0]
    if pattern.type == "binary_operator" and syntax.operator(pattern) == "in":
        pattern = syntax.left(pattern) or pattern
    return syntax.text(pattern) if pattern.type == "identifier" else ""


def _as_exception(body: Node, name: str) -> Node | None:
    """What takes the reason for an exception, or may: a call that it is given to, `e.message`, `raise`."""
    for inner in syntax.below(body):
        if syntax.local_name(inner) in ("reraise", "raise"):
            return inner
        is_name = inner.type == "identifier" and syntax.text(inner) == name and not _is_behind_dot(inner)
        if name and is_name:
            user = _user(inner)
            if user is not None:
                return user
    return None


def _is_behind_dot(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "dot" and syntax.left(node.parent) != node


def _user(name: Node) -> Node | None:
    """The expression that does more with a variable than to show it or to put it into a tuple."""
    holder = name.parent
    while holder is not None and holder.type in _HOLDERS:
        if holder.type == "arguments":
            call = holder.parent
            target = syntax.call_target(call) if call is not None else None
            return None if target is not None and syntax.text(target) in _SHOWING else call
        holder = holder.parent
    return None if holder is None or holder.type in ("stab_clause", "body", "do_block") else holder


def _as_exits(source: Source, guarded: Guarded) -> list[Edit] | Refused:
    """`rescue` becomes `catch`, `e ->` becomes `:exit, e ->`."""
    handler = guarded.handlers[0]
    name = _name(handler) or "_reason"
    pattern = Edit(
        Span.between(handler.patterns[0].start_byte, handler.patterns[-1].end_byte), f":exit, {name}"
    )
    if handler.section == "catch":
        return [pattern]
    section = handler.node.parent
    if section is None or section.type != "rescue_block":
        return Refused(
            f"the handler at {place(source, handler.node.start_byte)} stands in a `rescue:` on the line of "
            "the call: write the `try` as a block first"
        )
    word = section.children[0]
    return [Edit(Span.of(word), "catch"), pattern]


def _with_exits(source: Source, guarded: Guarded) -> list[Edit] | Refused:
    """A `catch` with the same body behind the `rescue`."""
    handler = guarded.handlers[0]
    section = handler.node.parent
    one_line = section is None or section.start_point.row == section.end_point.row
    if section is None or section.type != "rescue_block" or one_line:
        return Refused(
            f"the handlers at {place(source, handler.node.start_byte)} stand on one line: write them as a "
            "block first"
        )
    body = handler.body[-1]
    if len(handler.body) > 1 or body.end_point.row != handler.node.start_point.row:
        return Refused(
            f"the handler at {place(source, handler.node.start_byte)} has several lines: "
            "let a private function do what both handlers do"
        )
    newline, outer, inner = (
        newline_of(source.content),
        indent_of(source, section),
        indent_of(source, handler.node),
    )
    end = source.lines.line_end(handler.node.start_point.row)
    pattern = f":exit, {_name(handler) or '_reason'}"
    text = f"{newline}{outer}catch{newline}{inner}{pattern} -> {syntax.text(body)}"
    return [Edit(Span(end, 0), text)]
