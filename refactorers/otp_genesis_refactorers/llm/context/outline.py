"""The outline of a mix project: its supervision tree and its modules, the same for every finding in it."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.project import MixApp, Project
from otp_genesis_analyzers.source import LineIndex
from otp_genesis_analyzers.supervision import SupervisorNode, forest


def supervision_tree(project: Project, app: MixApp | None) -> str:
    """Each list of children of the app's supervisors, with where it stands; empty without any."""
    return "\n".join(line for node in _nodes(project, app) for line in _node(project, node))


def module_list(project: Project, app: MixApp | None, most_characters: int) -> str:
    """A line for each module of the application code: what it is, its file; cut off where it gets long."""
    lines: list[str] = []
    left = most_characters
    every = [*_modules(project, app)]
    for line in every:
        left -= len(line) + 1
        if left < 0:
            return "\n".join([*lines, f"… and {len(every) - len(lines)} more"])
        lines.append(line)
    return "\n".join(lines)


def _nodes(project: Project, app: MixApp | None) -> Iterator[SupervisorNode]:
    return (node for node in forest(project).nodes if node.app == app)


def _node(project: Project, node: SupervisorNode) -> Iterator[str]:
    children = node.children
    line = LineIndex(project.read(node.path)).line_of(children.span.start) + 1
    name = children.supervisor or node.module.name
    how = f", {children.strategy}" if children.strategy else ""
    added = ", children added at run time" if children.kind == "dynamic" else ""
    yield f"{name} ({node.path}:{line}, in {children.function}{how}{added})"
    for child in children.children:
        details = [
            f"named {child.name}" if child.name and child.name != child.module else "",
            f"restart {child.restart}" if child.restart else "",
            "only in some configuration" if child.conditional else "",
        ]
        said = ", ".join(filter(None, details))
        yield f"  - {child.module or 'only known at run time'}{f' ({said})' if said else ''}"
    if not children.complete:
        yield "  - and more that only the run time knows"


def _modules(project: Project, app: MixApp | None) -> Iterator[str]:
    for path, analysis in sorted(project.files.items()):
        if project.app_of(path) != app or not project.role_of(path).is_application_code:
            continue
        for module in analysis.facts.modules:
            what = ", ".join(sorted(kinds(module)))
            yield f"{module.name}{f' ({what})' if what else ''} {path}"
        yield from (f"{name} {path}" for name in analysis.facts.unread)
