"""Who starts one module: the question of a person who looks at it, answered from facts alone."""

from __future__ import annotations

from msgspec import Struct

from otp_genesis_analyzers.across_modules.process_owners import is_in_tree
from otp_genesis_analyzers.facts.model import Child
from otp_genesis_analyzers.forest.model import Place
from otp_genesis_analyzers.forest.outside import starts_outside
from otp_genesis_analyzers.forest.restart import restart_of
from otp_genesis_analyzers.forest.roles import DYNAMIC, behaviour_of
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.source import Span
from otp_genesis_analyzers.supervision import SupervisorNode, forest


class Supervision(Struct, frozen=True, array_like=True):
    """One supervisor of a module. `strategy`, `restart` and `supervisor` are empty where not certain."""

    supervisor: str
    strategy: str
    restart: str
    starter: str
    """The function that adds it with `start_child`; empty for a child of the list."""
    conditional: bool
    place: Place


class Whereabouts(Struct, frozen=True, array_like=True):
    behaviour: str
    application: str
    """The app whose application module it is."""
    supervised: tuple[Supervision, ...]
    outside: tuple[tuple[str, Place], ...]
    """The functions that start it outside of every supervisor."""
    certain: bool
    """Every child list of its app is known to its end."""


def whereabouts(project: Project, entry: ModuleEntry) -> Whereabouts | None:
    """None for a module that is no process, as far as can be seen."""
    trees, name = forest(project), entry.module.name
    app = project.app_of(entry.path)
    supervised = tuple(
        _supervision(project, node, child)
        for node, child in trees.started.get(name, ())
        if name == child.module or child.module == "PartitionSupervisor"
    )
    found = Whereabouts(
        behaviour=behaviour_of(entry.module),
        application=app.name if app is not None and app.application == name else "",
        supervised=supervised,
        outside=() if supervised else tuple(starts_outside(project, trees, name)),
        certain=is_in_tree(project, trees, app, name) != "unknown",
    )
    is_process = found.behaviour or found.application or found.supervised or found.outside
    return found if is_process else None


def module_at(project: Project, path: str, name: Span, written: str) -> ModuleEntry | None:
    """The module that is `written` at `name` in a `defmodule`, a child list or before a call's dot."""
    last = written.rpartition(".")[2]
    for module in project.files[path].facts.modules:
        if module.name_span.contains(name):
            return project.modules.get(module.name)
        for children in module.child_lists:
            for child in children.children:
                is_first = name.start - child.span.start in (0, 1)  # behind the brace
                if child.span.contains(name) and (is_first or child.module.rpartition(".")[2] == last):
                    return project.modules.get(child.module)
        for function in module.functions:
            for clause in function.clauses:
                for call in clause.calls:
                    if name.start - call.head.start in (0, 1) and call.head.contains(name):  # behind an `&`
                        return project.modules.get(call.module)
    return None


def _supervision(project: Project, node: SupervisorNode, child: Child) -> Supervision:
    children = node.children
    added = children.kind == "dynamic"
    own_name = node.module.name if not added else ""
    one_for_one = behaviour_of(node.module) in DYNAMIC and not added
    return Supervision(
        supervisor=children.supervisor or own_name,
        strategy="one_for_one" if one_for_one else children.strategy,
        restart=restart_of(project, child) if child.module != "PartitionSupervisor" else "",
        starter=f"{node.module.name}.{children.function}" if added else "",
        conditional=child.conditional,
        place=Place(node.path, child.span),
    )
