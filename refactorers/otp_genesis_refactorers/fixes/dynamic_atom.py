"""OTP112: `String.to_atom(text)` becomes `String.to_existing_atom(text)`, and its like likewise.

Shown by `tests/beam/dynamic_atoms.exs`: the old call makes a new atom of any text, the new one raises.
"""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.long_lines import without_long_line
from otp_genesis_refactorers.rewriting.places import place_of, written

_EXISTING = {
    "to_atom": "to_existing_atom",
    "binary_to_atom": "binary_to_existing_atom",
    "list_to_atom": "list_to_existing_atom",
    "concat": "safe_concat",
}
_RAISES = "A text that is no atom yet raises an ArgumentError: who calls this must expect it."


def fix(finding: Finding, project: Project) -> Change | Refused:
    try:
        source = Source(finding.path, project.read(finding.path))
    except OSError as error:
        return Refused(f"{finding.path} can't be read: {error.strerror}")
    if finding.fix is not FixKind.UNSAFE:
        return Refused(
            f"the atom at {place(source, finding.span.start)} is put together at run time, so it hardly "
            "exists before: keep the text, or name a process with `{:via, Registry, {registry, key}}`"
        )
    named = _what_it_names(source, finding.span)
    if named is not None:
        return Refused(
            f"the atom at {place(source, finding.span.start)} is the new name of {named}, and one that "
            "exists would be taken: name a process with `{:via, Registry, {registry, key}}`, and leave a "
            "table unnamed"
        )
    edits = _of_interpolation(source, finding.span) or _of_call(finding, project)
    if isinstance(edits, Refused):
        return edits
    edits = without_long_line(project, source, edits, finding.span)
    return Change(
        title="Convert to existing atoms only",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, source.content, edits),),
        notes=(_RAISES,),
    )


def _what_it_names(source: Source, span: Span) -> str | None:
    """What the atom is the new name of: a table, a process. Also where it was bound to a variable first."""
    node = source.node_at(span)
    while node.type in ("dot", "alias", "identifier") and node.parent is not None:
        node = node.parent
    holder = node.parent
    if holder is not None and holder.type == "binary_operator" and syntax.operator(holder) == "=":
        block, variable = holder.parent, syntax.left(holder)
        if block is None or variable is None or variable.type != "identifier":
            return None
        uses = (one for one in syntax.below(block) if one.type == "identifier" and one != variable)
        named = (_named_by(one) for one in uses if syntax.text(one) == syntax.text(variable))
        return next((what for what in named if what is not None), None)
    return _named_by(node)


def _named_by(name: Node) -> str | None:
    """`:ets.new(name, ...)`, `Process.register(pid, name)`, `start_link(..., name: name)`."""
    holder = name.parent
    if holder is not None and holder.type == "pair":
        return (
            "a process"
            if syntax.keyword_name(holder.named_children[0]) == "name" and _starts(holder)
            else None
        )
    call = holder.parent if holder is not None and holder.type == "arguments" else None
    target = syntax.call_target(call) if call is not None else None
    function = syntax.text(target) if target is not None else ""
    if call is not None and function == ":ets.new":
        return "a table" if syntax.arguments(call)[0] == name else None
    return "a process" if function == "Process.register" else None


def _starts(node: Node) -> bool:
    """It stands among the arguments of a function that starts a process, by its name."""
    around = node.parent
    while around is not None and around.type in ("keywords", "list", "tuple", "arguments", "call"):
        target = syntax.call_target(around) if around.type == "call" else None
        if target is not None:
            return syntax.text(target).rpartition(".")[2].startswith("start")
        around = around.parent
    return False


def _of_call(finding: Finding, project: Project) -> list[Edit] | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    name = _name_in_head(site)
    if name is None or site.call.name not in _EXISTING:
        return Refused(
            f"`{site.call.name}` is called without its module at {site.place}: "
            f"write `{site.call.module}.{_EXISTING.get(site.call.name, site.call.name)}` in its place"
        )
    return [Edit(name, _EXISTING[site.call.name])]


def _name_in_head(site: CallSite) -> Span | None:
    """Where the function's name stands behind its module, in `String.to_atom` and `&String.to_atom/1`."""
    head, name = site.source.text(site.call.head), f".{site.call.name}"
    at = head.rfind(name)
    start = site.call.head.start + len(head[: at + 1].encode())
    return Span(start, len(site.call.name)) if at >= 0 else None


def _of_interpolation(source: Source, span: Span) -> list[Edit]:
    """`:"show_#{format}"` as `String.to_existing_atom("show_#{format}")`; nothing for any other text."""
    node = source.node_at(span)
    if node.type != "quoted_atom" or not syntax.text(node).startswith(':"'):
        return []
    module = written("String", place_of(source, span).scope)
    return [
        Edit(Span(span.start, 1), f"{module}.to_existing_atom("),
        Edit(Span(span.end, 0), ")"),
    ]
