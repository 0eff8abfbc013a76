"""When the processes of a project are started: what is started later may need what is started before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.supervision import SupervisorNode, forest

_DEEPEST = 20


def start_ranks(project: Project) -> Mapping[str, int]:
    """The position of each module that a supervisor starts, over all apps, in the order of their folders.

    A supervisor comes before its children. What is started at run time stands where its supervisor does.
    """
    ranks: dict[str, int] = {}
    for app in sorted(project.apps, key=lambda app: app.folder):
        if app.application:
            for module in _started(app.application, _by_module(project), _DEEPEST):
                ranks.setdefault(module, len(ranks))
    return ranks


def ranks_of_files(project: Project) -> Mapping[str, int]:
    """The same by path: the earliest of a file's modules."""
    ranks = start_ranks(project)
    found: dict[str, int] = {}
    for path, analysis in project.files.items():
        own = [ranks[module.name] for module in analysis.facts.modules if module.name in ranks]
        own += [ranks[name] for name in analysis.facts.unread if name in ranks]
        if own:
            found[path] = min(own)
    return found


def _by_module(project: Project) -> Mapping[str, tuple[SupervisorNode, ...]]:
    nodes: dict[str, list[SupervisorNode]] = {}
    for node in forest(project).nodes:
        nodes.setdefault(node.module.name, []).append(node)
    return {name: tuple(own) for name, own in nodes.items()}


def _started(module: str, nodes: Mapping[str, tuple[SupervisorNode, ...]], depth: int) -> Iterator[str]:
    yield module
    for node in nodes.get(module, ()) if depth else ():
        for child in node.children.children:
            if child.module and child.module != module:
                yield from _started(child.module, nodes, depth - 1)
