"""OTP303: what waits in `init/1`, and all after it, becomes a clause of `handle_continue/2`."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import statements
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.state.deferrable_init import DeferrableInit, deferrable_init
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.definitions import clauses_after, clauses_before, indent_of
from otp_genesis_refactorers.rewriting.direct_calls import direct_call_refusal
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.statements import first_comment_above

_TAGS = ("load", "finish_init", "after_init")
_DIRECTIVES = frozenset({"alias", "import", "require"})
_BY_HAND = (
    "return `{:ok, state, {:continue, :load}}` and do the waiting in `handle_continue(:load, state)` by hand"
)
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
        return Refused(f"{_what_hinders(site)}: {_BY_HAND}")
    refusal = _unfit(site, found) or direct_call_refusal(
        project, site.site.module, "init/1", "would return `{:ok, state, {:continue, message}}`"
    )
    if refusal is not None:
        return refusal
    tag = _free_tag(site.site.module)
    if tag is None:
        return Refused(
            f"the `handle_continue/2` of {site.site.module.name} takes any message, or each of those that "
            f"the fix has a name for ({', '.join(_TAGS)}): add the clause by hand"
        )
    message = f"{{:{tag}, {', '.join(found.variables)}}}" if found.variables else f":{tag}"
    return Change(
        title=f"Do the waiting of {site.site.module.name} in handle_continue/2",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, _edits(site, found, message)),),
        notes=_NOTES,
    )


def _what_hinders(site: CallSite) -> str:
    """Why the waiting can't be taken out of an `init/1`."""
    source, clause = site.source, site.site.clause
    where = place(source, clause.name_span.start)
    if site.site.function.id != "init/1":
        return f"`{site.site.scope}` at {site.place} waits for `init/1`, which makes its return of that"
    if "GenServer" not in kinds(site.site.module):
        return f"`init/1` at {where} starts no GenServer, but what returns in a form of its own"
    block = syntax.do_block(source.node_at(clause.span))
    if block is not None and syntax.sections(block)[1]:
        return f"`init/1` at {where} rescues what fails at {site.place}"
    last = next(reversed(statements(source, clause)), None)
    if last is None or last.type != "tuple":
        what = f"`{syntax.text(last).split()[0]}`" if last is not None else "nothing"
        return f"`init/1` at {where} returns what {what} gives, and no `{{:ok, state}}` that is written out"
    if len(syntax.children(last)) > 2:
        third = syntax.text(syntax.children(last)[2])
        return f"`init/1` at {where} returns `{third}` as a third element already"
    return f"`init/1` at {where} returns no `{{:ok, state}}`"


def _unfit(site: CallSite, found: DeferrableInit) -> Refused | None:
    """What holds in `init/1` alone."""
    moved_from = found.moved[0].start_byte if found.moved else found.returned.start_byte
    for statement in statements(site.source, site.site.clause):
        if statement.start_byte < moved_from and syntax.local_name(statement) in _DIRECTIVES:
            return Refused(
                f"the `{syntax.local_name(statement)}` at {place(site.source, statement.start_byte)} holds "
                "in `init/1` alone: move it up into the module first"
            )
    thrown = (
        node for moved in found.moved for node in syntax.below(moved) if syntax.local_name(node) == "throw"
    )
    throw = next(thrown, None)
    if throw is not None:
        return Refused(
            f"the `throw` at {place(site.source, throw.start_byte)} gives what `init/1` may return, and "
            f"`handle_continue/2` may not: {_BY_HAND}"
        )
    return None


def _free_tag(module: Module) -> str | None:
    """A message that no clause takes yet."""
    continued = module.function("handle_continue", 2)
    heads = [clause.head[0] for clause in continued.clauses] if continued is not None else []
    if any(head.tag is None for head in heads):
        return None
    taken = {head.tag for head in heads}
    return next((tag for tag in _TAGS if tag not in taken), None)


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
    return [Edit(Span.between(start, found.returned.end_byte), returned), beside]


def _start_of_moved(source: Source, found: DeferrableInit) -> int:
    """Where the moved part begins, with the comments directly above its first statement."""
    if not found.moved:
        return found.returned.start_byte
    return first_comment_above(source, found.moved[0]).start_byte


def _continue_clause(
    source: Source, module: Module, init: Node, found: DeferrableInit, message: str, start: int
) -> list[str]:
    """The lines of the new clause, without the indentation of its definition."""
    moved = source.text(Span.between(start, found.returned.start_byte)) if found.moved else ""
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
