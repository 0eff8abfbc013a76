"""OTP504: the handler is named by its module; a variable that its `fn` kept becomes its configuration."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.telemetry.attached import is_attach
from otp_genesis_analyzers.facts.telemetry.handlers import (
    Forwarding,
    captured_here,
    forwarding,
    handler_node,
)
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site

_NO_CONFIG = ("nil", "[]", "%{}")


def fix(finding: Finding, project: Project) -> Change | Refused:
    attach = find_call_site(finding, project)
    if isinstance(attach, Refused):
        return attach
    handler = handler_node(attach.source, attach.site.clause, attach.call)
    if handler is None:
        return Refused(f"the handler at {attach.place} is not written in the call: name it by hand")
    local = captured_here(attach.site.module, handler)
    if local:
        return _named(finding, attach, handler, f"__MODULE__.{local}", project)
    forwarded = forwarding(handler)
    if forwarded is None:
        return Refused(
            f"the handler at {attach.place} does more than to call one function with its four arguments, in "
            "their order: move its body into a public function and give `&__MODULE__.name/4`"
        )
    name = syntax.text(forwarded.function)
    written = f"__MODULE__.{name}" if forwarded.function.type == "identifier" else name
    return _named(finding, attach, handler, written, project, forwarded)


def _named(
    finding: Finding,
    attach: CallSite,
    handler: Node,
    written: str,
    project: Project,
    forwarded: Forwarding | None = None,
) -> Change | Refused:
    if any(node.type == "comment" for node in syntax.below(handler)):
        return Refused(f"a comment stands in the handler at {attach.place}: move it above, then try again")
    unknown = _why_not_public(attach, written, project, forwarded)
    if unknown is not None:
        return unknown
    edits = [Edit(Span.of(handler), f"&{written}/4")]
    kept = forwarded.config if forwarded is not None else ""
    if kept and _is_shared(attach, handler):
        return Refused(f"the handler at {attach.place} is attached more than once: name it by hand")
    if kept:
        config = syntax.arguments(attach.node)[-1]
        if syntax.text(config) not in _NO_CONFIG:
            return Refused(
                f"the handler at {attach.place} has the configuration `{syntax.text(config)}` already:"
                f" put `{kept}` into it and take it out in the function"
            )
        edits.append(Edit(Span.of(config), kept))
    return Change(
        title=f"Attach `&{written}/4`" + (f" with `{kept}` as its configuration" if kept else ""),
        kind=FixKind.UNSAFE if kept else FixKind.SAFE,
        files=(file_change(finding.path, attach.source.content, edits),),
    )


def _is_shared(attach: CallSite, handler: Node) -> bool:
    """A variable holds the handler, and the clause attaches several."""
    in_place = attach.call.span.contains(Span.of(handler))
    return not in_place and sum(map(is_attach, attach.site.clause.calls)) > 1


def _why_not_public(
    attach: CallSite, written: str, project: Project, forwarded: Forwarding | None
) -> Refused | None:
    """A function can be named only where it is seen to be a public one, and no macro."""
    name = written.rpartition(".")[2]
    called = _call_of(attach, forwarded)
    own = attach.site.module.name
    module = called.module if called is not None and called.module else own
    function = attach.site.module.function(name, 4) if module == own else project.function(module, name, 4)
    if function is not None and function.public:
        return None
    if function is not None and function.kind == "defp":
        return Refused(
            f"`{name}/4` of {module} is private, and telemetry calls the handler from outside:"
            " make it a `def`, with `@doc false` above it, then name it"
        )
    if module == "?":
        return Refused(
            f"the handler at {attach.place} calls `{written}`, whose module is known at run time only: there "
            "is no function to name, so leave it as it is"
        )
    return Refused(f"{module} is not seen to define a public `{name}/4`: see that it does, then name it")


def _call_of(attach: CallSite, forwarded: Forwarding | None) -> Call | None:
    if forwarded is None:
        return None
    start = forwarded.function.start_byte
    return next((call for call in attach.site.clause.calls if call.head.start == start), None)
