"""The edit that several fixes share: see that an application's tree has a `Task.Supervisor`.

One that is there is reused. Else a child is added to the list that the application gives its
top supervisor. A list is only edited where its text can be read without doubt; for any other
the refusal says which line to add by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otp_genesis_analyzers.facts.model import Child, Module
from otp_genesis_analyzers.project import MixApp
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.supervision import SupervisorNode
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.child_list import (
    ChildListText,
    Unreadable,
    find_child_list,
    with_child,
)
from otp_genesis_refactorers.rewriting.edits import common_prefix_length
from otp_genesis_refactorers.rewriting.formatter import line_length_of
from otp_genesis_refactorers.rewriting.places import written
from otp_genesis_refactorers.supervision.start_order import position_before_users, starting_modules
from otp_genesis_refactorers.whole_project import WholeProject

TASK_SUPERVISOR = "Task.Supervisor"


def owning_application(whole: WholeProject, path: str) -> MixApp | Refused:
    """The mix project of a file, if it has an application module whose file is in the project and healthy."""
    app = whole.project.app_of(path)
    if app is None:
        return Refused(f"{path} belongs to no mix project, so no application could supervise the task")
    mix_file = f"{app.folder}/mix.exs" if app.folder else "mix.exs"
    if not app.application:
        if not app.application_known:
            return Refused(
                f"the application module can't be read out of {mix_file}: give `mod:` as a literal"
            )
        return Refused(
            f"{app.name or mix_file} starts no application of its own: let its caller hand in the name of a "
            "Task.Supervisor, as a `:task_supervisor` option"
        )
    entry = whole.module(app.application)
    if entry is None or whole.project.app_of(entry.path) != app:
        return Refused(f"{app.application}, the application module that {mix_file} names, was not found")
    if whole.facts(entry.path).broken:
        return Refused(f"{entry.path} has syntax errors: correct them first")
    return app


def find_task_supervisor(whole: WholeProject, app: MixApp, caller: str) -> str | None:
    """The name of a Task.Supervisor that the app's tree always starts, the one named most like `caller`.

    One with `max_children` is somebody's own: it would turn away what it has no room for.
    """
    names = [
        child.name
        for node in _tree(whole, app)
        for child in node.children.children
        if child.module == TASK_SUPERVISOR and child.name and not child.conditional and not _is_limited(child)
    ]
    return max(names, key=lambda name: _shared_parts(name, caller), default=None)


def _tree(whole: WholeProject, app: MixApp) -> Iterator[SupervisorNode]:
    """The supervisors that run whenever the application does, the top one first."""
    nodes = [node for node in whole.forest.of_app(app) if node.children.kind == "static"]
    running = [app.application, *_started_by(whole, app.application)]
    for module in running:
        for node in nodes:
            if node.module.name == module:
                yield node
                running += [
                    child.module
                    for child in node.children.children
                    if not child.conditional and child.module not in running
                ]


def _started_by(whole: WholeProject, application: str) -> list[str]:
    """Modules whose `start_link` the application module calls: a top supervisor in a module of its own."""
    entry = whole.module(application)
    start = entry.module.function("start", 2) if entry is not None else None
    return [
        call.module
        for clause in (start.clauses if start is not None else ())
        for call in clause.calls
        if call.name == "start_link" and whole.module(call.module) is not None
    ]


def _starts_supervisor(application: Module) -> bool:
    start = application.function("start", 2)
    clauses = start.clauses if start is not None else ()
    return any(call.is_to("Supervisor", "start_link") for clause in clauses for call in clause.calls)


def starts_too_late(whole: WholeProject, app: MixApp, name: str, caller: str) -> bool:
    """The module that starts tasks under the Task.Supervisor `name` is a child that is started before it."""
    for node in _tree(whole, app):
        modules = [child.module for child in node.children.children]
        names = [child.name for child in node.children.children]
        if name in names and caller in modules[: names.index(name)]:
            return True
    return False


def _is_limited(child: Child) -> bool:
    return child.argument is not None and child.argument.get("max_children") is not None


def _shared_parts(name: str, caller: str) -> int:
    return common_prefix_length(name.split("."), caller.split("."))


def free_name(whole: WholeProject, app: MixApp) -> str | Refused:
    """A name for a new Task.Supervisor that nothing in the project goes by."""
    namespace = app.application.removesuffix(".Application")
    if namespace == app.application:
        namespace = _camelised(app.name) or app.application.partition(".")[0]
    taken = {child.name for node in whole.forest.nodes for child in node.children.children}
    for last_part in ("TaskSupervisor", "BackgroundTaskSupervisor"):
        name = f"{namespace}.{last_part}"
        if name not in taken and whole.module(name) is None:
            return name
    return Refused(
        f"{namespace}.TaskSupervisor is taken: start a Task.Supervisor of another name, then try again"
    )


def _camelised(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def add_task_supervisor(
    whole: WholeProject, app: MixApp, name: str, caller: str, rewritten: Mapping[str, bytes]
) -> dict[str, bytes] | Refused:
    """The file in which the child was added, by its path, for tasks that the module `caller` starts.

    `rewritten` are files that have another content by now than the project.
    """
    starting = starting_modules(whole, app) | {caller}
    return _with_child(whole, app, (TASK_SUPERVISOR, name), starting, rewritten)


def add_child(
    whole: WholeProject, app: MixApp, module: str, users: frozenset[str]
) -> dict[str, bytes] | Refused:
    """The file in which a module became a child, in front of the first child that may lead to its `users`."""
    return _with_child(whole, app, (module, ""), users, {})


def _with_child(
    whole: WholeProject,
    app: MixApp,
    child: tuple[str, str],
    users: frozenset[str],
    rewritten: Mapping[str, bytes],
) -> dict[str, bytes] | Refused:
    """`child` is a module and the name that it gets, which may be empty."""
    supervisor, children = _top_children(whole, app, rewritten)
    if isinstance(children, Unreadable):
        return Refused(
            f"{children.reason}: add `{_child(*child)}` to the children of {supervisor} "
            f"({place(children.source, children.byte_offset)}), then run the fix again"
        )
    index = position_before_users(whole, [children.modules_in(item) for item in children.items], users)
    text = _child(*(written(part, children.scope) if part else "" for part in child))
    return {children.source.path: with_child(children, index, text, line_length_of(whole.project, app))}


def _child(module: str, name: str) -> str:
    return f"{{{module}, name: {name}}}" if name else module


def _top_children(
    whole: WholeProject, app: MixApp, rewritten: Mapping[str, bytes]
) -> tuple[str, ChildListText | Unreadable]:
    """The children of the application's top supervisor, and the module in which they are listed."""
    entry, function_id, gives = whole.module(app.application), "start/2", "start_link"
    assert entry is not None, "the owning application has a module"
    started = _started_by(whole, app.application)
    top = whole.module(started[0]) if len(started) == 1 and not _starts_supervisor(entry.module) else None
    if top is not None and whole.project.app_of(top.path) == app:
        entry, function_id, gives = top, "init/1", "init"
    content = rewritten[entry.path] if entry.path in rewritten else whole.project.read(entry.path)
    name = entry.module.name
    return name, find_child_list(Source(entry.path, content), name, function_id, gives)
