"""OTP402: the handler gives `{:error, reason}` instead of sending the message again."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.guarded import Handler
from otp_genesis_analyzers.facts.messages.fallbacks import fallbacks
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place

_NOTE = "Callers are now told `{:error, reason}` where they were told that the message is on its way."


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    found = fallbacks(site.source, site.site.module)
    handler = next((fallback.handler for fallback in found if fallback.again.site.call == site.call), None)
    if handler is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    if not handler.takes_every_exit_alone:
        return Refused(
            f"the handler at {place(site.source, handler.node.start_byte)} tells failures apart: "
            "decide for each of them what the caller is told"
        )
    edits = _edits(site, handler)
    if isinstance(edits, Refused):
        return edits
    return Change(
        title="Tell the caller that the call failed",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, edits),),
        notes=(_NOTE,),
    )


def _edits(site: CallSite, handler: Handler) -> list[Edit] | Refused:
    statements = list(handler.body)
    index = next((at for at, node in enumerate(statements) if Span.of(node) == Span.of(site.whole)), None)
    before = statements[:index]
    rest = statements[index + 1 :] if index is not None else []
    if index is None or not all(map(_only_logs, before)) or not all(map(_is_constant, rest)) or len(rest) > 1:
        return Refused(
            f"the handler at {place(site.source, handler.node.start_byte)} does more than send and log: "
            "take the `send` out and say in its value that the call failed"
        )
    last = rest[-1] if rest else statements[index]
    dropped = Span.between(statements[index].start_byte, last.end_byte)
    if _holds_comment(site.source, dropped):
        return Refused(
            f"a comment stands between the `send` at {site.place} and the end of the handler: move it up"
        )
    name = handler.variable or "reason"
    edits = [Edit(dropped, f"{{:error, {name}}}")]
    if not handler.variable:
        edits.append(Edit(Span.of(handler.patterns[-1]), name))
    return edits


def _only_logs(node: Node) -> bool:
    target = syntax.call_target(node) if node.type == "call" else None
    module = syntax.left(target) if target is not None and target.type == "dot" else None
    return module is not None and syntax.text(module) == "Logger"


def _is_constant(node: Node) -> bool:
    """`:ok`, `{:ok, :sent}`, `true`."""
    if node.type == "tuple":
        return all(map(_is_constant, syntax.children(node)))
    return node.type in ("atom", "boolean", "nil", "integer")


def _holds_comment(source: Source, span: Span) -> bool:
    nodes = [source.node_at(span)]
    while nodes:
        node = nodes.pop()
        if node.type == "comment" and span.contains(Span.of(node)):
            return True
        nodes += node.named_children
    return False
