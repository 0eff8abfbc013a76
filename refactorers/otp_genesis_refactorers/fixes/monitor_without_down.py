"""OTP108: the server gets a clause for `:DOWN` that takes the pid out of where it was put."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.calls.results import bound_variable
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site
from otp_genesis_refactorers.rewriting.callback_clauses import add_info_clauses, state_names, whole_state
from otp_genesis_refactorers.rewriting.places import place_of, written

_NOTE = (
    "The clause takes the process out of `{container}`; what else was kept for it is not known to the fix."
)
_NO_CONTAINER = "is no element of a list or set and no key of a map that the state holds"
_PUTS = frozenset({"Map", "MapSet"})


class _Container(NamedTuple):
    """`text` is the container as written, `key` the variable put in, `delete` the function that undoes it."""

    text: str
    key: str
    delete: str


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    refusal = _unfit(site)
    if refusal is not None:
        return refusal
    container = _only_container(site)
    if isinstance(container, Refused):
        return container
    edit = add_info_clauses(site.source, site.site.module, [_clause(container, bound_variable(site.call))])
    if isinstance(edit, Refused):
        return edit
    return Change(
        title="Take the end of the monitored process in handle_info/2",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, [edit]),),
        notes=(_NOTE.format(container=container.text),),
    )


def _unfit(site: CallSite) -> Refused | None:
    options = next((term for term in site.call.args[1:] if term.get("tag") is not None), None)
    if options is not None:
        return Refused(
            f"the monitor at {site.place} has a `tag:` of its own, under which its message comes instead of "
            "`:DOWN`: write the clause of `handle_info/2` for that"
        )
    watched, guard = site.call.args[0], site.site.clause.guard
    if guard is not None and f"is_atom({watched.value})" in site.source.text(guard):
        return Refused(
            f"the monitor at {site.place} is of a name, and `:DOWN` brings `{{name, node}}` in its place: "
            "keep the reference that `Process.monitor/1` gives, and take the process out by that"
        )
    return None


def _clause(container: _Container, reference: str) -> list[str]:
    state, _, field = container.text.partition(".")
    without = f"{container.delete}({container.text}, {container.key})"
    new_state = f"%{{{state} | {field}: {without}}}" if field else without
    by_reference = container.key == reference
    names = (container.key, "_pid") if by_reference else ("_ref", container.key)
    return [
        f"def handle_info({{:DOWN, {names[0]}, :process, {names[1]}, _reason}}, {state}) do",
        f"  {{:noreply, {new_state}}}",
        "end",
    ]


def _only_container(site: CallSite) -> _Container | Refused:
    definition = site.source.node_at(site.site.clause.span)
    watched = argument_nodes(site.source, site.call)[0]
    keys = {syntax.text(watched) if watched.type == "identifier" else "", bound_variable(site.call)} - {""}
    scope = place_of(site.source, site.site.clause.span).scope
    found = {
        container
        for container in _containers(definition, scope)
        if container.key in keys and _is_of_state(site, container.text)
    }
    if len(found) == 1:
        return found.pop()
    names = ", ".join(sorted(f"`{container.text}`" for container in found))
    what = f"is put into {len(found)} containers, {names}" if found else _NO_CONTAINER
    return Refused(
        f"what is monitored at {site.place} {what}: "
        "write a `handle_info({:DOWN, ref, :process, pid, reason}, state)` that undoes what was done for it"
    )


def _is_of_state(site: CallSite, text: str) -> bool:
    """The state itself in a callback, or a field of it, also in a function that a callback hands it to."""
    variable, _, field = text.partition(".")
    if variable == whole_state(site.site.function.id, site.site.clause):
        return "." not in field
    names = {name for names in state_names(site.site.module).values() for name in names}
    return bool(field) and "." not in field and variable in names


def _containers(node: Node, scope: Scope) -> Iterator[_Container]:
    """Every place below a node where a variable is put into a list, a map or a set."""
    for child in node.named_children:
        yield from _containers(child, scope)
    inner = syntax.children(node)
    if node.type == "list" and len(inner) == 1 and syntax.operator(inner[0]) == "|":
        head, tail = syntax.left(inner[0]), syntax.right(inner[0])
        if head is not None and tail is not None and head.type == "identifier":
            yield _Container(syntax.text(tail), syntax.text(head), "List.delete")
    elif node.type == "call":
        yield from _put(node, scope)


def _put(call: Node, scope: Scope) -> Iterator[_Container]:
    target = syntax.call_target(call)
    receiver = syntax.left(target) if target is not None and target.type == "dot" else None
    name = syntax.right(target) if target is not None and target.type == "dot" else None
    module = scope.resolve(syntax.text(receiver)) if receiver is not None else ""
    if receiver is None or name is None or module not in _PUTS:
        return
    delete = f"{written(module, scope)}.delete"
    arguments = syntax.arguments(call)
    parent = call.parent
    if parent is not None and parent.type == "binary_operator" and syntax.operator(parent) == "|>":
        before = syntax.left(parent)
        arguments = [before, *arguments] if before is not None and before != call else arguments
    if syntax.text(name) == "put" and len(arguments) >= 2 and arguments[1].type == "identifier":
        yield _Container(syntax.text(arguments[0]), syntax.text(arguments[1]), delete)
