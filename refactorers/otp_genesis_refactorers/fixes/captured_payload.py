"""OTP311: the fields that a function needs are bound in front of the statement that hands it over."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.processes.captured_values import (
    FIELDS,
    Captured,
    captured_values,
    field_names,
    values_in,
)
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site
from otp_genesis_refactorers.rewriting.definitions import indent_of, with_first_statement
from otp_genesis_refactorers.rewriting.layout import newline_of
from otp_genesis_refactorers.rewriting.statements import begins_its_line, first_comment_above, line_before

_BLOCKS = syntax.SECTIONS | {"do_block", "body", "block"}
_NOTE = "A field that is not there now fails in the process that hands the function over."


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    found = [
        captured
        for captured in captured_values(site.source, site.site.module, site.site.function, site.site.clause)
        if captured.site.call.head == finding.span
    ]
    if not found:
        return Refused(
            f"the message at {site.place} needs a decision: send the fields that its receiver needs"
        )
    edits = _edits(site, found)
    if isinstance(edits, Refused):
        return edits
    safe = all(map(_is_safe, found))
    return Change(
        title=f"Hand over only what is needed of {', '.join(captured.name for captured in found)}",
        kind=FixKind.SAFE if safe else FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, edits),),
        notes=() if safe else (_NOTE,),
    )


def _is_safe(captured: Captured) -> bool:
    fields = [field_names(path) for path in captured.paths]
    return captured.certain and all(len(names) == 1 and names[0] in FIELDS[captured.kind] for names in fields)


def _edits(site: CallSite, found: list[Captured]) -> list[Edit] | Refused:
    source = site.source
    definition = source.node_at(site.site.clause.span)
    statement = _statement(site.whole)
    one_line = syntax.body_keywords(definition).get("do")
    if statement is None and one_line is None:
        return Refused(f"the call at {site.place} is no statement of its own: bind the fields by hand")
    around = statement or one_line
    assert around is not None
    if any(_is_bound_in(around, captured) for captured in found):
        return Refused(
            f"the statement at {site.place} binds `{found[0].name}` itself: bind the fields by hand"
        )
    names = _names(definition, found)
    bindings = [f"{name} = {path}" for path, name in names.items()]
    uses = [Edit(Span.of(path), names[syntax.text(path)]) for captured in found for path in captured.paths]
    hoisted = _hoisted(site, definition, statement, bindings)
    return hoisted if isinstance(hoisted, Refused) else [*hoisted, *uses]


def _statement(call: Node) -> Node | None:
    """The statement of a block that a call stands in; None in a body written `do: value`."""
    node = call
    while (parent := node.parent) is not None:
        if parent.type in _BLOCKS:
            return node
        if syntax.local_name(parent) in syntax.DEFINITIONS:
            return None
        node = parent
    return None


def _hoisted(
    site: CallSite, definition: Node, statement: Node | None, bindings: list[str]
) -> list[Edit] | Refused:
    source, newline = site.source, newline_of(site.source.content)
    if statement is None:
        return with_first_statement(
            source, definition, f"{newline}{indent_of(source, definition)}  ".join(bindings)
        )
    if not begins_its_line(source, statement):
        return Refused(f"the call at {site.place} has no line of its own: bind the fields by hand")
    lines = f"{newline}{indent_of(source, statement)}".join(bindings)
    return [_above(source, statement, lines)]


def _above(source: Source, statement: Node, lines: str) -> Edit:
    """In front of the comments on the statement too."""
    first = first_comment_above(source, statement)
    edit = line_before(source, statement, lines)
    return Edit(Span(first.start_byte, 0), edit.text)


def _is_bound_in(statement: Node, captured: Captured) -> bool:
    """A pattern of the statement, outside the function, binds the variable before the function is made."""
    for node in syntax.below(statement):
        if captured.closure.span.contains(Span.of(node)):
            continue
        for pattern in _patterns(node):
            bound = any(
                n.type == "identifier" and syntax.text(n) == captured.name for n in syntax.below(pattern)
            )
            if bound and not _is_target_of(node, captured):
                return True
    return False


def _patterns(node: Node) -> Iterator[Node]:
    if node.type == "stab_clause":
        yield from syntax.stab_parts(node)[0]
    elif node.type == "binary_operator" and syntax.operator(node) in ("=", "<-"):
        pattern = syntax.left(node)
        if pattern is not None:
            yield pattern


def _is_target_of(match: Node, captured: Captured) -> bool:
    """`socket = start_async(socket, ...)`: bound by what the call gives."""
    value = syntax.right(match) if match.type == "binary_operator" and syntax.operator(match) == "=" else None
    return value is not None and Span.of(value).contains(captured.closure.span)


def _names(definition: Node, found: list[Captured]) -> dict[str, str]:
    """A new variable for each path: named after its field, with what is before it where that is taken."""
    taken = _variables(definition)
    names: dict[str, str] = {}
    for captured in found:
        for path in captured.paths:
            written = syntax.text(path)
            if written not in names:
                names[written] = _free_name([captured.name, *field_names(path)], taken | set(names.values()))
    return names


def _variables(definition: Node) -> set[str]:
    """Every name in a definition that may be a variable, or a call without parentheses."""
    found: set[str] = set()
    waiting = [definition]
    while waiting:
        node = waiting.pop()
        if node.type == "identifier":
            found.add(syntax.text(node))
        waiting += values_in(node)
    return found


def _free_name(parts: list[str], taken: set[str]) -> str:
    for length in range(1, len(parts) + 1):
        name = "_".join(parts[-length:])
        if name not in taken:
            return name
    number = 2
    while (name := f"{'_'.join(parts)}_{number}") in taken:
        number += 1
    return name
