"""OTP303: what waits in `init/1`, and all after it, becomes a clause of `handle_continue/2`."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.state.deferrable_init import DeferrableInit, deferrable_init
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site
from otp_genesis_refactorers.rewriting.definitions import clauses_after, clauses_before, indent_of
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.statements import first_comment_above

_NOTES = (
    "The start succeeds before the work is done; a failure restarts the server, no longer fails the start.",
    "`terminate/2` may be given the state from before the work.",
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    found = (
        deferrable_init(site.source, site.site.clause, site.call) if finding.fix is FixKind.UNSAFE else None
    )
    if found is None:
        return Refused(
            f"`init/1` at {site.place} is more than statements and one `{{:ok, state}}` at its end: return "
            "`{:ok, state, {:continue, :load}}` and do the waiting in `handle_continue(:load, state)` by hand"
        )
    tag = _free_tag(site.site.module)
    if tag is None:
        return Refused(
            f"the `handle_continue/2` of {site.site.module.name} takes any message: add the clause by hand"
        )
    message = f"{{:{tag}, {', '.join(found.variables)}}}" if found.variables else f":{tag}"
    return Change(
        title=f"Do the waiting of {site.site.module.name} in handle_continue/2",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, _edits(site, found, message)),),
        notes=_NOTES,
    )


def _free_tag(module: Module) -> str | None:
    """A message that no clause takes yet."""
    continued = module.function("handle_continue", 2)
    heads = [clause.head[0] for clause in continued.clauses] if continued is not None else []
    if any(head.tag is None for head in heads):
        return None
    taken = {head.tag for head in heads}
    return next((tag for tag in ("load", "finish_init", "after_init") if tag not in taken), None)


def _edits(site: CallSite, found: DeferrableInit, message: str) -> list[Edit]:
    source, module = site.source, site.site.module
    init = source.node_at(site.site.clause.span)
    start = _start_of_moved(source, found)
    returned = f"{{:ok, {found.early_state or 'nil'}, {{:continue, {message}}}}}"
    clause = _continue_clause(source, module, init, found, message, start)
    continued = module.function("handle_continue", 2)
    last_init = source.node_at(site.site.function.clauses[-1].span)
    if continued is not None:
        beside = clauses_before(source, source.node_at(continued.clauses[0].span), clause)
    else:
        beside = clauses_after(source, last_init, clause)
    return [Edit(Span(start, found.returned.end_byte), returned), beside]


def _start_of_moved(source: Source, found: DeferrableInit) -> int:
    """Where the moved part begins, with the comments directly above its first statement."""
    if not found.moved:
        return found.returned.start_byte
    return first_comment_above(source, found.moved[0]).start_byte


def _continue_clause(
    source: Source, module: Module, init: Node, found: DeferrableInit, message: str, start: int
) -> list[str]:
    """The lines of the new clause, without the indentation of its definition."""
    moved = source.text(Span(start, found.returned.start_byte)) if found.moved else ""
    indent = indent_of(source, init)
    newline = newline_of(source.content)
    # A blank line in front of what is returned stays: statements of several lines need it.
    end = newline if moved.count(newline) - moved.rstrip().count(newline) > 1 else ""
    lines = [line.removeprefix(f"{indent}  ") for line in (moved.rstrip() + end).split(newline)]
    state = found.early_state or "_state"
    body = [*(lines if moved else []), f"{{:noreply, {syntax.text(found.state)}}}"]
    is_impl = any(clause.impl for function in module.functions for clause in function.clauses)
    return [
        *(["@impl true"] if is_impl else []),
        f"def handle_continue({message}, {state}) do",
        *(f"  {line}" if line else "" for line in body),
        "end",
    ]
