"""The supervision forest: which modules are started by a supervisor, where, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from otp_genesis_analyzers.facts.model import Child, ChildList, Module
from otp_genesis_analyzers.project import MixApp, Project


@dataclass(frozen=True, slots=True)
class SupervisorNode:
    """One child list and the code that starts it."""

    app: MixApp | None
    path: str
    module: Module
    children: ChildList


@dataclass(frozen=True)
class Forest:
    """Every child list of the workspace; those that tests start are left out."""

    nodes: tuple[SupervisorNode, ...]
    started: Mapping[str, tuple[tuple[SupervisorNode, Child], ...]]
    """By module name: the supervisors that start it, statically or with `start_child`."""

    def of_app(self, app: MixApp) -> Iterator[SupervisorNode]:
        return (node for node in self.nodes if node.app == app)

    def complete(self, app: MixApp) -> bool:
        """Every static child list of the app is known to its last entry."""
        return all(node.children.complete for node in self.of_app(app) if node.children.kind == "static")

    def named(self, app: MixApp, module: str) -> tuple[str, ...]:
        """The names under which the app's tree always starts `module` ("Task.Supervisor")."""
        return tuple(
            child.name
            for node in self.of_app(app)
            if node.children.kind == "static"
            for child in node.children.children
            if child.module == module and child.name and not child.conditional
        )


def forest(project: Project) -> Forest:
    return project.derived(_forest)


def _forest(project: Project) -> Forest:
    nodes = tuple(_nodes(project))
    started: dict[str, list[tuple[SupervisorNode, Child]]] = {}
    for node in nodes:
        for child in node.children.children:
            for module in _modules_of(child):
                started.setdefault(module, []).append((node, child))
    return Forest(nodes, {module: tuple(places) for module, places in started.items()})


def _nodes(project: Project) -> Iterator[SupervisorNode]:
    for path, analysis in sorted(project.files.items()):
        if project.role_of(path).is_test:
            continue
        app = project.app_of(path)
        for module in analysis.facts.modules:
            for children in module.child_lists:
                if children.kind != "test":
                    yield SupervisorNode(app, path, module, children)


def _modules_of(child: Child) -> Iterator[str]:
    """The module of a child, and the one that it wraps (`{PartitionSupervisor, child_spec: Shop.Worker}`)."""
    if child.module:
        yield child.module
    if child.argument is not None:
        for term in child.argument.walk():
            if term.kind == "module":
                yield term.value
