"""The whole forest of a project."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from otp_genesis_analyzers.forest.growing import Growing
from otp_genesis_analyzers.forest.model import Homeless, Outside, Process, ProcessForest, Tree
from otp_genesis_analyzers.forest.outside import outside
from otp_genesis_analyzers.forest.roles import is_supervisor
from otp_genesis_analyzers.forest.tasks import SupervisedTask, supervised_tasks
from otp_genesis_analyzers.project import MixApp, ModuleEntry, Project
from otp_genesis_analyzers.supervision import SupervisorNode, forest


def process_forest(project: Project) -> ProcessForest:
    """Every process that the applications of the project are seen to start; tests and scripts are left out.

    The trees of the applications come first, in the order of their folders.
    """
    supervision = forest(project)
    started_outside = tuple(outside(project, supervision))
    added: dict[str, list[SupervisorNode]] = defaultdict(list)
    for node in supervision.nodes:
        if node.children.kind == "dynamic" and project.role_of(node.path).is_application_code:
            added[node.children.supervisor].append(node)
    tasks: dict[str, list[SupervisedTask]] = defaultdict(list)
    for task in supervised_tasks(project):
        tasks[task.supervisor].append(task)
    growing = Growing(project, dict(added), dict(tasks))
    trees = [
        *_applications(growing),
        *_unstarted(growing, set(supervision.started), started_outside),
    ]
    homeless = [*_homeless(growing)]
    trees += _unstarted(growing, set(), started_outside)  # those that only start each other
    homeless = [one for one in homeless if not one.supervisor or one.supervisor not in growing.housed]
    broken = sorted(
        path
        for path, analysis in project.files.items()
        if analysis.facts.broken and project.role_of(path).is_application_code
    )
    return ProcessForest(tuple(trees), tuple(homeless), started_outside, tuple(broken))


def _applications(growing: Growing) -> Iterator[Tree]:
    for app in sorted(growing.project.apps, key=lambda app: app.folder):
        entry = growing.project.modules.get(app.application)
        if entry is not None:
            yield Tree(app, growing.tree().application(entry))
        elif app.application or (not app.application_known and not app.umbrella):
            yield Tree(app, _out_of_sight(app))


def _out_of_sight(app: MixApp) -> Process:
    mix_file = f"{app.folder}/mix.exs" if app.folder else "mix.exs"
    reason = (
        f"the module is not in the project, though {mix_file} names it"
        if app.application
        else f"`mod:` can't be read out of {mix_file}"
    )
    return Process(role="application", started="application", module=app.application, unknown=(reason,))


def _unstarted(growing: Growing, elsewhere: set[str], by_code: Iterable[Outside]) -> Iterator[Tree]:
    """The supervisors that stand in no tree yet and that nothing `elsewhere` starts."""
    project = growing.project
    applications = {app.application for app in project.apps}
    starts: dict[str, list[Outside]] = defaultdict(list)
    for start in by_code:
        starts[start.module].append(start)
    for name, entry in sorted(project.modules.items()):
        if name in growing.grown or name in elsewhere or name in applications:
            continue
        if project.role_of(entry.path).is_application_code and _starts_children(entry):
            here = starts.get(name, ())
            starters = tuple(dict.fromkeys(start.starter for start in here))
            place = here[0].place if here else None
            started = "by code" if here else "nobody"
            root = growing.tree().module(entry, started, starters, place)
            yield Tree(project.app_of(entry.path), root)


def _starts_children(entry: ModuleEntry) -> bool:
    return entry.module.kind == "defmodule" and is_supervisor(entry.module)


def _homeless(growing: Growing) -> Iterator[Homeless]:
    for name, nodes in sorted(growing.added.items()):
        if not name or name not in growing.housed:
            for node in nodes:
                for process in growing.tree().added(node):
                    yield Homeless(node.app, name, process)
    for name, tasks in sorted(growing.tasks.items()):
        if not name or name not in growing.housed:
            for task in tasks:
                yield Homeless(task.app, name, task.process)
