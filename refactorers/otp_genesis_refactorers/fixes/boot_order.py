"""OTP309: of two children in the wrong order, the one that is used goes in front of its user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from otp_genesis_analyzers.across_modules.start_order import gives, needs, user_and_giver
from otp_genesis_analyzers.facts.model import Child
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.supervision import SupervisorNode, forest
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.child_list import ChildListText, Unreadable, find_child_list
from otp_genesis_refactorers.rewriting.child_order import reordered
from otp_genesis_refactorers.rewriting.edits import edits_between


class _WrongOrder(NamedTuple):
    node: SupervisorNode
    user: int
    giver: int

    @property
    def children(self) -> tuple[Child, ...]:
        return self.node.children.children


def fix(finding: Finding, project: Project) -> Change | Refused:
    wrong = _wrong_order(finding, project)
    if wrong is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    children = _list_of(project, wrong)
    if isinstance(children, Refused):
        return children
    order = _order(project, wrong)
    if order is None:
        early, late = _words(wrong.children[wrong.user]), _words(wrong.children[wrong.giver])
        return Refused(
            f"`{early}` and `{late}` both need what stands between them: order the list by hand, or let one "
            "of them do its work in `handle_continue/2`"
        )
    content = reordered(children, order)
    if isinstance(content, Refused):
        return content
    before = children.source.content
    late, early = _words(wrong.children[wrong.giver]), _words(wrong.children[wrong.user])
    return Change(
        title=f"Start {late} before {early}",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, before, edits_between(before, content)),),
        notes=("At shutdown children end in the opposite order.",),
    )


def _wrong_order(finding: Finding, project: Project) -> _WrongOrder | None:
    for node in forest(project).nodes:
        if node.path == finding.path and node.children.kind == "static":
            children = node.children.children
            for user, giver, _ in user_and_giver(project, children):
                named = f"{_words(children[user])} {_words(children[giver])}"
                if children[user].span.contains(finding.span) and named == finding.snippet:
                    return _WrongOrder(node, user, giver)
    return None


def _list_of(project: Project, wrong: _WrongOrder) -> ChildListText | Refused:
    """The text of the list, when its items are just the children in their order."""
    node = wrong.node
    source = Source(node.path, project.read(node.path))
    gives_list = "init" if node.children.function == "init/1" else "start_link"
    found = find_child_list(source, node.module.name, node.children.function, gives_list)
    if isinstance(found, Unreadable):
        where = place(source, found.byte_offset)
        return Refused(f"{found.reason}: change the order by hand ({where})")
    starts = [item.start_byte for item in found.items]
    if starts != [child.span.start for child in wrong.children]:
        where = place(source, found.list.start_byte)
        return Refused(f"the children are more than the list at {where}: change their order by hand")
    return found


def _order(project: Project, wrong: _WrongOrder) -> Sequence[int] | None:
    """The giver in front of its user; where it needs something in between itself, the user behind it."""
    children, user, giver = wrong.children, wrong.user, wrong.giver
    positions = list(range(len(children)))
    if not _relies_on(project, children[giver], children[user:giver]):
        return [*positions[:user], giver, *positions[user:giver], *positions[giver + 1 :]]
    between = children[user + 1 : giver + 1]
    if not any(_relies_on(project, child, (children[user],)) for child in between):
        return [*positions[:user], *positions[user + 1 : giver + 1], user, *positions[giver + 1 :]]
    return None


def _relies_on(project: Project, child: Child, others: Sequence[Child]) -> bool:
    given = frozenset[str]().union(*(gives(project, other) for other in others))
    return any(need.name in given for need in needs(project, child))


def _words(child: Child) -> str:
    return child.module or child.name
