"""OTP108: the server gets a clause for `:DOWN` that takes the pid out of where it was put."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.results import bound_variable
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site
from otp_genesis_refactorers.rewriting.callback_clauses import add_info_clauses, state_names, whole_state

_NOTE = (
    "The clause takes the process out of `{container}`; what else was kept for it is not known to the fix."
)
_PUTS = {"Map": ("put", "Map.delete"), "MapSet": ("put", "MapSet.delete")}


class _Container(NamedTuple):
    """`text` is the container as written, `key` the variable put in, `delete` the function that undoes it."""

    text: str
    key: str
    delete: str


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
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
    keys = {
        syntax.text(argument) for argument in syntax.arguments(site.node) if argument.type == "identifier"
    }
    keys |= {bound_variable(site.call)} - {""}
    found = {
        container
        for container in _containers(definition)
        if container.key in keys and _is_of_state(site, container.text)
    }
    if len(found) == 1:
        return found.pop()
    what = "nowhere in the state" if not found else f"in {len(found)} places of the state"
    return Refused(
        f"the monitored process is kept {what} at {site.place}: "
        "write a `handle_info({:DOWN, ref, :process, pid, reason}, state)` that undoes what was done for it"
    )


def _is_of_state(site: CallSite, text: str) -> bool:
    """The state itself in a callback, or a field of it, also in a function that a callback hands it to."""
    variable, _, field = text.partition(".")
    if variable == whole_state(site.site.function.id, site.site.clause):
        return "." not in field
    names = {name for names in state_names(site.site.module).values() for name in names}
    return bool(field) and "." not in field and variable in names


def _containers(node: Node) -> Iterator[_Container]:
    """Every place below a node where a variable is put into a list, a map or a set."""
    for child in node.named_children:
        yield from _containers(child)
    inner = syntax.children(node)
    if node.type == "list" and len(inner) == 1 and syntax.operator(inner[0]) == "|":
        head, tail = syntax.left(inner[0]), syntax.right(inner[0])
        if head is not None and tail is not None and head.type == "identifier":
            yield _Container(syntax.text(tail), syntax.text(head), "List.delete")
    elif node.type == "call":
        yield from _put(node)


def _put(call: Node) -> Iterator[_Container]:
    target = syntax.call_target(call)
    receiver = syntax.left(target) if target is not None and target.type == "dot" else None
    name = syntax.right(target) if target is not None and target.type == "dot" else None
    if receiver is None or name is None or syntax.text(receiver) not in _PUTS:
        return
    put, delete = _PUTS[syntax.text(receiver)]
    arguments = syntax.arguments(call)
    parent = call.parent
    if parent is not None and parent.type == "binary_operator" and syntax.operator(parent) == "|>":
        before = syntax.left(parent)
        arguments = [before, *arguments] if before is not None and before != call else arguments
    if syntax.text(name) == put and len(arguments) >= 2 and arguments[1].type == "identifier":
        yield _Container(syntax.text(arguments[0]), syntax.text(arguments[1]), delete)
